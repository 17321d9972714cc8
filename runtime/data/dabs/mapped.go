package dabs

import (
	"io"
	"os"
	"runtime/debug"

	"mspecc/runtime/data"
)

// mapFile gives a file's bytes: mapped where the system and the folder allow it, otherwise read.
func mapFile(s *data.Source, name string) ([]byte, error) {
	f, err := s.Root.Open(name)
	if err != nil {
		return nil, s.Fail(name, "", "cannot be opened: "+data.Cause(err), "check the file and its permissions")
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		return nil, s.Fail(name, "", "is no file that can be read", "give the file")
	}
	if info.Size() > maxTable {
		return nil, s.Fail(name, "", "has more than 64 GiB", "give the right file")
	}
	if info.Size() == 0 {
		return nil, s.Fail(name, "", "is empty", "fetch it again")
	}
	if file, ok := f.(*os.File); ok {
		if raw, err := mapping(file, int(info.Size())); err == nil {
			return raw, nil
		}
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxTable))
	if err != nil {
		return nil, s.Fail(name, "", "cannot be read: "+data.Cause(err), "fetch it again, or check the disk")
	}
	return raw, nil
}

// faults turns the fault of a mapped file that was cut off into an error: defer faults(&err, make)().
func faults(err *error, message func() error) func() {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		if p := recover(); p != nil {
			if _, fault := p.(interface{ Addr() uintptr }); !fault {
				panic(p)
			}
			*err = message()
		}
	}
}
