package dabs

import (
	"archive/zip"
	"encoding/json"
	"io/fs"
	"math"
	"os"
	"testing"

	"mspecc/runtime/data"
	"mspecc/runtime/data/picture"
)

// expectation is one case of testdata/expect.json.
type expectation struct {
	Name, Reader, Root string
	Options            map[string]string
	Inputs             []struct {
		Name   string
		Shape  []int
		Tokens bool
		Vocab  int
	}
	Labels      []string
	Tolerance   float64
	Train, Test []struct {
		Label  float64
		Labels []*float64 // one for each token; null does not count
		X      []float64  // of the places i * 7919 modulo the size
		Tokens []int32
	}
}

func (x *expectation) want() data.Want {
	var w data.Want
	for _, in := range x.Inputs {
		w = append(w, data.Input{Name: in.Name, Shape: in.Shape, Tokens: in.Tokens, Vocab: in.Vocab})
	}
	return w
}

// trees are the small data sets of testdata.
func trees(t testing.TB) fs.FS {
	t.Helper()
	z, err := zip.OpenReader("testdata/trees.zip")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { z.Close() })
	return z
}

func expectations(t testing.TB) []expectation {
	t.Helper()
	raw, err := os.ReadFile("testdata/expect.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []expectation
	if err := json.Unmarshal(raw, &all); err != nil || len(all) < 30 {
		t.Fatal(len(all), err)
	}
	return all
}

// Every layout gives the examples, in the order, with the labels and the values that the
// usual tools make of the same files: see testdata/make.py.
func TestExpected(t *testing.T) {
	root := trees(t)
	for _, x := range expectations(t) {
		if x.Reader == "" {
			continue
		}
		t.Run(x.Name, func(t *testing.T) {
			sub, err := fs.Sub(root, x.Root)
			if err != nil {
				t.Fatal(err)
			}
			train, test, err := data.Open(x.Reader, x.Options, sub, x.Root, x.want(), data.OpenOptions{Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			same(t, &x, "train", train)
			same(t, &x, "test", test)
			if names := train.Labels().Names; x.Labels != nil && (len(names) != len(x.Labels) || names[2] != x.Labels[2]) {
				t.Errorf("classes %q, expected %q", names, x.Labels)
			}
		})
	}
}

func same(t *testing.T, x *expectation, part string, set data.Dataset) {
	rows := x.Train
	if part == "test" {
		rows = x.Test
	}
	if set.Len() != len(rows) {
		t.Fatalf("%s has %d examples, expected %d", part, set.Len(), len(rows))
	}
	e := data.NewExample(x.want(), set.Labels())
	for i, row := range rows {
		if err := set.Example(i, 3, e); err != nil {
			t.Fatalf("%s %d: %v", part, i, err)
		}
		if row.Labels == nil && float32(e.Labels[0]) != float32(row.Label) { // the published code has them in float32
			t.Errorf("%s %d: label %g, expected %g", part, i, e.Labels[0], row.Label)
		}
		for k, want := range row.Labels {
			if got := e.Labels[k]; want == nil != math.IsNaN(got) || want != nil && got != *want {
				t.Errorf("%s %d: label of token %d is %g", part, i, k, got)
			}
		}
		for k, want := range row.X {
			if got := float64(e.X[k*7919%len(e.X)]); !(math.Abs(got-want) <= x.Tolerance*max(1, math.Abs(want))) {
				t.Errorf("%s %d: value %d is %g, expected %g", part, i, k, got, want)
				break
			}
		}
		for k, want := range row.Tokens {
			if e.Tokens[k] != want {
				t.Errorf("%s %d: tokens %v, expected %v", part, i, e.Tokens, row.Tokens)
				break
			}
		}
	}
}

// A real EuroSAT file.
func TestRealTIFF(t *testing.T) {
	root := trees(t)
	for _, x := range expectations(t) {
		if x.Reader != "" {
			continue
		}
		raw, err := fs.ReadFile(root, x.Root)
		if err != nil {
			t.Fatal(err)
		}
		b, err := picture.DecodeBands(raw, picture.Options{Channels: 13})
		if err != nil || b.Count != 13 || b.Height != 64 || b.Width != 64 {
			t.Fatalf("%v %v", b, err)
		}
		for k, want := range x.Train[0].X {
			if got := float64(b.Values[k*7919%len(b.Values)]); got != want {
				t.Errorf("value %d is %g, expected %g", k, got, want)
			}
		}
	}
}
