package data

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// numbers is a data set of one example of two channels.
type numbers struct{ s *Source }

func (numbers) Len() int       { return 1 }
func (numbers) Labels() Labels { return Labels{Each: 1} }
func (numbers) Example(_ int, _ uint64, e *Example) error {
	copy(e.X, []float32{3, 5, 10, 20})
	return nil
}

// fixedNumbers divides them by 2 where its option says so.
type fixedNumbers struct {
	numbers
	halved bool
}

func (f fixedNumbers) Example(i int, epoch uint64, e *Example) error {
	err := f.numbers.Example(i, epoch, e)
	for j := range e.X {
		if f.halved {
			e.X[j] /= 2
		}
	}
	return err
}

func registerNumbers(t *testing.T) {
	before := readers
	t.Cleanup(func() { readers = before })
	readers = slices.Clone(readers)
	option := []Option{{Name: "standardize", Default: "true", Doc: "whether"}}
	Register(Reader{Name: "numbers", Doc: "one example", Options: option, Open: func(s *Source) (Dataset, Dataset, error) {
		if on, err := s.Boolean("standardize"); err != nil || !on {
			return numbers{s}, numbers{s}, err
		}
		return s.standardise(numbers{s}, numbers{s}, 2)
	}})
	Register(Reader{Name: "fixed_numbers", Doc: "one example", Fixed: true, Options: option, Open: func(s *Source) (Dataset, Dataset, error) {
		on, err := s.Boolean("standardize")
		set := fixedNumbers{numbers{s}, on}
		return set, set, err
	}})
	Register(Reader{Name: "bare_numbers", Doc: "one example", Open: func(s *Source) (Dataset, Dataset, error) { return numbers{s}, numbers{s}, nil }})
}

// Whatever the reader and its options are: what the model learned decides how its values are scaled.
func TestRescale(t *testing.T) {
	registerNumbers(t)
	learned := Learned{Scaling: &Scaling{Mean: []float64{1, 10}, Factor: []float64{2, 0.5}}}
	const asIs, like, own, half = "3 5 10 20", "4 8 0 5", "-1 1 -1 1", "1.5 2.5 5 10"
	for _, c := range []struct {
		reader, option string
		o              OpenOptions
		want           string
	}{
		{"numbers", "", OpenOptions{}, own},
		{"numbers", "", OpenOptions{Learned: learned}, like},
		{"numbers", "false", OpenOptions{Learned: learned}, like},
		{"numbers", "", OpenOptions{Trained: true}, asIs},
		{"numbers", "true", OpenOptions{Trained: true}, own},
		{"numbers", "true", OpenOptions{Scaled: true}, asIs},
		{"numbers", "", OpenOptions{Learned: learned, Scaled: true}, asIs},
		{"bare_numbers", "", OpenOptions{Learned: learned}, like},
		{"bare_numbers", "", OpenOptions{Learned: learned, Scaled: true}, asIs},
		{"fixed_numbers", "", OpenOptions{Trained: true}, half},
		{"fixed_numbers", "", OpenOptions{Learned: learned}, like},
		{"fixed_numbers", "true", OpenOptions{Learned: learned, Scaled: true}, asIs},
	} {
		var options map[string]string
		if c.option != "" {
			options = map[string]string{"standardise": c.option}
		}
		want := Want{{Shape: []int{2, 2}}}
		train, test, err := Open(c.reader, options, fstest.MapFS{"x": {}}, "x", want, c.o)
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		for _, set := range []Dataset{train, test} {
			e := NewExample(want, set.Labels())
			if err := set.Example(0, 0, e); err != nil {
				t.Fatal(err)
			}
			if got := strings.Trim(fmt.Sprint(e.X), "[]"); got != c.want {
				t.Errorf("%s %q %+v: %s, expected %s", c.reader, c.option, c.o, got, c.want)
			}
		}
	}
	_, _, err := Open("bare_numbers", nil, fstest.MapFS{"x": {}}, "x", Want{{Shape: []int{3, 3}}}, OpenOptions{Learned: learned})
	if err == nil || !strings.Contains(err.Error(), "of 2 channels, its examples have 9 values") {
		t.Errorf("a scaling that fits no example: %v", err)
	}
}
