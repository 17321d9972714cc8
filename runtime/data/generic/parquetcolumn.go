package generic

import (
	"errors"
	"io"

	"github.com/parquet-go/parquet-go"
)

// parquetColumn gives the values of a column of a group of rows, row by row.
type parquetColumn struct {
	pages  parquet.Pages
	values parquet.ValueReader // of the page that is read; nil: the next one is wanted
	buf    []parquet.Value
	ready  []parquet.Value // the part of buf that is still to be used
	lists  bool            // a row may have several values
}

func newParquetColumn(chunk parquet.ColumnChunk, lists bool) *parquetColumn {
	return &parquetColumn{pages: chunk.Pages(), buf: make([]parquet.Value, 256), lists: lists}
}

// fill makes sure that there is a value; at the end it gives io.EOF.
func (c *parquetColumn) fill() error {
	for len(c.ready) == 0 {
		if c.values == nil {
			page, err := c.pages.ReadPage()
			if err != nil {
				return err
			}
			c.values = page.Values() // the page is not released: texts of it are still in use
		}
		n, err := c.values.ReadValues(c.buf)
		if c.ready = c.buf[:n]; err != nil {
			if c.values = nil; !errors.Is(err, io.EOF) {
				return err
			}
		}
	}
	return nil
}

// row calls use with the values of the next row: one, or, of lists, those up to the next that begins a row.
func (c *parquetColumn) row(use func(v parquet.Value) error) error {
	err := c.fill()
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	for first := true; err == nil && (first || c.ready[0].RepetitionLevel() > 0); first = false {
		v := c.ready[0]
		c.ready = c.ready[1:]
		if err := use(v); err != nil || !c.lists {
			return err
		}
		err = c.fill()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (c *parquetColumn) close() { c.pages.Close() }
