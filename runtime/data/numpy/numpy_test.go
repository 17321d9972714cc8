package numpy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"mspecc/internal/fuzzing"
	"mspecc/runtime/data/filetype"
)

// file is an array's file with that header and so many bytes of elements.
func file(header string, elements int) []byte {
	raw := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(header)))
	return append(append(raw, header...), make([]byte, elements)...)
}

// Headers are literals of Python, however they are spelt: what NumPy reads is read.
func TestHeaders(t *testing.T) {
	for _, c := range []struct {
		header string
		bytes  int
		want   Header
	}{
		{"{'descr': '<f4', 'fortran_order': False, 'shape': (20L, 3L), }                  \n", 240, Header{Kind: 'f', Size: 4, Shape: []int{20, 3}}},
		{"{'descr': '<f4', 'fortran_order': False, 'shape': (20, 3), }\n", 240, Header{Kind: 'f', Size: 4, Shape: []int{20, 3}}},
		{"{\"shape\":(5,),\"fortran_order\":False,\"descr\":\"<i8\"}", 40, Header{Kind: 'i', Size: 8, Shape: []int{5}}},
		{"{u'descr': u'|u1', u'fortran_order': False,\n 'shape': (2, 0x0) }", 0, Header{}},
		{"{u'descr': u'|u1', u'fortran_order': False,\n 'shape': (2, 2) }", 4, Header{Kind: 'u', Size: 1, Shape: []int{2, 2}}},
		{"{'descr': '|b1', 'fortran_order': True, 'shape': (2, 3)}", 6, Header{Kind: 'b', Size: 1, Shape: []int{2, 3}, Fortran: true}},
		{"{'descr': 'f8', 'fortran_order': False, 'shape': (1,)}", 8, Header{Kind: 'f', Size: 8, Shape: []int{1}}},
		{"{'descr': '?', 'fortran_order': False, 'shape': (3,)}", 3, Header{Kind: 'b', Size: 1, Shape: []int{3}}},
		{"{'descr': '<U3', 'fortran_order': False, 'shape': (2,)}", 24, Header{Kind: 'U', Size: 12, Shape: []int{2}}},
		{"{'descr': '|S5', 'fortran_order': False, 'shape': (2,)}", 10, Header{Kind: 'S', Size: 5, Shape: []int{2}}},
		{"{'descr': '<f4', 'fortran_order': False, 'shape': ()}", 4, Header{}},
		{"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)", 8, Header{}},
		{"{'descr': '<f4', 'shape': (2,)}", 8, Header{}},
		{"{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}", 8, Header{}},
		{"{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", 8, Header{}},
		{strings.Repeat("{'a':", 100), 8, Header{}},
	} {
		raw := file(c.header, c.bytes)
		h, err := Read(bytes.NewReader(raw), int64(len(raw)))
		if c.want.Kind == 0 {
			if err == nil || errors.As(err, new(*filetype.Error)) {
				t.Errorf("%.60q: %v, %v", c.header, h, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%.60q: %v", c.header, err)
			continue
		}
		w := c.want
		if h.Kind != w.Kind || h.Size != w.Size || !slices.Equal(h.Shape, w.Shape) || h.Fortran != w.Fortran {
			t.Errorf("%.60q: %+v", c.header, h)
		}
	}
}

// Types that are no numbers or texts are named, with what makes them some.
func TestOtherElements(t *testing.T) {
	for descr, want := range map[string]string{
		"'|V2'": "bfloat16", "'<c8'": "complex", "'|O'": "objects of Python", "'<M8[ns]'": "dates or times", "'<f16'": "another size",
		"[('a', '<f4'), ('b', '<i4', (2,))]": "structures of a, b", "'<i3'": "i3", "'U0'": "of no size",
	} {
		raw := file(fmt.Sprintf("{'descr': %s, 'fortran_order': False, 'shape': (2,)}", descr), 0)
		_, err := Read(bytes.NewReader(raw), int64(len(raw)))
		var kind *filetype.Error
		if !errors.As(err, &kind) || !strings.Contains(err.Error(), want) || kind.Fix == "" {
			t.Errorf("%s: %v", descr, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(file("{'descr': '<f4', 'fortran_order': False, 'shape': (20L, 3L), }", 240))
	f.Add(file("{'descr': [('a', '<f4'), ('b', '<i4', (2,))], 'fortran_order': False, 'shape': (2,)}", 0))
	fuzzing.Bound(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		h, err := Read(bytes.NewReader(raw), int64(len(raw)))
		if err == nil && (len(h.Shape) == 0 || h.Size < 1 || h.Start+int64(h.Shape[0]*h.PerRow()*h.Size) != int64(len(raw))) {
			t.Fatalf("%+v of %d bytes", h, len(raw))
		}
	})
}
