package data

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"mspecc/runtime/data/filetype"
	"unicode/utf8"
)

// maxUnpacked bounds what a compressed file is unpacked to: beyond it, it must be unpacked by hand.
const maxUnpacked = 64 << 30

// Blob is a file whose parts are read in any order, at no cost in memory. It is opened for each
// read, so that there may be any number of them, and refused where it is not what it was at first.
type Blob struct {
	Source *Source
	Name   string // relative to the data folder
	Size   int64  // of the contents

	disk int64 // size of the file
	mod  time.Time
	rest io.ReaderAt // the contents where they are not in the file as they are
}

// OpenFile opens a file. It refuses what is none: a folder, a pipe that nobody may ever write to, a device.
func (s *Source) OpenFile(name string) (fs.File, fs.FileInfo, error) {
	info, err := fs.Stat(s.Root, name)
	if err == nil && !info.Mode().IsRegular() {
		what := "something else"
		if info.IsDir() {
			what = "a folder"
		}
		return nil, nil, s.Fail(name, "", "is "+what+", expected a file", "move it away")
	}
	var f fs.File
	if err == nil {
		f, err = s.Root.Open(name)
	}
	if err == nil {
		if info, err = f.Stat(); err != nil {
			f.Close()
		}
	}
	if err != nil && !utf8.ValidString(name) {
		return nil, nil, s.badName(name)
	}
	if err != nil {
		return nil, nil, s.Fail(name, "", "cannot be opened: "+Cause(err), "check the file and its permissions")
	}
	return f, info, nil
}

// OpenBlob looks at a file. One that is packed, whatever its name is, is unpacked first.
func (s *Source) OpenBlob(name string) (*Blob, error) {
	f, info, err := s.OpenFile(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info.Size() == 0 {
		return nil, s.noByte(name)
	}
	b := &Blob{Source: s, Name: name, Size: info.Size(), disk: info.Size(), mod: info.ModTime()}
	contents, by, err := s.unpacked(name, bufio.NewReaderSize(f, 1<<16))
	if err != nil {
		return nil, err
	}
	if _, ok := f.(io.ReaderAt); ok && by == nil {
		return b, nil
	}
	tool := "another program"
	if by != nil {
		tool = by.Tool
	}
	return b.unpack(contents, tool)
}

// noByte is the error of an empty file.
func (s *Source) noByte(name string) *Error {
	e := s.Fail(name, "", "is empty", "fetch it again or remove it")
	e.empty = true
	return e
}

// unpack keeps the contents apart; the tool unpacks such files by hand.
func (b *Blob) unpack(contents io.Reader, tool string) (*Blob, error) {
	p := b.Source.NewSpool()
	n, err := io.Copy(p, io.LimitReader(contents, maxUnpacked+1))
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, b.Fail(fmt.Sprintf("byte %d of what it unpacks to", n), "the file ends too early", "it was cut off: fetch it again")
	case err != nil:
		return nil, b.Fail(fmt.Sprintf("byte %d of what it unpacks to", n), "cannot be unpacked: "+Cause(err), "it is damaged: fetch it again")
	case n > maxUnpacked:
		return nil, b.Fail("", "unpacks to more than 64 GiB", "unpack it with "+tool)
	case n == 0:
		return nil, b.Source.noByte(b.Name)
	}
	return b.With(p), nil
}

// FindBlob opens the first of the candidates that exists, as it is or packed, such as with .gz behind it; the
// option is where users name the file.
func (s *Source) FindBlob(option string, candidates ...string) (*Blob, error) {
	name, err := s.find(option, candidates)
	if err != nil {
		return nil, err
	}
	return s.OpenBlob(name)
}

// With is the same file with other contents, which were made of it.
func (b *Blob) With(p *Spool) *Blob {
	c := *b
	c.rest, c.Size = p, p.Size()
	return &c
}

// Fail makes an error about a place in the file.
func (b *Blob) Fail(at, msg, fix string) *Error { return b.Source.Fail(b.Name, at, msg, fix) }

// Other is the error of a file that cannot be read as what it should be, such as "an IDX file": where its first bytes are known
// as those of another kind, that is named with what to do.
func (b *Blob) Other(own, at, msg, fix string) *Error {
	head := make([]byte, filetype.HeadSize)
	n, _ := b.ReadAt(head, 0)
	if t, ok := filetype.Of(head[:n]); ok && t.Name != own {
		return b.Fail("", "is "+t.Name+", not "+own, t.Fix)
	}
	return b.Fail(at, msg, fix)
}

// same says whether a file is still what it was.
func (b *Blob) same(info fs.FileInfo, err error) error {
	if err != nil {
		return b.Source.Gone(b.Name, err)
	}
	if info.Size() != b.disk || !info.ModTime().Equal(b.mod) {
		return b.Source.Changed(b.Name)
	}
	return nil
}

// open opens the file again for reading at any place.
func (b *Blob) open() (io.ReaderAt, io.Closer, error) {
	if b.rest != nil {
		if err := b.Unchanged(); err != nil {
			return nil, nil, err
		}
		return b.rest, io.NopCloser(nil), nil
	}
	if err := b.Unchanged(); err != nil { // also because a pipe in its place would block
		return nil, nil, err
	}
	f, err := b.Source.Root.Open(b.Name)
	if err != nil {
		return nil, nil, b.same(nil, err)
	}
	if err := b.same(f.Stat()); err != nil {
		f.Close()
		return nil, nil, err
	}
	r, ok := f.(io.ReaderAt)
	if !ok {
		f.Close()
		return nil, nil, b.Source.Changed(b.Name)
	}
	return r, f, nil
}

// ReadFull reads the bytes from off on into p, all of it.
func (b *Blob) ReadFull(p []byte, off int64) error {
	r, c, err := b.open()
	if err != nil {
		return err
	}
	defer c.Close()
	if n, err := r.ReadAt(p, off); n < len(p) {
		return b.unread(off, err)
	}
	return nil
}

// unread says why bytes from off on could not be read.
func (b *Blob) unread(off int64, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return b.Source.Changed(b.Name)
	}
	return b.Fail(fmt.Sprintf("byte %d", off), "cannot be read: "+Cause(err), "fetch it again, or check the disk")
}

// ReadAt is that of io.ReaderAt, for packages that read files.
func (b *Blob) ReadAt(p []byte, off int64) (int, error) {
	if off >= b.Size {
		return 0, io.EOF
	}
	n := min(int64(len(p)), b.Size-off)
	if err := b.ReadFull(p[:n], off); err != nil {
		return 0, err
	}
	if n < int64(len(p)) {
		return int(n), io.EOF
	}
	return int(n), nil
}

// All is a reader of the contents from the start, which shows how far it has come.
func (b *Blob) All() (io.ReadCloser, error) {
	r, c, err := b.open()
	if err != nil {
		return nil, err
	}
	return &watched{b: b, r: io.NewSectionReader(r, 0, b.Size), Closer: c}, nil
}

// watched tells how much was read.
type watched struct {
	b *Blob
	r io.Reader
	io.Closer
	done, say int64
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if w.done += int64(n); w.done >= w.say {
		w.b.Source.Progress("indexing "+w.b.Name, w.done, w.b.Size)
		w.say = w.done + 4<<20
	}
	return n, err
}

// Line is the number of the line that a byte is in, for messages.
func (b *Blob) Line(off int64) string {
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
