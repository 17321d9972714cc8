package data

import (
	"fmt"
	"io"
	"os"
)

// maxMemory is what all spools of a data set keep in memory together, where nothing else is said.
const maxMemory = 256 << 20

// spoolBlock is the size of the pieces that a spool's memory comes in.
const spoolBlock = 1 << 18

// Spool keeps what is written to it, in memory or, where the spools of a data set hold much, in a
// temporary file that no other process sees, and gives any part of it back. Once written
// it is safe for concurrent reading.
type Spool struct {
	left *int64 // of the memory of all spools of the data set
	mem  [][]byte
	file *os.File
	size int64
}

// NewSpool makes an empty spool.
func (s *Source) NewSpool() *Spool { return &Spool{left: &s.memory} }

// Size is the number of bytes written.
func (p *Spool) Size() int64 { return p.size }

// Write appends b.
func (p *Spool) Write(b []byte) (int, error) {
	need := (p.size+int64(len(b))+spoolBlock-1)/spoolBlock - int64(len(p.mem))
	if p.file == nil && need*spoolBlock > *p.left {
		if err := p.toFile(); err != nil {
			return 0, err
		}
	}
	if p.file == nil {
		for ; need > 0; need-- {
			p.mem = append(p.mem, make([]byte, spoolBlock))
			*p.left -= spoolBlock
		}
	}
	n, err := p.WriteAt(b, p.size)
	p.size += int64(n)
	return n, err
}

// toFile moves the contents into a temporary file.
func (p *Spool) toFile() error {
	f, err := os.CreateTemp("", "mspecc-data-")
	if err != nil {
		return fmt.Errorf("the unpacked data do not fit into memory, and there is no room for a temporary file: %s", Cause(err))
	}
	_ = os.Remove(f.Name()) // it lives as long as it is open; where that cannot be, it stays
	if _, err := io.Copy(f, io.NewSectionReader(p, 0, p.size)); err != nil {
		f.Close()
		return err
	}
	*p.left += int64(len(p.mem)) * spoolBlock
	p.file, p.mem = f, nil
	return nil
}

// WriteAt writes over a part of what was written.
func (p *Spool) WriteAt(b []byte, off int64) (int, error) {
	if p.file != nil {
		return p.file.WriteAt(b, off)
	}
	n := 0
	for n < len(b) {
		at := off + int64(n)
		n += copy(p.mem[at/spoolBlock][at%spoolBlock:], b[n:])
	}
	return n, nil
}

// Free gives up the contents.
func (p *Spool) Free() {
	*p.left += int64(len(p.mem)) * spoolBlock
	if p.file != nil {
		p.file.Close()
	}
	*p = Spool{left: p.left}
}

// ReadAt is that of io.ReaderAt.
func (p *Spool) ReadAt(b []byte, off int64) (int, error) {
	if p.file != nil {
		return p.file.ReadAt(b, off)
	}
	n := 0
	for n < len(b) && off+int64(n) < p.size {
		at := off + int64(n)
		block := p.mem[at/spoolBlock]
		if rest := p.size - at/spoolBlock*spoolBlock; rest < spoolBlock {
			block = block[:rest]
		}
		n += copy(b[n:], block[at%spoolBlock:])
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}
