package pandas

import (
	"encoding/binary"
	"errors"
	"fmt"

	"mspecc/runtime/pickle"
)

// errArrow is a column of pyarrow that is not laid out as texts are.
var errArrow = errors.New("a column of texts in pyarrow's form that is damaged")

// arrowTexts are the texts of a column as pandas 3 keeps them where pyarrow is installed: an array of
// pyarrow, or several one behind the other. Missing ones are nil.
func arrowTexts(v any) (*Array, error) {
	o, ok := v.(*pickle.Object)
	if !ok || len(o.Args) == 0 {
		return nil, errArrow
	}
	a := &Array{Kind: 'O'}
	switch o.Class.String() {
	case "pyarrow.lib.chunked_array":
		for _, part := range pickle.Items(o.Args[0]) {
			texts, err := arrowTexts(part)
			if err != nil {
				return nil, err
			}
			a.objects = append(a.objects, texts.objects...)
		}
	case "pyarrow.lib._restore_array":
		var err error
		if a.objects, err = arrowArray(pickle.Items(o.Args[0])); err != nil {
			return nil, err
		}
	default:
		return nil, errArrow
	}
	a.Shape = []int{len(a.objects)}
	return a, nil
}

// arrowArray takes an array apart: its type, length, number of missing values and first element, and the
// buffers: a bit for each element that is there, or none; where the texts begin; the texts.
func arrowArray(parts []any) ([]any, error) {
	if len(parts) < 5 {
		return nil, errArrow
	}
	var kind string
	if alias, ok := parts[0].(*pickle.Object); ok && len(alias.Args) == 1 {
		kind, _ = alias.Args[0].(string)
	}
	width := map[string]int64{"string": 4, "large_string": 8}[kind]
	if width == 0 {
		return nil, fmt.Errorf("a column in pyarrow's form of the type %q, expected texts; convert it with astype(object) before to_pickle", kind)
	}
	n, okN := parts[1].(int64)
	first, okFirst := parts[3].(int64)
	buffers := pickle.Items(parts[4])
	if !okN || !okFirst || n < 0 || first < 0 || len(buffers) != 3 {
		return nil, errArrow
	}
	present, starts, texts := arrowBuffer(buffers[0]), arrowBuffer(buffers[1]), string(arrowBuffer(buffers[2]))
	switch {
	case n == 0:
		return nil, nil
	case first > int64(len(starts)) || n >= int64(len(starts))/width-first:
		return nil, errArrow
	case present != nil && (first+n+7)/8 > int64(len(present)):
		return nil, errArrow
	}
	start := func(i int64) uint64 {
		if width == 4 {
			return uint64(binary.LittleEndian.Uint32(starts[4*i:]))
		}
		return binary.LittleEndian.Uint64(starts[8*i:])
	}
	out := make([]any, n)
	for i := range n {
		at := first + i
		if present != nil && present[at/8]>>(at%8)&1 == 0 {
			continue
		}
		lo, hi := start(at), start(at+1)
		if lo > hi || hi > uint64(len(texts)) {
			return nil, errArrow
		}
		out[i] = texts[lo:hi]
	}
	return out, nil
}

// arrowBuffer are the bytes of a buffer, nil for none.
func arrowBuffer(v any) []byte {
	if o, ok := v.(*pickle.Object); ok && len(o.Args) == 1 {
		b, _ := o.Args[0].([]byte)
		return b
	}
	return nil
}
