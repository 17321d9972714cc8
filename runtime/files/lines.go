package files

import (
	"bufio"
	"errors"
	"io"
)

// Line is a line of a file.
type Line struct {
	Text []byte // without its end; good until the next line
	At   int64  // of its first byte
	Size int64  // with its end
	Cut  bool   // it is longer than the limit, and Text is its beginning
	Torn bool   // the file ends without an end of this line
}

// Lines gives the lines of a file to use, in order, until that says false. What is longer than
// limit bytes costs no memory.
func Lines(r io.Reader, limit int, use func(Line) bool) error {
	in := bufio.NewReaderSize(r, 1<<16)
	var text []byte
	for at := int64(0); ; {
		l := Line{At: at}
		text = text[:0]
		for more := true; more; {
			part, err := in.ReadSlice('\n')
			l.Size += int64(len(part))
			if n := len(part); n > 0 && part[n-1] == '\n' {
				part = part[:n-1]
			}
			text = append(text, part[:min(len(part), limit-len(text))]...)
			switch {
			case err == nil:
				more = false
			case errors.Is(err, io.EOF):
				more, l.Torn = false, true
			case !errors.Is(err, bufio.ErrBufferFull):
				return err
			}
		}
		if l.Torn && l.Size == 0 {
			return nil
		}
		l.Text, l.Cut = text, l.Size > int64(len(text))+1 || l.Torn && l.Size > int64(len(text))
		at += l.Size
		if !use(l) || l.Torn {
			return nil
		}
	}
}
