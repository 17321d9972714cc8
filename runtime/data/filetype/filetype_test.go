package filetype

import (
	"slices"
	"strings"
	"testing"
)

// Every type can be told from all others by a file that has its signature and nothing else, and says what to do.
func TestOf(t *testing.T) {
	for _, group := range append(slices.Clone(groups), struct {
		kind Kind
		all  []signature
	}{Misc, marked}) {
		for _, s := range group.all {
			s.Kind = group.kind
			head := strings.Repeat("\x07", s.at) + strings.ReplaceAll(s.magic, "?", "\x07")
			got, ok := Of([]byte(head))
			if !ok || got != s.Type {
				t.Errorf("%s at %d, %q: %q", s.Name, s.at, s.magic, got.Name)
			}
			if s.Fix == "" || s.Name[0] != 'a' {
				t.Errorf("%+v", s)
			}
		}
	}
	for _, head := range []string{"", "a,b,c\n1,2,3\n", "{\"a\": 1}\n", "0       1       2\n", ">chr1\nACGT", strings.Repeat("\x00", 1024)} {
		if got, ok := Of([]byte(head)); ok {
			t.Errorf("%.20q is %s", head, got.Name)
		}
	}
	if got, _ := Of([]byte("\xef\xbb\xbf\n<!DOCTYPE HTML>")); !strings.Contains(got.Name, "web page") {
		t.Errorf("a web page is %q", got.Name)
	}
	if err := Other([]byte("NIST_1A\n   1024\n"), "no WAV", "WAV is known"); err.Error() != "is a NIST SPHERE recording, as in TIMIT, no WAV" || err.(*Error).Fix == "" {
		t.Error(err)
	}
	if err := Other([]byte("hello"), "no WAV", "WAV is known"); err.Error() != "is no WAV; WAV is known" {
		t.Error(err)
	}
}
