package embed

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"

	"mspecc/runtime/ckpt"
)

// npy writes float32 [rows, width] in NumPy's format, version 1.0, and gathers what goes to
// files of their own.
type npy struct {
	w      io.Writer
	info   Info
	buffer []byte
	ids    []byte
	labels []byte // int64 classes or float64 numbers
}

func newNpy(w io.Writer, info Info) (format, error) {
	n := &npy{w: w, info: info}
	return n, n.header(w, "<f4", fmt.Sprintf("(%d, %d)", info.Rows, info.Width))
}

// header writes the format's first bytes; the array then begins at a multiple of 64.
func (n *npy) header(w io.Writer, kind, shape string) error {
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", kind, shape)
	text += strings.Repeat(" ", 63-(10+len(text))%64) + "\n"
	raw := append([]byte("\x93NUMPY\x01\x00"), byte(len(text)), byte(len(text)>>8))
	_, err := w.Write(append(raw, text...))
	return err
}

func (n *npy) add(first int, x []float32, y []float64) error {
	n.buffer = appendFloats(n.buffer[:0], x)
	n.ids, n.labels = appendIDs(n.ids, first, len(y)), appendLabels(n.labels, y, n.info.Classes)
	_, err := n.w.Write(n.buffer)
	return err
}

func (n *npy) close() error { return nil }

// sidecars writes ids and labels beside the features.
func (n *npy) sidecars(name string) error {
	base := strings.TrimSuffix(name, ".npy")
	one := func(what, kind string, data []byte) error {
		return ckpt.Atomic(base+"."+what+".npy", func(w io.Writer) error {
			if err := n.header(w, kind, fmt.Sprintf("(%d,)", n.info.Rows)); err != nil {
				return err
			}
			_, err := w.Write(data)
			return err
		})
	}
	if err := one("ids", "<i8", n.ids); err != nil {
		return err
	}
	switch n.info.Classes {
	case 0:
		return nil
	case 1:
		return one("labels", "<f8", n.labels)
	}
	return one("labels", "<i8", n.labels)
}

func appendFloats(b []byte, x []float32) []byte {
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func appendIDs(b []byte, first, n int) []byte {
	for i := range n {
		b = binary.LittleEndian.AppendUint64(b, uint64(first+i))
	}
	return b
}

// appendLabels appends float64 numbers, or int64 classes; nothing where there are no labels.
func appendLabels(b []byte, y []float64, classes int) []byte {
	for _, v := range y {
		switch classes {
		case 0:
		case 1:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		default:
			b = binary.LittleEndian.AppendUint64(b, uint64(class(v)))
		}
	}
	return b
}
