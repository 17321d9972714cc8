package mersenne

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"
)

// The streams are those of NumPy, pandas and Python, see testdata/make.py.
func TestGolden(t *testing.T) {
	raw, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g map[string]json.RawMessage
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	get := func(key string, v any) {
		t.Helper()
		if err := json.Unmarshal(g[key], v); err != nil {
			t.Fatal(key, err)
		}
	}
	for _, count := range []int{1, 2, 3, 10, 257} {
		for _, kind := range []string{"permutation", "sample"} {
			var want []int32
			get(fmt.Sprint(kind, " ", count), &want)
			if got := NumPy(42).Permutation(count); !slices.Equal(got, want) {
				t.Errorf("%s of %d: %v, expected %v", kind, count, got, want)
			}
		}
	}
	var shuffles [][]int32
	get("shuffles", &shuffles)
	r := NumPy(42)
	for _, want := range shuffles {
		if got := r.Permutation(len(want)); !slices.Equal(got, want) {
			t.Errorf("shuffle: %v, expected %v", got, want)
		}
	}
	var floats []float64
	get("random", &floats)
	p := Python(42)
	for _, want := range floats {
		if got := p.Float64(); got != want {
			t.Errorf("random: %v, expected %v", got, want)
		}
	}
	var ints []int
	get("randint", &ints)
	for i, limit := range []int{1, 2, 7, 8, 9, 1000, 70000} {
		if got := 1 + p.Below(limit); got != ints[i] {
			t.Errorf("randint(1, %d): %d, expected %d", limit, got, ints[i])
		}
	}
	get("choice", &ints)
	for i, limit := range []int{1, 2, 17} {
		if got := p.Below(limit); got != ints[i] {
			t.Errorf("choice of %d: %d, expected %d", limit, got, ints[i])
		}
	}
	var later, zero float64
	get("later", &later)
	get("zero", &zero)
	for range 699 {
		p.Float64()
	}
	if got := p.Float64(); got != later {
		t.Errorf("after 700: %v, expected %v", got, later)
	}
	if got := Python(0).Float64(); got != zero {
		t.Errorf("seed 0: %v, expected %v", got, zero)
	}
}
