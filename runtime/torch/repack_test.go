package torch

import (
	"archive/zip"
	"bytes"
	"io"
	"testing"
)

// change copies an archive, record by record.
func change(t testing.TB, raw []byte, f func(name string, data []byte) (string, []byte)) []byte {
	in, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	out := zip.NewWriter(&b)
	for _, x := range in.File {
		r, err := x.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		name, data := f(x.Name, data)
		w, err := out.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// repack puts another pickle into an archive.
func repack(t testing.TB, raw, pickle []byte) []byte {
	return change(t, raw, func(name string, data []byte) (string, []byte) {
		if name == "archive/data.pkl" {
			data = pickle
		}
		return name, data
	})
}

// rename gives a record another name.
func rename(t testing.TB, raw []byte, from, to string) []byte {
	return change(t, raw, func(name string, data []byte) (string, []byte) {
		if name == "archive/"+from {
			name = "archive/" + to
		}
		return name, data
	})
}
