package embed

import (
	"bufio"
	"encoding/binary"
	stdcsv "encoding/csv"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"mspecc/runtime/ckpt"
)

// npy writes float32 [rows, width] in NumPy's format, version 1.0, and gathers what goes to
// files of their own.
type npy struct {
	w      *file
	info   Info
	buffer []byte
	labels []byte // int64 classes or float64 numbers
	texts  *spool // ids, and then the other columns
	row    []string
}

func newNpy(w *file, info Info) (format, error) {
	texts, err := newSpool(1 + len(info.texts()))
	if err != nil {
		return nil, err
	}
	_, err = w.Write(npyHeader("<f4", info.Rows, info.Width))
	return &npy{w: w, info: info, texts: texts}, err
}

// npyHeader are the format's first bytes; the array then begins at a multiple of 64. Those of two axes have the same
// length, 128, whatever their extents.
func npyHeader(kind string, shape ...int) []byte {
	extents := strings.Trim(strings.ReplaceAll(fmt.Sprint(shape), " ", ", "), "[]")
	if len(shape) == 1 {
		extents += ","
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", kind, extents)
	text += strings.Repeat(" ", 63-(10+len(text))%64) + "\n"
	return append(append([]byte("\x93NUMPY\x01\x00"), byte(len(text)), byte(len(text)>>8)), text...)
}

func (n *npy) add(b *Batch) error {
	n.buffer, n.labels = appendFloats(n.buffer[:0], b.X), appendLabels(n.labels, b.Y, n.info.Classes)
	for i := range b.Y {
		n.row = n.info.row(append(n.row[:0], b.IDs[i]), b, i)
		if err := n.texts.add(n.row); err != nil {
			return err
		}
	}
	_, err := n.w.Write(n.buffer)
	return err
}

func (n *npy) close(rows int) error { return n.w.again(npyHeader("<f4", rows, n.info.Width)) }

// Close gives the texts back.
func (n *npy) Close() error { return n.texts.Close() }

// sidecars writes ids, labels and the other columns beside the features.
func (n *npy) sidecars(name string, rows int) error {
	base := strings.TrimSuffix(name, ".npy")
	width := max(1, n.texts.runes[0])
	err := ckpt.Atomic(base+".ids.npy", func(w io.Writer) error {
		if _, err := w.Write(npyHeader(fmt.Sprint("<U", width), rows)); err != nil {
			return err
		}
		buf := make([]byte, 4*width)
		return n.texts.each(func(texts []string) error {
			clear(buf)
			for i, c := range []rune(texts[0]) {
				binary.LittleEndian.PutUint32(buf[4*i:], uint32(c))
			}
			_, err := w.Write(buf)
			return err
		})
	})
	if err == nil && n.info.Classes > 0 {
		kind := "<i8"
		if n.info.Classes == 1 {
			kind = "<f8"
		}
		err = ckpt.Atomic(base+".labels.npy", func(w io.Writer) error {
			_, err := w.Write(append(npyHeader(kind, rows), n.labels...))
			return err
		})
	}
	if columns := n.info.texts(); err == nil && len(columns) > 0 {
		err = ckpt.AtomicFile(base+".columns.csv", func(f *os.File) error {
			w := bufio.NewWriter(f)
			c := stdcsv.NewWriter(w)
			if err := c.Write(append([]string{"id"}, columns...)); err != nil {
				return err
			}
			if err := n.texts.each(c.Write); err != nil {
				return err
			}
			if c.Flush(); c.Error() != nil {
				return c.Error()
			}
			return w.Flush()
		})
	}
	return err
}

func appendFloats(b []byte, x []float32) []byte {
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
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
