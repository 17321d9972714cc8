package generic

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"mspecc/runtime/data"
	"mspecc/runtime/data/filetype"
)

// recordFile is a text file whose records follow each other, with the places of some of them.
type recordFile struct {
	b       *data.Blob
	records data.Places
	bad     map[int64]int64 // where records that are left out begin, and end
	// end is where the first record of b ends, behind the empty lines before it; -1 where b ends earlier.
	end func(b []byte) int
}

func (t *recordFile) rows() int { return t.records.Len() }

// at is the line of a row.
func (t *recordFile) at(row int) string {
	place := "row " + fmt.Sprint(row)
	_ = t.each(row, row+1, func(_ int, at int64, record []byte) error {
		place = t.b.Line(at + int64(len(record)-len(bytes.TrimLeft(record, " \t\r\n"))))
		return nil
	})
	return place
}

// chunk is about how many bytes are read at once.
const chunk = 1 << 20

// each calls use with the bytes of the rows lo to hi-1, with those of empty lines before them, and their places.
func (t *recordFile) each(lo, hi int, use func(row int, at int64, record []byte) error) error {
	at, _, before := t.records.Around(lo)
	_, end, _ := t.records.Around(hi - 1)
	row := lo - before
	for size := int64(chunk); row < hi; {
		buf := make([]byte, min(size, end-at))
		if err := t.b.ReadFull(buf, at); err != nil {
			return err
		}
		rest := buf
		for row < hi && len(rest) > 0 {
			if behind, bad := t.bad[at]; bad {
				rest, at = rest[min(behind-at, int64(len(rest))):], behind
				continue
			}
			n := t.end(rest)
			if n < 0 && at+int64(len(rest)) < end {
				break // the record goes on behind what was read
			} else if n < 0 {
				n = len(rest)
			}
			if row >= lo {
				if err := use(row, at, rest[:n:n]); err != nil {
					return err
				}
			}
			rest, at, row = rest[n:], at+int64(n), row+1
		}
		if len(rest) == len(buf) {
			size *= 2 // not one whole record
		}
		if row < hi && at >= end || size > 4*maxRecord {
			return t.b.Source.Changed(t.b.Name)
		}
	}
	return nil
}

// textStart begins to read a text file: it passes over the mark that some programs put before
// text, skipped bytes of it, and refuses text of 16 bits and what is no text.
func textStart(b *data.Blob, r io.Reader) (in *bufio.Reader, skipped int64, err error) {
	in = bufio.NewReaderSize(r, 1<<16)
	head, _ := in.Peek(filetype.HeadSize)
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		n, err := in.Discard(3)
		return in, int64(n), err
	case bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")):
		return nil, 0, b.Fail("", "is text in UTF-16, expected UTF-8", "save it as UTF-8")
	case bytes.IndexByte(head, 0) >= 0 || bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte("<")) || bytes.HasPrefix(head, []byte("version https://git-lfs")):
		err := filetype.Other(head, "no text", "text in UTF-8 is read")
		if _, ok := filetype.Of(head); !ok && bytes.IndexByte(head, 0) >= 0 {
			err = filetype.Unread("save it as UTF-8", "holds bytes that are 0: it is text in UTF-16, or none at all; text in UTF-8 is read")
		} else if !ok {
			return in, 0, nil
		}
		return nil, 0, b.Source.Unreadable(b.Name, err)
	}
	return in, 0, nil
}
