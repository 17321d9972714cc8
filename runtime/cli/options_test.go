package cli

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"mspecc/runtime/data"
	"mspecc/runtime/options"
)

// A trainer has the readers that the compiler checks specs by, and no other.
func TestReadersAreListed(t *testing.T) {
	if got := readers(); !slices.Equal(got, options.ReaderNames()) {
		t.Errorf("a trainer has %v, package options lists %v", got, options.ReaderNames())
	}
}

// A value that an option does not take is refused by its reader too, which is how users get to
// know of a wrong --data-option.
func TestOptionValues(t *testing.T) {
	wrong := []string{"?[", "yes", "0.5.1", "-1", "a,a", "../x", "(", ""}
	for _, r := range data.Readers() {
		for _, o := range r.Options {
			i := slices.IndexFunc(wrong, func(v string) bool { return !o.Fits(v) })
			if i < 0 {
				continue // any text is right
			}
			_, _, err := data.Open(r.Name, map[string]string{o.Name: wrong[i]}, fstest.MapFS{"x": {}}, "here", data.Want{{Shape: []int{3}}}, data.OpenOptions{})
			if err == nil || !strings.Contains(err.Error(), "option "+o.Name) || !strings.Contains(err.Error(), o.Type.Want) {
				t.Errorf("%s(%s: %q): %v", r.Name, o.Name, wrong[i], err)
			}
		}
	}
}
