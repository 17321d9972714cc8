package data

import (
	"io"
	"io/fs"
	"os"
	"runtime/debug"
	"unsafe"
)

// maxHeld bounds a file that is held in memory because it cannot be mapped.
const maxHeld = 4 << 30

// Map gives the contents as bytes: mapped where the system and the folder allow it, otherwise
// read. The bytes are good until release is called, which need not happen.
func (b *Blob) Map() (raw []byte, release func(), err error) {
	r, c, err := b.open()
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	if f, ok := r.(*os.File); ok {
		if raw, err := mapping(f, int(b.Size)); err == nil {
			return raw, func() { unmap(raw) }, nil
		}
	}
	if b.Size > maxHeld {
		return nil, nil, b.Fail("", "has more than 4 GiB and cannot be mapped", "unpack it, and put it on a disk of this machine")
	}
	raw = make([]byte, b.Size)
	if n, err := r.ReadAt(raw, 0); n < len(raw) {
		if err == nil || err == io.EOF {
			return nil, nil, b.Source.Changed(b.Name)
		}
		return nil, nil, b.Fail("", "cannot be read: "+Cause(err), "fetch it again, or check the disk")
	}
	return raw, func() {}, nil
}

// Unchanged is an error where the file is not what it was.
func (b *Blob) Unchanged() error { return b.same(fs.Stat(b.Source.Root, b.Name)) }

// Faults turns the fault of a mapped file that was cut off into an error: defer b.Faults(&err)().
func (b *Blob) Faults(err *error) func() {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		if p := recover(); p != nil {
			if _, fault := p.(interface{ Addr() uintptr }); !fault {
				panic(p)
			}
			*err = b.Source.Changed(b.Name)
		}
	}
}

// within is where the bytes of a part lie in raw; false where they are a copy.
func within(raw, part []byte) (int64, bool) {
	if len(raw) == 0 || len(part) == 0 {
		return 0, false
	}
	at := uintptr(unsafe.Pointer(&part[0])) - uintptr(unsafe.Pointer(&raw[0]))
	return int64(at), at < uintptr(len(raw)) && uintptr(len(part)) <= uintptr(len(raw))-at
}
