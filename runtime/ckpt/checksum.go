package ckpt

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// checksumKey is where a file's metadata hold the SHA-256 of the whole file, which is that of its
// bytes with 64 zeros in the place of the checksum. Other programs take it for any text.
const checksumKey = "mspecc.sha256"

var noChecksum = strings.Repeat("0", 2*sha256.Size)

// checksumAt is the place of the checksum in the head of a file, -1 where it has none. Inside of
// other texts the quotes would be escaped, and a tensor's entry is no text.
func checksumAt(head []byte) int {
	mark := []byte(`"` + checksumKey + `":"`)
	i := bytes.Index(head, mark)
	if i < 0 || i+len(mark)+len(noChecksum) > len(head) {
		return -1
	}
	return i + len(mark)
}

// seal writes the checksum into the head of the file, which has zeros there.
func (f *File) seal(head []byte) {
	h := sha256.New()
	h.Write(head)
	for _, t := range f.Tensors {
		h.Write(t.Data)
	}
	hex.Encode(head[checksumAt(head):], h.Sum(nil))
}

// verify compares the checksum, and takes it out of the metadata. A checkpoint must have one; what
// other programs wrote has none. rest writes what follows the head.
func (f *File) verify(head []byte, rest func(io.Writer)) error {
	want, ok := f.Metadata[checksumKey]
	if !ok {
		if _, own := f.Metadata[metadataKey]; own {
			return errors.New("its checksum is missing: it is damaged")
		}
		return nil
	}
	delete(f.Metadata, checksumKey)
	if len(f.Metadata) == 0 {
		f.Metadata = nil
	}
	at := checksumAt(head)
	if at < 0 || len(want) != len(noChecksum) {
		return errors.New("its checksum cannot be read: it is damaged")
	}
	h := sha256.New()
	h.Write(head[:at])
	h.Write([]byte(noChecksum))
	h.Write(head[at+len(noChecksum):])
	rest(h)
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Errorf("its SHA-256 is %.12s..., it was written with %.12s...: it is damaged", got, want)
	}
	return nil
}
