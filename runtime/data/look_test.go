package data

import (
	"strings"
	"testing"
)

// How examples are shown is known through the wrapper that leaves out bad records, and a data
// set need not say.
func TestLook(t *testing.T) {
	set := &genomes{}
	for _, d := range []Dataset{set, tolerant{set, &Skip{Limit: 1}}, &subset{Dataset: scaled{Dataset: set}}} {
		if got := strings.Join(LookOf(d).Words, ""); got != "ACGT" {
			t.Errorf("bases are written %q", got)
		}
	}
	if look := LookOf(struct{ Dataset }{set}); look.Words != nil || look.Spectrogram {
		t.Errorf("a data set that says nothing looks like %+v", look)
	}
}
