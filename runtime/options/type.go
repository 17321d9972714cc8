// Package options holds the names that a spec uses and only the trainer knows the meaning of:
// the data readers with their options, and the metrics. The compiler checks specs by these tables and the
// trainer reads data by them, so the package imports nothing but the standard library.
//
// An option is one line of a reader's table in readers.go or dabs.go: its name, type, default
// and documentation. docs/modality.md says what else a new option needs.
package options

import (
	"fmt"
	"io/fs"
	"math"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Option is one option of a reader.
type Option struct {
	Name    string
	Type    Type   // zero: any text
	Default string // what stands where the option is not given; "" where the reader decides
	Doc     string
}

// Fits reports whether a value is one that the option takes. The empty value stands for the default
// where the reader decides about it.
func (o Option) Fits(value string) bool {
	if value == "" && o.Default == "" {
		return true
	}
	if text := strings.TrimSpace(value); text != "" && !o.Type.Blank {
		value = text
	}
	return o.Type.fits(value)
}

// Type says which values an option takes. Values are text, as on the command line; a list is
// written [a, b], or as its values with commas or blanks between them. The zero Type is any text.
type Type struct {
	Want  string   // the values in words, such as "a whole number of at least 1"
	Words []string // values with a meaning of their own
	List  bool     // several values
	None  bool     // or no value
	Blank bool     // blanks at both ends belong to the value

	one func(text string) bool   // values, or those of a list, besides Words; nil: none
	all func(list []string) bool // of a list; nil: any
}

func (t Type) fits(value string) bool {
	switch {
	case t.Want == "":
		return true
	case slices.Contains(t.Words, value):
		return true
	case t.one == nil || strings.TrimSpace(value) == "" && !t.None && !t.Blank:
		return false
	case !t.List:
		return t.one(value)
	}
	list := Split(value)
	return !slices.ContainsFunc(list, func(x string) bool { return !t.one(x) }) && (t.all == nil || t.all(list)) && (len(list) > 0 || t.None)
}

// Split takes a list apart: [a, b], or values with commas or blanks between them. In brackets a value may
// stand in double quotes.
func Split(value string) []string {
	inner, open := strings.CutPrefix(value, "[")
	inner, shut := strings.CutSuffix(inner, "]")
	if open && shut {
		value = inner
	}
	if !strings.Contains(value, ",") && !(open && shut && strings.Contains(value, `"`)) {
		return strings.Fields(value)
	}
	var list []string
	for value != "" {
		value = strings.TrimSpace(value)
		if quoted, err := strconv.QuotedPrefix(value); err == nil && open && shut && quoted[0] == '"' {
			if x, rest := value[:len(quoted)], strings.TrimSpace(value[len(quoted):]); rest == "" || rest[0] == ',' {
				x, _ = strconv.Unquote(x)
				list, value = append(list, x), strings.TrimPrefix(rest, ",")
				continue
			}
		}
		var x string
		if x, value, _ = strings.Cut(value, ","); strings.TrimSpace(x) != "" {
			list = append(list, strings.TrimSpace(x))
		}
	}
	return list
}

// Join writes a list as Split takes it apart.
func Join(list []string) string {
	parts := slices.Clone(list)
	for i, x := range parts {
		if x == "" || strings.TrimSpace(x) != x || strings.ContainsAny(x, ",\"") || len(list) == 1 && len(strings.Fields(x)) > 1 {
			parts[i] = strconv.Quote(x)
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// The types without a parameter. Those in the plural are of lists.
var (
	Text       = Type{Want: "text", None: true, one: anything}
	Bool       = Words("true", "false")
	Column     = Type{Want: "the name of a column", one: anything}
	Columns    = Type{Want: "names of columns, patterns with *, or FIRST..LAST", List: true, one: pattern}
	File       = Type{Want: "the name of a file inside the data folder, with forward slashes and without ..", one: fs.ValidPath}
	Folder     = Type{Want: "the name of a folder inside the data folder", None: true, one: anything}
	Folders    = Type{Want: "names of folders inside the data folder", List: true, one: anything}
	Pattern    = Type{Want: "the name of a file, or a pattern with * and ?", one: pattern}
	Files      = Type{Want: "names of files, or patterns with * and ?", List: true, one: pattern}
	Names      = Type{Want: "names", List: true, one: anything}
	ClassNames = Type{Want: "the names of the classes, each once", List: true, one: anything, all: different}
	Classes    = Type{Want: "the names of the classes, each once, or how many there are", List: true, one: anything, all: classes}
	Alphabet   = Type{Want: "characters", Blank: true, one: something}
	Token      = Type{Want: "a token", Blank: true, one: something}
	Seed       = Type{Want: "a whole number from 0 to 4294967295", one: seed}
	Number     = number("a number", math.Inf(-1), math.Inf(1))
	Group      = Type{Want: "a regular expression with a group in round brackets", one: group}
)

// Words is the type of one of some words.
func Words(words ...string) Type { return Type{Want: or(words), Words: words} }

// Whole is the type of whole numbers of at least min.
func Whole(min int) Type {
	return Type{Want: fmt.Sprintf("a whole number of at least %d", min), one: func(text string) bool {
		n, err := strconv.Atoi(text)
		return err == nil && n >= min && n <= MaxWhole
	}}
}

// MaxWhole bounds whole numbers: beyond it a number is a mistake.
const MaxWhole = 1 << 40

// Above is the type of finite numbers above a limit.
func Above(limit float64) Type {
	return number(fmt.Sprintf("a number above %v", limit), limit, math.Inf(1))
}

// Between is the type of numbers between two limits, which do not belong to them.
func Between(lo, hi float64) Type {
	return number(fmt.Sprintf("a number between %v and %v", lo, hi), lo, hi)
}

// Form is the type of texts that a regular expression fits from end to end.
func Form(want, expr string) Type {
	return Type{Want: want, one: regexp.MustCompile("^(?:" + expr + ")$").MatchString}
}

// Or takes some words besides.
func (t Type) Or(words ...string) Type {
	t.Want, t.Words = or(append([]string{t.Want}, words...)), append(slices.Clone(t.Words), words...)
	return t
}

// OrBy takes "by " and a value of another type besides.
func (t Type) OrBy(what Type) Type {
	t.Want += ", or by and " + what.Want
	t.one = func(text string) bool {
		rest, by := strings.CutPrefix(text, "by ")
		return by && what.fits(strings.TrimSpace(rest))
	}
	return t
}

// OrNone takes the empty list besides.
func (t Type) OrNone() Type {
	t.None = true
	return t
}

// As says in other words which values there are.
func (t Type) As(want string) Type {
	t.Want = want
	return t
}

// Each is the type of lists of such values.
func (t Type) Each() Type {
	t.Want, t.List = "a list, each "+t.Want, true
	return t
}

func number(want string, lo, hi float64) Type {
	return Type{Want: want, one: func(text string) bool {
		x, err := strconv.ParseFloat(text, 64)
		return err == nil && x > lo && x < hi
	}}
}

func anything(string) bool       { return true }
func something(text string) bool { return text != "" }

func pattern(text string) bool {
	_, err := path.Match(text, "")
	return err == nil
}

func group(text string) bool {
	expr, err := regexp.Compile(text)
	return err == nil && expr.NumSubexp() > 0
}

func seed(text string) bool {
	_, err := strconv.ParseUint(text, 10, 32)
	return err == nil
}

func different(list []string) bool {
	list = slices.Sorted(slices.Values(list))
	return len(slices.Compact(list)) == len(list)
}

func classes(list []string) bool {
	if len(list) == 1 {
		n, err := strconv.Atoi(list[0])
		return err == nil && n >= 1
	}
	return different(list)
}

// or joins words, the last with "or".
func or(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " or " + list[len(list)-1]
}
