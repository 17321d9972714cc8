package tfrecord

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"testing"
)

// TensorFlow's own file, see examples/data: every record has a sequence, a class and a name.
func TestRealFile(t *testing.T) {
	f, err := os.Open("../../../examples/data/genomics_ood/before_2011_in_tr/in_tr.tfrecord.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	r, n := bytes.NewReader(raw), 0
	var buf []byte
	for ; ; n++ {
		if buf, err = Read(r, buf); errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("record %d: %v", n, err)
		}
		features, err := Parse(buf)
		if err != nil || len(features["x"][0].Bytes) != 1 || len(features["y"][0].Ints) != 1 || len(features["z"][0].Bytes) != 1 {
			t.Fatalf("record %d: %v, %v", n, features, err)
		}
	}
	if n != 1001 {
		t.Errorf("%d records, expected 1001", n)
	}
	raw[Head] ^= 1
	if _, err := Read(bytes.NewReader(raw), nil); !errors.Is(err, ErrData) {
		t.Errorf("damaged data: %v", err)
	}
	if _, err := Read(bytes.NewReader(raw[:20]), nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file cut off: %v", err)
	}
	raw[0] ^= 1
	if _, err := Read(bytes.NewReader(raw), nil); err == nil || errors.Is(err, ErrData) {
		t.Errorf("a damaged length: %v", err)
	}
	if _, err := Parse([]byte{0xff}); err == nil {
		t.Error("no example was accepted")
	}
}
