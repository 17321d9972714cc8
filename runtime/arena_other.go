//go:build !linux

package runtime

import "unsafe"

// allocate makes zeroed memory that starts on a cache line.
func allocate(floats int) ([]float32, func(), error) {
	raw := make([]float32, floats+lineFloats)
	skip := 0
	for uintptr(unsafe.Pointer(&raw[skip]))%(lineFloats*4) != 0 {
		skip++
	}
	return raw[skip : skip+floats : skip+floats], func() {}, nil
}
