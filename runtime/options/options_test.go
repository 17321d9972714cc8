package options

import (
	"slices"
	"testing"
)

// Every option of every reader says what it takes, and its default is such a value.
func TestTables(t *testing.T) {
	last := ""
	for _, r := range Readers() {
		if r.Name <= last || r.Doc == "" || len(r.Options) == 0 {
			t.Errorf("reader %q is out of order or lacks documentation", r.Name)
		}
		last = r.Name
		seen := map[string]bool{}
		for _, o := range r.Options {
			if o.Name == "" || o.Doc == "" || o.Type.Want == "" {
				t.Errorf("%s: option %q lacks its name, type or documentation", r.Name, o.Name)
			}
			if o.Default != "" && !o.Fits(o.Default) {
				t.Errorf("%s: the default %q of %s is not %s", r.Name, o.Default, o.Name, o.Type.Want)
			}
			if seen[o.Name] {
				t.Errorf("%s: two options %s", r.Name, o.Name)
			}
			seen[o.Name] = true
		}
		if got, ok := Find(r.Name); !ok || got.Name != r.Name {
			t.Errorf("%s is not found", r.Name)
		}
	}
	if _, ok := Find("csvv"); ok {
		t.Error("there is no csvv")
	}
}

func TestTypes(t *testing.T) {
	for _, c := range []struct {
		name      string
		o         Option
		good, bad []string
	}{
		{"zero", Option{}, []string{"", "x", "[a]"}, nil},
		{"text", Option{Type: Text, Default: "x"}, []string{"", "a b", "1"}, nil},
		{"bool", Option{Type: Bool, Default: "false"}, []string{"true", "false", " true "}, []string{"", "1", "yes", "True"}},
		{"words", Option{Type: Words("a", "b")}, []string{"", "a", "b"}, []string{"c", " ", "a b"}},
		{"whole", Option{Type: Whole(1)}, []string{"", "1", "+7", "1099511627776"}, []string{"0", "-1", "1.5", "1e3", "x", "1099511627777", " "}},
		{"whole needed", Option{Type: Whole(1), Default: "2"}, []string{"1"}, []string{""}},
		{"whole or", Option{Type: Whole(1).Or("any")}, []string{"1", "any"}, []string{"0", "all"}},
		{"above", Option{Type: Above(0)}, []string{"1", "1e-30"}, []string{"0", "-1", "nan", "inf", "x"}},
		{"between", Option{Type: Between(0, 1)}, []string{"0.1"}, []string{"0", "1", "nan"}},
		{"number", Option{Type: Number}, []string{"-1", "0.5e7"}, []string{"nan", "-inf", "a"}},
		{"numbers", Option{Type: Above(0).Each()}, []string{"1", "1,2", "[1, 2]", "1 2"}, []string{"1,0", "[]", "x"}},
		{"seed", Option{Type: Seed.Or("none")}, []string{"0", "4294967295", "none"}, []string{"-1", "4294967296", "x"}},
		{"file", Option{Type: File}, []string{"a/b.csv"}, []string{"../x", "/x", "a//b"}},
		{"files", Option{Type: Files, Default: "*"}, []string{"*.csv", "a,b"}, []string{"", "[]", "[", "a,[", ","}},
		{"columns", Option{Type: Columns}, []string{"", "a..b", "x*,y"}, []string{"[a-", "[]"}},
		{"folders", Option{Type: Folders.OrNone(), Default: "a"}, []string{"", "[]", "a,b"}, nil},
		{"classes", Option{Type: Classes}, []string{"a,b", "3", "1"}, []string{"a", "0", "a,b,a"}},
		{"class names", Option{Type: ClassNames}, []string{"a,b", "a"}, []string{"a,a"}},
		{"alphabet", Option{Type: Alphabet}, []string{"", " ab", " "}, nil},
		{"group", Option{Type: Group.Or("none")}, []string{"(a|b)x", "none"}, []string{"ab", "(a"}},
		{"by", Option{Type: Words("random").OrBy(Group)}, []string{"random", "by (a.)", "by  (b)"}, []string{"by", "by a", "(a)", "last"}},
		{"form", Option{Type: Form("A or Bn", `A|B\d+`)}, []string{"A", "B12"}, []string{"AB", "B", "A1"}},
	} {
		for _, v := range c.good {
			if !c.o.Fits(v) {
				t.Errorf("%s: %q does not fit", c.name, v)
			}
		}
		for _, v := range c.bad {
			if c.o.Fits(v) {
				t.Errorf("%s: %q fits", c.name, v)
			}
		}
	}
}

func TestWant(t *testing.T) {
	for _, c := range [][2]string{
		{Words("a").Want, "a"},
		{Words("a", "b", "c").Want, "a, b or c"},
		{Whole(0).Or("any").Want, "a whole number of at least 0 or any"},
		{Words("x", "y").As("x or else y").Want, "x or else y"},
		{Number.Each().Want, "a list, each a number"},
	} {
		if c[0] != c[1] {
			t.Errorf("%q, expected %q", c[0], c[1])
		}
	}
}

// A list comes back from its text whatever its values hold.
func TestLists(t *testing.T) {
	for _, c := range []struct {
		list []string
		text string
	}{
		{[]string{"a", "b c"}, "[a, b c]"},
		{[]string{"a b"}, `["a b"]`},
		{[]string{"a, b", `5" pipe`, ""}, `["a, b", "5\" pipe", ""]`},
		{[]string{" a"}, `[" a"]`},
		{nil, "[]"},
	} {
		if got := Join(c.list); got != c.text || !slices.Equal(Split(got), c.list) {
			t.Errorf("%q becomes %s and %q", c.list, got, Split(got))
		}
	}
	for text, want := range map[string][]string{
		"a b": {"a", "b"}, "a, b c,": {"a", "b c"}, "": nil, "[": {"["}, `[5" pipe, x]`: {`5" pipe`, "x"}, `"a, b"`: {`"a`, `b"`}, `["a"x, b]`: {`"a"x`, "b"},
	} {
		if got := Split(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, expected %q", text, got, want)
		}
	}
}
