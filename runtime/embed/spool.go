package embed

import (
	"bufio"
	"encoding/binary"
	"io"
	"os"
)

// spool keeps texts of examples, so many of each, in a temporary file until their number and length are known.
type spool struct {
	columns int
	f       *os.File
	w       *bufio.Writer
	bytes   []int // of the longest text of each column, in UTF-8
	runes   []int // likewise, characters
}

func newSpool(columns int) (*spool, error) {
	f, err := os.CreateTemp("", "mspecc-texts-*")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(f.Name()) // where the system can do without the name; Close tries again
	return &spool{columns: columns, f: f, w: bufio.NewWriter(f), bytes: make([]int, columns), runes: make([]int, columns)}, nil
}

// Close gives the file back.
func (s *spool) Close() error {
	err := s.f.Close()
	_ = os.Remove(s.f.Name())
	return err
}

// add keeps the texts of an example.
func (s *spool) add(texts []string) error {
	for i, t := range texts {
		s.bytes[i] = max(s.bytes[i], len(t))
		s.runes[i] = max(s.runes[i], len([]rune(t)))
		var head [binary.MaxVarintLen64]byte
		if _, err := s.w.Write(head[:binary.PutUvarint(head[:], uint64(len(t)))]); err != nil {
			return err
		}
		if _, err := s.w.WriteString(t); err != nil {
			return err
		}
	}
	return nil
}

// each calls use with the texts of every example.
func (s *spool) each(use func(texts []string) error) error {
	if err := s.w.Flush(); err != nil {
		return err
	}
	if _, err := s.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r, texts := bufio.NewReaderSize(s.f, 1<<16), make([]string, s.columns)
	var buf []byte
	for {
		for i := range texts {
			n, err := binary.ReadUvarint(r)
			if i == 0 && err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if cap(buf) < int(n) {
				buf = make([]byte, n)
			}
			if _, err := io.ReadFull(r, buf[:n]); err != nil {
				return err
			}
			texts[i] = string(buf[:n])
		}
		if err := use(texts); err != nil {
			return err
		}
	}
}
