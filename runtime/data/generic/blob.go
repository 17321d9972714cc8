package generic

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"mspecc/runtime/data"
)

const (
	maxMemory   = 256 << 20 // what is kept in memory of unpacked data; more goes to a temporary file
	maxUnpacked = 64 << 30  // beyond it a compressed file must be unpacked by hand
	maxRecord   = 64 << 20  // bytes of one record: beyond it the file is another one
)

// blob is a file whose parts are read in any order. The file is opened for each read, so that
// there may be any number of them, and refused where it is not what it was at first.
type blob struct {
	s    *data.Source
	name string
	size int64 // of the contents
	disk int64 // of the file
	mod  time.Time
	rest io.ReaderAt // the contents where they are not in the file as they are
}

// openBlob looks at a file. A gzip stream is unpacked first.
func openBlob(s *data.Source, name string) (*blob, error) {
	f, err := s.Root.Open(name)
	if err != nil {
		return nil, s.Fail(name, "", "cannot be opened: "+reason(err), "check the file and its permissions")
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, s.Fail(name, "", "cannot be opened: "+reason(err), "check the file and its permissions")
	case info.IsDir():
		return nil, s.Fail(name, "", "is a folder, expected a file", "move it away")
	case info.Size() == 0:
		return nil, s.Fail(name, "", "is empty", "fetch it again or remove it")
	}
	b := &blob{s: s, name: name, size: info.Size(), disk: info.Size(), mod: info.ModTime()}
	in := bufio.NewReaderSize(f, 1<<16)
	magic, _ := in.Peek(2)
	packed := len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b
	if strings.HasSuffix(name, ".gz") && !packed {
		return nil, s.Fail(name, "", "is not a gzip file although its name ends in .gz", "fetch it again or drop .gz from its name")
	}
	if _, ok := f.(io.ReaderAt); ok && !packed {
		return b, nil
	}
	var contents io.Reader = in
	if packed {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, s.Fail(name, "", "has a damaged gzip header ("+reason(err)+")", "fetch it again")
		}
		contents = z
	}
	p := &spool{}
	b.size, err = io.Copy(p, io.LimitReader(contents, maxUnpacked+1))
	switch {
	case err != nil:
		return nil, s.Fail(name, fmt.Sprintf("byte %d", b.size), "cannot be unpacked: "+reason(err), "it was cut off or damaged: fetch it again")
	case b.size > maxUnpacked:
		return nil, s.Fail(name, "", "unpacks to more than 64 GiB", "unpack it with gunzip")
	case b.size == 0:
		return nil, s.Fail(name, "", "is empty", "fetch it again or remove it")
	}
	b.rest = p
	return b, nil
}

// changed is the error of a file that is not what it was.
func (b *blob) changed() *data.Error {
	return b.s.Fail(b.name, "", "changed while it was in use", "start again, and leave the data alone meanwhile")
}

// open opens the file again for reading at any place.
func (b *blob) open() (io.ReaderAt, io.Closer, error) {
	if b.rest != nil {
		return b.rest, io.NopCloser(nil), nil
	}
	f, err := b.s.Root.Open(b.name)
	if err != nil {
		return nil, nil, b.s.Fail(b.name, "", "cannot be opened any more: "+reason(err), "start again, and leave the data alone meanwhile")
	}
	info, err := f.Stat()
	r, ok := f.(io.ReaderAt)
	if err != nil || !ok || info.Size() != b.disk || !info.ModTime().Equal(b.mod) {
		f.Close()
		return nil, nil, b.changed()
	}
	return r, f, nil
}

// read reads the bytes from off on into p, all of it.
func (b *blob) read(p []byte, off int64) error {
	r, c, err := b.open()
	if err != nil {
		return err
	}
	defer c.Close()
	if n, err := r.ReadAt(p, off); n < len(p) {
		if err == nil || errors.Is(err, io.EOF) {
			return b.changed()
		}
		return b.s.Fail(b.name, fmt.Sprintf("byte %d", off), "cannot be read: "+reason(err), "fetch it again, or check the disk")
	}
	return nil
}

// all is a reader of the contents from the start, with a bar for long ones.
func (b *blob) all() (io.Reader, io.Closer, error) {
	r, c, err := b.open()
	if err != nil {
		return nil, nil, err
	}
	return &watched{b: b, r: io.NewSectionReader(r, 0, b.size)}, c, nil
}

// watched tells how much was read.
type watched struct {
	b         *blob
	r         io.Reader
	done, say int64
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if w.done += int64(n); w.done >= w.say {
		w.b.s.Progress("indexing "+w.b.name, w.done, w.b.size)
		w.say = w.done + 4<<20
	}
	return n, err
}

// line is the number of the line that a byte is in, for messages.
func (b *blob) line(off int64) string {
	r, c, err := b.open()
	if err != nil {
		return fmt.Sprintf("byte %d", off)
	}
	defer c.Close()
	n, buf := 1, make([]byte, 1<<16)
	for at := int64(0); at < off; {
		k, err := r.ReadAt(buf[:min(int64(len(buf)), off-at)], at)
		for _, x := range buf[:k] {
			if x == '\n' {
				n++
			}
		}
		if at += int64(k); err != nil {
			break
		}
	}
	return fmt.Sprintf("line %d", n)
}

// spool keeps what was written, in memory or, where it is much, in a temporary file that no
// other process sees, and gives any part of it back.
type spool struct {
	limit int64 // of the memory; 0: maxMemory
	mem   []byte
	file  *os.File
	size  int64
}

func (p *spool) Write(b []byte) (int, error) {
	if p.limit == 0 {
		p.limit = maxMemory
	}
	if p.file == nil && p.size+int64(len(b)) > p.limit {
		f, err := os.CreateTemp("", "mspecc-data-")
		if err != nil {
			return 0, fmt.Errorf("the unpacked data do not fit into memory, and there is no room for a temporary file: %w", err)
		}
		_ = os.Remove(f.Name()) // it lives as long as it is open; where that cannot be, it stays
		if _, err := f.Write(p.mem); err != nil {
			return 0, err
		}
		p.file, p.mem = f, nil
	}
	if p.file != nil {
		n, err := p.file.Write(b)
		p.size += int64(n)
		return n, err
	}
	p.mem = append(p.mem, b...)
	p.size += int64(len(b))
	return len(b), nil
}

func (p *spool) ReadAt(b []byte, off int64) (int, error) {
	if p.file != nil {
		return p.file.ReadAt(b, off)
	}
	if off >= int64(len(p.mem)) {
		return 0, io.EOF
	}
	n := copy(b, p.mem[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}
