package embed

import (
	stdcsv "encoding/csv"
	"fmt"
	"strconv"
)

// csv writes a line for each example: its id, its features, its label, and other texts.
type csv struct {
	w    *stdcsv.Writer
	info Info
	line []string
}

func newCSV(f *file, info Info) (format, error) {
	line := []string{"id"}
	for j := range info.Width {
		line = append(line, fmt.Sprint("f", j))
	}
	if info.Classes > 0 {
		line = append(line, "label")
	}
	c := &csv{w: stdcsv.NewWriter(f), info: info}
	return c, c.w.Write(append(line, info.texts()...))
}

// add writes numbers with as many digits as it takes to read the same ones again.
func (c *csv) add(b *Batch) error {
	for i, label := range b.Y {
		c.line = append(c.line[:0], b.IDs[i])
		for _, v := range b.X[i*c.info.Width : (i+1)*c.info.Width] {
			c.line = append(c.line, strconv.FormatFloat(float64(v), 'g', -1, 32))
		}
		switch {
		case c.info.Classes > 1:
			c.line = append(c.line, strconv.FormatInt(class(label), 10))
		case c.info.Classes == 1:
			c.line = append(c.line, strconv.FormatFloat(label, 'g', -1, 64))
		}
		if err := c.w.Write(c.info.row(c.line, b, i)); err != nil {
			return err
		}
	}
	return nil
}

func (c *csv) close(int) error {
	c.w.Flush()
	return c.w.Error()
}
