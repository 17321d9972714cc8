package data

import (
	"encoding/binary"
	"math"
)

// rowWriter keeps rows of so many values in a spool.
type rowWriter struct {
	spool   *Spool
	columns int
	n       int // rows
	buf     []byte
}

// add appends a row.
func (w *rowWriter) add(row []float32) error {
	w.buf = encodeRows(w.buf[:0], row)
	_, err := w.spool.Write(w.buf)
	w.n++
	return err
}

func encodeRows(dst []byte, values []float32) []byte {
	for _, v := range values {
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
	}
	return dst
}

// gapRows are the rows at once that are filled in where a gap is long.
const gapRows = 1 << 10

// gapFiller keeps rows, in which NaN is filled in linearly between its neighbours in time; those
// behind the last number of a column take its value, those before the first stay.
type gapFiller struct {
	rowWriter
	last []float32 // number of each column
	at   []int     // its row, -1 before the first
	from []int     // row of the first
}

func newGapFiller(spool *Spool, columns int) *gapFiller {
	f := &gapFiller{rowWriter: rowWriter{spool: spool, columns: columns}, last: make([]float32, columns), at: make([]int, columns), from: make([]int, columns)}
	for c := range f.at {
		f.at[c] = -1
	}
	return f
}

// add appends a row, and fills in the gaps that end with it.
func (f *gapFiller) add(row []float32) error {
	for c, v := range row {
		if v != v {
			continue
		}
		if f.at[c] < 0 {
			f.from[c] = f.n
		} else if f.at[c]+1 < f.n {
			start, first := float64(f.last[c]), f.at[c]
			step := (float64(v) - start) / float64(f.n-first)
			if err := f.fill(c, first+1, f.n, func(row int) float32 { return float32(start + float64(step*float64(row-first))) }); err != nil {
				return err
			}
		}
		f.last[c], f.at[c] = v, f.n
	}
	return f.rowWriter.add(row)
}

// finish fills in the ends. It gives the first row without a gap, and a column without any number or -1.
func (f *gapFiller) finish() (first, empty int, err error) {
	for c, at := range f.at {
		if at < 0 {
			return 0, c, nil
		}
		first = max(first, f.from[c])
		if err := f.fill(c, at+1, f.n, func(int) float32 { return f.last[c] }); err != nil {
			return 0, 0, err
		}
	}
	return first, -1, nil
}

// fill writes the values of a column in some rows.
func (f *gapFiller) fill(column, lo, hi int, value func(row int) float32) error {
	size := 4 * f.columns
	var block []byte
	for lo < hi {
		to := min(hi, lo+gapRows)
		n := (to - lo) * size
		if block == nil {
			block = make([]byte, n)
		}
		if _, err := f.spool.ReadAt(block[:n], int64(lo)*int64(size)); err != nil {
			return err
		}
		for row := lo; row < to; row++ {
			binary.LittleEndian.PutUint32(block[(row-lo)*size+4*column:], math.Float32bits(value(row)))
		}
		if _, err := f.spool.WriteAt(block[:n], int64(lo)*int64(size)); err != nil {
			return err
		}
		lo = to
	}
	return nil
}

// transpose writes rows [length, channels] of raw values as channels [channels, length], of
// which it fills those from at on.
func transpose(x []float32, raw []byte, channels, length, at int) {
	for t := 0; len(raw) > 0; t++ {
		for c := range channels {
			x[c*length+at+t] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*c:]))
		}
		raw = raw[4*channels:]
	}
}
