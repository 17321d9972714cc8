package runtime

import (
	"syscall"
	"unsafe"
)

// madvHugepage asks for huge pages: with them large strides do not exhaust the TLB.
const madvHugepage = 14

// allocate maps zeroed, page-aligned memory.
func allocate(floats int) ([]float32, func(), error) {
	if floats == 0 {
		return nil, func() {}, nil
	}
	raw, err := syscall.Mmap(-1, 0, floats*4, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil, nil, err
	}
	_ = syscall.Madvise(raw, madvHugepage) // only speed depends on it
	mem := unsafe.Slice((*float32)(unsafe.Pointer(&raw[0])), floats)
	return mem, func() { _ = syscall.Munmap(raw) }, nil
}
