package data

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
)

// lines reads a text file line by line.
type lines struct {
	b     *Blob
	all   io.Closer
	scan  *bufio.Scanner
	n     int   // of the line
	start int64 // where it begins
	end   int64 // behind it
}

// maxLine is the length of the longest line accepted.
const maxLine = 1 << 20

// lines begins to read the file's lines. Call close at the end.
func (b *Blob) lines() (*lines, error) {
	all, err := b.All()
	if err != nil {
		return nil, err
	}
	l := &lines{b: b, all: all, scan: bufio.NewScanner(all)}
	l.scan.Buffer(make([]byte, 0, 1<<16), maxLine)
	l.scan.Split(func(d []byte, end bool) (int, []byte, error) {
		n, token, err := bufio.ScanLines(d, end)
		l.end += int64(n)
		return n, token, err
	})
	return l, nil
}

func (l *lines) close() { l.all.Close() }

// next gives the next line that is not blank, valid until the call after it; false at the end or on an error.
func (l *lines) next() ([]byte, bool) {
	for l.start = l.end; l.scan.Scan(); l.start = l.end {
		l.n++
		if line := trimLine(l.scan.Bytes(), l.start); len(line) > 0 {
			return line, true
		}
	}
	return nil, false
}

// trimLine drops blanks around a line, and the mark at the beginning of a file.
func trimLine(line []byte, start int64) []byte {
	if start == 0 {
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	return bytes.TrimSpace(line)
}

// err is the error that ended the file, nil at a proper end.
func (l *lines) err() error {
	err := l.scan.Err()
	if err == nil {
		return nil
	}
	l.n++
	if errors.Is(err, bufio.ErrTooLong) {
		return l.fail(fmt.Sprintf("the line is longer than %d bytes", maxLine), "check that this is the right text file")
	}
	return l.b.broken(err)
}

func (l *lines) fail(msg, fix string) *Error { return l.b.Fail(fmt.Sprintf("line %d", l.n), msg, fix) }

// number reads a finite float32; column counts from 1.
func (l *lines) number(field []byte, column int) (float32, error) {
	v, err := finite(field)
	if err != nil {
		return 0, l.fail(fmt.Sprintf("column %d is %s, expected a finite number", column, shorten(field)), "correct or remove the line")
	}
	return v, nil
}

var errNotFinite = errors.New("not a finite number")

func finite(field []byte) (float32, error) {
	v, err := ParseNumber(string(field), 32)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, errNotFinite
	}
	return float32(v), nil
}
