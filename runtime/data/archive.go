package data

import (
	"archive/zip"
	"errors"
	"io"
	"strings"

	"mspecc/runtime/data/numpy"
)

// Array is an array of NumPy's, of which any part can be read.
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
	switch {
	case errors.As(err, &own):
		return nil, own
	case err != nil:
		return nil, b.Source.Fail(place, "header", err.Error(), "give an array that numpy.save wrote")
	}
	return &Array{Header: h, Name: name, blob: b, start: start + h.Start}, nil
}

// ReadFull reads bytes of elements, counted from the first element, into p, all of it.
func (a *Array) ReadFull(p []byte, off int64) error { return a.blob.ReadFull(p, a.start+off) }

// Arrays reads the headers of the arrays of an .npz file. Packed arrays are unpacked first.
func (b *Blob) Arrays() ([]*Array, error) {
	z, err := zip.NewReader(b, b.Size)
	if err != nil {
		return nil, b.Fail("", "is no .npz file ("+Cause(err)+")", "fetch it again")
	}
	var all []*Array
	for _, f := range z.File {
		name, ok := strings.CutSuffix(f.Name, ".npy")
		if !ok {
			continue
		}
		a, err := b.member(f, name)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	if len(all) == 0 {
		return nil, b.Fail("", "holds no array", "give a file that numpy.savez wrote")
	}
	return all, nil
}

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
