package spec

import "mspecc/runtime/files"

// MaxFile is how many bytes a file of a spec has at most; far above any real one.
const MaxFile = 1 << 18

// ReadFile reads a file of a spec. What is no regular file, or has more than MaxFile bytes, is an error
// before anything is read.
func ReadFile(name string) ([]byte, error) { return files.Read(name, MaxFile) }
