package dabs

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"mspecc/runtime/data"
)

// byID are the examples of both parts by what they are called.
func byID(t *testing.T, x *expectation, root fs.FS, options map[string]string) map[string]string {
	t.Helper()
	train, test, err := data.Open(x.Reader, options, root, x.Root, x.want(), data.OpenOptions{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, set := range []data.Dataset{train, test} {
		e, seen := data.NewExample(x.want(), set.Labels()), map[string]bool{}
		for i := range set.Len() {
			if err := set.Example(i, 0, e); err != nil {
				t.Fatal(err)
			}
			o, err := data.OriginOf(set, i, 0)
			if err != nil {
				t.Fatal(err)
			}
			if info, err := fs.Stat(root, o.File); err != nil || !info.Mode().IsRegular() {
				t.Fatalf("example %d is from %q: %v", i, o.File, err)
			}
			values := fmt.Sprint(e.X[:min(len(e.X), 500)], e.Tokens)
			if seen[o.ID()] && !strings.Contains(fmt.Sprint(options), "reference") { // which repeats some
				t.Errorf("two examples are %s", o.ID())
			}
			seen[o.ID()], out[o.ID()] = true, values
		}
	}
	return out
}

// Every layout says which file or row an example is, whatever the order of the examples.
func TestOrigins(t *testing.T) {
	root, shuffled := trees(t), 0
	for _, x := range expectations(t) {
		if x.Reader == "" {
			continue
		}
		t.Run(x.Name, func(t *testing.T) {
			sub, err := fs.Sub(root, x.Root)
			if err != nil {
				t.Fatal(err)
			}
			first := byID(t, &x, sub, x.Options)
			r := slices.IndexFunc(data.Readers(), func(r data.Reader) bool { return r.Name == x.Reader })
			if !slices.ContainsFunc(data.Readers()[r].Options, func(o data.Option) bool { return o.Name == "shuffle" }) {
				return
			}
			other := maps.Clone(x.Options)
			if other == nil {
				other = map[string]string{}
			}
			other["shuffle"] = "7"
			for id, values := range byID(t, &x, sub, other) {
				if was, ok := first[id]; ok {
					if shuffled++; was != values {
						t.Errorf("%s is another example in another order", id)
					}
				}
			}
		})
	}
	if shuffled < 50 {
		t.Errorf("%d examples were compared", shuffled)
	}
}
