package data

import (
	"io"
	"sync/atomic"
)

// MaxWhole bounds a file that is one example: beyond it something else was given.
const MaxWhole = 256 << 20

// Stamp is what a file was when it was read first: its size and time, mixed; 0 before.
type Stamp struct{ atomic.Uint64 }

// ReadWhole reads a file that is one example. With a stamp it must be what it was when it was read before.
func (s *Source) ReadWhole(name string, stamp *Stamp) ([]byte, error) {
	f, info, err := s.OpenFile(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if stamp != nil {
		now := key(uint64(info.Size()), uint64(info.ModTime().UnixNano())) | 1
		if !stamp.CompareAndSwap(0, now) && stamp.Load() != now {
			return nil, s.Changed(name)
		}
	}
	raw, err := io.ReadAll(io.LimitReader(f, MaxWhole+1))
	switch {
	case err != nil:
		return nil, s.Fail(name, "", "cannot be read: "+Cause(err), "fetch it again, or check the disk")
	case len(raw) == 0:
		return nil, s.Fail(name, "", "is empty", "fetch it again or remove it")
	case len(raw) > MaxWhole:
		return nil, s.Fail(name, "", "has more than 256 MiB, far more than one example", "give the right file")
	}
	return raw, nil
}
