package data

import (
	"bytes"
	"io"
	"testing"
)

// What is written to spools comes back, and beyond what memory is for it lies in a temporary file.
func TestSpool(t *testing.T) {
	s := &Source{memory: 3 * spoolBlock}
	small, large := s.NewSpool(), s.NewSpool()
	var want []byte
	write := func(p *Spool, b []byte) {
		t.Helper()
		if n, err := p.Write(b); n != len(b) || err != nil {
			t.Fatal(n, err)
		}
	}
	write(small, []byte("small"))
	for i := range 9 {
		piece := bytes.Repeat([]byte{byte(i), byte(i + 100), 7}, spoolBlock/10)
		if i%2 == 1 { // changes a part, across blocks, in memory and in the file
			if _, err := large.WriteAt(piece[:spoolBlock/5], int64(len(want)/2)); err != nil {
				t.Fatal(err)
			}
			copy(want[len(want)/2:], piece[:spoolBlock/5])
		}
		write(large, piece)
		want = append(want, piece...)
		if wantFile := len(want) > 2*spoolBlock; (large.file != nil) != wantFile {
			t.Fatalf("%d bytes, in a file: %v", len(want), large.file != nil)
		}
		got := make([]byte, len(want)+5)
		if n, err := large.ReadAt(got, 0); n != len(want) || err != io.EOF || !bytes.Equal(got[:n], want) {
			t.Fatalf("read %d of %d bytes, %v", n, len(want), err)
		}
		if n, err := large.ReadAt(got[:9], int64(len(want)-9)); n != 9 || err != nil || !bytes.Equal(got[:9], want[len(want)-9:]) {
			t.Fatal("the end differs")
		}
	}
	defer large.file.Close()
	if len(large.mem) > 0 || s.memory != 2*spoolBlock || large.Size() != int64(len(want)) {
		t.Errorf("%d blocks in memory, room for %d", len(large.mem), s.memory)
	}
	var b [5]byte
	if _, err := small.ReadAt(b[:], 0); err != nil || string(b[:]) != "small" {
		t.Errorf("%q %v", b, err)
	}
}
