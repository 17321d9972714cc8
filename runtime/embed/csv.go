package embed

import (
	"fmt"
	"io"
	"strconv"
)

// csv writes a line for each example: its id, its features, its label.
type csv struct {
	w    io.Writer
	info Info
	line []byte
}

func newCSV(w io.Writer, info Info) (format, error) {
	line := []byte("id")
	for j := range info.Width {
		line = fmt.Appendf(line, ",f%d", j)
	}
	if info.Classes > 0 {
		line = append(line, ",label"...)
	}
	_, err := w.Write(append(line, '\n'))
	return &csv{w: w, info: info}, err
}

// add writes numbers with as many digits as it takes to read the same ones again.
func (c *csv) add(first int, x []float32, y []float64) error {
	for i, label := range y {
		c.line = strconv.AppendInt(c.line[:0], int64(first+i), 10)
		for _, v := range x[i*c.info.Width : (i+1)*c.info.Width] {
			c.line = strconv.AppendFloat(append(c.line, ','), float64(v), 'g', -1, 32)
		}
		switch {
		case c.info.Classes > 1:
			c.line = strconv.AppendInt(append(c.line, ','), class(label), 10)
		case c.info.Classes == 1:
			c.line = strconv.AppendFloat(append(c.line, ','), label, 'g', -1, 64)
		}
		if _, err := c.w.Write(append(c.line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

func (c *csv) close() error { return nil }
