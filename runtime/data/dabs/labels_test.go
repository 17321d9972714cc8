package dabs

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"mspecc/runtime/data"
)

// Labels of sequences keep their digits, and those that are missing are missing; a vocabulary or annotations that are not
// UTF-8 are refused.
func TestLabelsOfSequences(t *testing.T) {
	want := data.Want{{Shape: []int{2}, Tokens: true, Vocab: 4}}
	open := func(kind string, labels ...string) string {
		text := "primary,y\n"
		for _, y := range labels {
			text += "AC,\"" + y + "\"\n"
		}
		root := fstest.MapFS{"a.csv": {Data: []byte(text)}}
		train, _, err := data.Open("sequences", map[string]string{"train": "a.csv", "test": "a.csv", "label": "y", "alphabet": "ACGT", "pad": "A", "kind": kind, "classes": "3"}, root, "folder", want, data.OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		e := data.NewExample(want, train.Labels())
		var out []string
		for i := range train.Len() {
			if err := train.Example(i, 0, e); err != nil {
				t.Fatal(err)
			}
			out = append(out, fmt.Sprint(e.Labels))
		}
		return strings.Join(out, " ")
	}
	if got := open("number", "1700000003", "0.1", "nan", "[None]", ""); got != "[1.700000003e+09] [0.1] [NaN] [NaN] [NaN]" {
		t.Errorf("numbers: %s", got)
	}
	if got := open("class", "0", "-1", "2"); got != "[0] [NaN] [2]" {
		t.Errorf("classes: %s", got)
	}
	if got := open("tokens", "[0, -1]", "[2, -100]"); got != "[0 NaN] [2 NaN]" {
		t.Errorf("tokens: %s", got)
	}
}
