package data

import (
	"os"
	"syscall"
)

// mapping maps a file for reading.
func mapping(f *os.File, size int) ([]byte, error) {
	return syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_SHARED)
}

func unmap(raw []byte) { _ = syscall.Munmap(raw) }
