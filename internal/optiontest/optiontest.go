// Package optiontest proves that options of data readers do something: for every option of the tables there
// must be a case in which the data are read otherwise with it than without.
package optiontest

import (
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"testing"

	"mspecc/runtime/data"
	"mspecc/runtime/options"
)

// Case is data that are read otherwise where an option has another value.
type Case struct {
	Files  fs.FS
	Want   data.Want
	Others map[string]string // options that are given either way
	Value  string            // of the option that is tried
	Before string            // its value in the reading that is compared; "": it is not given
	Refuse string            // a value that is refused with these data, for an option that but says what must hold
}

// Check fails for every option of the readers without a case, named READER.OPTION, and for every
// one that does nothing in its case.
func Check(t *testing.T, readers []string, cases map[string]Case) {
	t.Helper()
	known := map[string]bool{}
	for _, name := range readers {
		r, ok := options.Find(name)
		if !ok {
			t.Errorf("there is no reader %s", name)
		}
		for _, o := range r.Options {
			key := name + "." + o.Name
			known[key] = true
			c, ok := cases[key]
			if !ok {
				t.Errorf("%s: nothing proves that it does something; add a case with data that are read otherwise where it is given", key)
				continue
			}
			c.check(t, r, o)
		}
	}
	for key := range cases {
		if !known[key] {
			t.Errorf("there is no option %s", key)
		}
	}
}

func (c Case) check(t *testing.T, r options.Reader, o options.Option) {
	t.Helper()
	key := r.Name + "." + o.Name
	if c.Refuse != "" {
		text, _ := c.read(r, o, c.Refuse, true)
		if given, bad := c.read(r, o, c.Value, true); bad || !strings.Contains(text, "option "+o.Name+" is ") {
			t.Errorf("%s: %q gives\n%s\n%q gives\n%s", key, c.Value, given, c.Refuse, text)
		}
		return
	}
	read := func(value string, given bool) string {
		text, bad := c.read(r, o, value, given)
		if bad {
			t.Errorf("%s: %q is refused: %s", key, value, text)
		}
		return text
	}
	without, with := read(c.Before, c.Before != ""), read(c.Value, true)
	if without == with {
		t.Errorf("%s does nothing: with %q and with %q the reader gives\n%.400s", key, c.Before, c.Value, with)
	}
	if strings.HasPrefix(without, "error: ") && strings.HasPrefix(with, "error: ") {
		t.Errorf("%s: the data cannot be read either way:\n%s\n%s", key, without, with)
	}
}

// read reads the data; refused says that it is the option's own value which is wrong.
func (c Case) read(r options.Reader, o options.Option, value string, given bool) (text string, refused bool) {
	all := map[string]string{}
	if _, splits := r.Option("test_fraction"); splits {
		all["test_fraction"] = "0.34" // a tenth of few examples is none
	}
	maps.Copy(all, c.Others)
	if given {
		all[o.Name] = value
	}
	text = Read(r.Name, c.Files, c.Want, all)
	return text, strings.Contains(text, "option "+o.Name+" is ")
}

// Read is everything that a reader gives, as text: two epochs of both parts, labels, and what is learned; or its error.
func Read(reader string, files fs.FS, want data.Want, given map[string]string) string {
	train, test, err := data.Open(reader, given, files, "data", want, data.OpenOptions{Seed: 1})
	if err != nil {
		return "error: " + err.Error()
	}
	var b strings.Builder
	for i, set := range []data.Dataset{train, test} {
		fmt.Fprintf(&b, "%s: %d of %+v\n", []string{"training", "test"}[i], set.Len(), set.Labels())
		for epoch := range uint64(2) {
			for k := range set.Len() {
				e := data.NewExample(want, set.Labels())
				if err := set.Example(k, epoch, e); err != nil {
					return "error: " + err.Error()
				}
				fmt.Fprintln(&b, e.X, e.Tokens, e.Labels)
			}
		}
	}
	learned := data.LearnedOf(train)
	if learned.Vocabulary != nil {
		fmt.Fprintf(&b, "%+v\n", *learned.Vocabulary)
	}
	return b.String()
}

// Named puts a reader's name before the names of its options.
func Named(reader string, cases map[string]Case) map[string]Case {
	all := map[string]Case{}
	for name, c := range cases {
		all[reader+"."+name] = c
	}
	return all
}

// Join puts cases together.
func Join(parts ...map[string]Case) map[string]Case {
	all := map[string]Case{}
	for _, p := range parts {
		maps.Copy(all, p)
	}
	return all
}
