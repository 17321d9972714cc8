package data

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"strings"

	"mspecc/runtime/data/filetype"
	"mspecc/runtime/data/numpy"
)

// Array is an array of NumPy's in C's order, of which any part can be read.
type Array struct {
	*numpy.Header
	Name  string // of the array, without .npy
	blob  *Blob
	start int64
}

// Array reads the header of an .npy file.
func (b *Blob) Array(name string) (*Array, error) { return b.array(b.Name, name, 0, b.Size) }

// array reads the header of an array that fills a part of the blob.
func (b *Blob) array(place, name string, start, size int64) (*Array, error) {
	h, err := numpy.Read(io.NewSectionReader(b, start, size), size)
	var own *Error
	var kind *filetype.Error
	switch {
	case errors.As(err, &own):
		return nil, own
	case errors.As(err, &kind):
		return nil, b.Source.Fail(place, "header", kind.Msg, kind.Fix)
	case err != nil && place == b.Name:
		return nil, b.Other("an array of NumPy", "header", err.Error(), "give an array that numpy.save wrote")
	case err != nil:
		return nil, b.Source.Fail(place, "header", err.Error(), "give an array that numpy.save wrote")
	}
	a := &Array{Header: h, Name: name, blob: b, start: start + h.Start}
	if h.Fortran {
		return a.turned(place, turnRoom)
	}
	return a, nil
}

// turnRoom is the memory that an array is turned in. Examples of which fewer than turnRows fit into
// it would be read in pieces too small for any disk.
const (
	turnRoom = 64 << 20
	turnRows = 8
)

// turned is the array in C's order. In that of Fortran, which transposed arrays and tables of pandas
// have, the values of an example lie all over the file; so it is written anew once, some examples at a time.
func (a *Array) turned(place string, room int) (*Array, error) {
	n, row := a.Shape[0], a.PerRow()*a.Size
	const fix = "save numpy.ascontiguousarray(x)"
	if total := int64(n) * int64(row); total > maxUnpacked {
		return nil, a.blob.Source.Fail(place, "", "is in Fortran's order and of more than 64 GiB, too much to be put into C's", fix)
	}
	rows := min(n, room/row)
	if rows < min(n, turnRows) {
		return nil, a.blob.Source.Fail(place, "", fmt.Sprintf("is in Fortran's order with examples of %d bytes, expected at most %d in that order", row, room/turnRows), fix)
	}
	r, closer, err := a.blob.open()
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	places, size := a.Places(), a.Size
	piece, block := make([]byte, rows*size), make([]byte, rows*row)
	p := a.blob.Source.NewSpool()
	for lo := 0; lo < n; lo += rows {
		k := min(rows, n-lo)
		for i, to := range places {
			at := a.start + (int64(i)*int64(n)+int64(lo))*int64(size)
			if got, err := r.ReadAt(piece[:k*size], at); got < k*size {
				return nil, a.blob.unread(at, err)
			}
			for j := range k {
				copy(block[j*row+to*size:][:size], piece[j*size:])
			}
		}
		if _, err := p.Write(block[:k*row]); err != nil {
			return nil, a.blob.Source.Fail(place, "", "is in Fortran's order, and there is no room to put it into C's: "+Cause(err), fix)
		}
		a.blob.Source.Progress("putting "+place+" into C's order", int64(lo+k)*int64(row), int64(n)*int64(row))
	}
	if err := a.blob.Unchanged(); err != nil {
		return nil, err
	}
	h := *a.Header
	h.Fortran, h.Start = false, 0
	return &Array{Header: &h, Name: a.Name, blob: a.blob.With(p)}, nil
}

// ReadFull reads bytes of elements, counted from the first element, into p, all of it.
func (a *Array) ReadFull(p []byte, off int64) error { return a.blob.ReadFull(p, a.start+off) }

// Member is an array of an .npz file that is not opened yet.
type Member struct {
	Name string // of the array, without .npy
	blob *Blob
	file *zip.File
}

// Members lists the arrays of an .npz file.
func (b *Blob) Members() ([]Member, error) {
	z, err := zip.NewReader(b, b.Size)
	if err != nil {
		return nil, b.Other("a zip archive", "", "is no .npz file ("+Cause(err)+")", "fetch it again")
	}
	var all []Member
	for _, f := range z.File {
		if name, ok := strings.CutSuffix(f.Name, ".npy"); ok {
			all = append(all, Member{name, b, f})
		}
	}
	if len(all) == 0 {
		return nil, b.Fail("", "holds no array", "give a file that numpy.savez wrote")
	}
	return all, nil
}

// Array reads the array's header. A packed array is unpacked first.
func (m Member) Array() (*Array, error) { return m.blob.member(m.file, m.Name) }

// member is an array in an archive.
func (b *Blob) member(f *zip.File, name string) (*Array, error) {
	size := f.UncompressedSize64
	if size > maxUnpacked {
		return nil, b.Fail(f.Name, "unpacks to more than 64 GiB", "save the arrays with numpy.save")
	}
	place := b.Name + ", " + f.Name
	if f.Method == zip.Store {
		start, err := f.DataOffset()
		if err != nil || start < 0 || int64(size) > b.Size-start {
			return nil, b.Fail(f.Name, "lies outside the file", "it is damaged: fetch it again")
		}
		return b.array(place, name, start, int64(size))
	}
	r, err := f.Open()
	if errors.Is(err, zip.ErrAlgorithm) {
		return nil, b.Fail(f.Name, fmt.Sprintf("is packed by method %d of zip, which is not read", f.Method), "save the arrays with numpy.savez or numpy.savez_compressed")
	}
	if err != nil {
		return nil, b.Fail(f.Name, "cannot be unpacked: "+Cause(err), "fetch it again")
	}
	defer r.Close()
	p := b.Source.NewSpool()
	n, err := io.Copy(p, io.LimitReader(r, int64(size)+1))
	if err == nil && n != int64(size) {
		err = errors.New("its length is not what the archive says")
	}
	if err != nil {
		return nil, b.Fail(f.Name, "cannot be unpacked: "+Cause(err), "it is damaged: fetch it again")
	}
	return b.With(p).array(place, name, 0, n)
}
