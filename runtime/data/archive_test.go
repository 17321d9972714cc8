package data

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"

	"mspecc/runtime/data/numpy"
)

// An array in Fortran's order is put into C's block by block, whatever its shape and type.
func TestFortranOrder(t *testing.T) {
	const room = 400 // bytes: several blocks, the last one not full
	for _, c := range []struct {
		descr, text string
		shape       []int
	}{
		{"<i2", "21, 5", []int{21, 5}}, {"|u1", "21, 2, 3, 4", []int{21, 2, 3, 4}}, {"<U2", "21, 3", []int{21, 3}}, {"<f8", "3, 2, 2", []int{3, 2, 2}},
	} {
		total := 1
		for _, d := range c.shape {
			total *= d
		}
		size := map[string]int{"<i2": 2, "|u1": 1, "<U2": 8, "<f8": 8}[c.descr]
		head := strings.Replace(npyText(c.descr, c.text, 0), "False, ", "True , ", 1)
		// The elements' bytes tell their place in C's order.
		want, raw := make([]byte, total*size), make([]byte, total*size)
		for i := range total {
			for k := range size {
				want[i*size+k] = byte(i*7 + k*101)
			}
			at, step, rest := 0, total, i // place in Fortran's order
			weight := 1
			for _, d := range c.shape {
				step /= d
				at += rest / step * weight
				rest, weight = rest%step, weight*d
			}
			copy(raw[at*size:][:size], want[i*size:])
		}
		s := &Source{Root: fstest.MapFS{"x.npy": {Data: []byte(head + string(raw))}}, Name: "DIR", memory: 1 << 20}
		b, err := s.OpenBlob("x.npy")
		if err != nil {
			t.Fatal(err)
		}
		check := func(a *Array, err error) {
			t.Helper()
			got := make([]byte, len(want))
			if err == nil {
				err = a.ReadFull(got, 0)
			}
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, shape (%s): %v, %v, expected %v", c.descr, c.text, err, got, want)
			}
		}
		check(b.Array("x"))
		h, err := numpy.Read(strings.NewReader(head), b.Size)
		if err != nil || !h.Fortran {
			t.Fatalf("%+v, %v", h, err)
		}
		a := &Array{Header: h, Name: "x", blob: b, start: h.Start}
		check(a.turned("x.npy", room))
		_, err = a.turned("x.npy", h.PerRow()*size*2)
		if err == nil || !strings.Contains(err.Error(), "Fortran's order with examples of") || !strings.Contains(err.Error(), "numpy.ascontiguousarray") {
			t.Errorf("examples that are too large: %v", err)
		}
	}
}
