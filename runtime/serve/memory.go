package serve

import (
	"errors"
	"io"
	"sync"
)

// memoryShare is how many times its body's bytes a request may take: the body, the numbers
// read from it (4 bytes for at least 2 of JSON), and as much again while their slice grows.
const memoryShare = 6

// leastShare is what a connection takes that is only open, about.
const leastShare = 16 << 10

// memory is what there is for the bodies of all requests. A body takes its share as its bytes
// arrive, at most three quarters of what the others have left: so however many large ones lie
// there, something remains for small ones.
type memory struct {
	mu         sync.Mutex
	size, free int64 // bytes
}

func newMemory(size int64) *memory { return &memory{size: size, free: size} }

// share is how much of the memory a body of so many bytes takes.
func (m *memory) share(bytes int64) int64 {
	return min(most(m.size), leastShare+memoryShare*bytes)
}

// most is what one body may take of so much.
func most(free int64) int64 { return free / 4 * 3 }

// fits says whether there is room for one more body with such a share.
func (m *memory) fits(share int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return share <= most(m.free)
}

// grow makes a body's share larger, where there is room.
func (m *memory) grow(had, share int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if share > most(m.free+had) {
		return false
	}
	m.free -= share - had
	return true
}

func (m *memory) release(share int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free += share
}

// errNoMemory says that the bodies of other requests leave too little memory for this one.
var errNoMemory = errors.New("the bodies of other requests take all memory there is for them")

// firstRead is the size of the buffer that a body begins with.
const firstRead = 4 << 10

// receive reads a body whose length is known, or negative and then at most a given one. Its share
// of the memory is taken as its bytes arrive; release gives it back, also after an error.
func (m *memory) receive(r io.Reader, length, limit int64) (body []byte, release func(), err error) {
	var share int64
	release = func() { m.release(share) }
	if length >= 0 {
		limit = length
		if !m.fits(m.share(length)) { // as things stand it would be refused in the midst of it
			return nil, release, errNoMemory
		}
	}
	for {
		if len(body) == cap(body) {
			size := min(max(firstRead, 2*int64(cap(body))), limit)
			if int64(cap(body)) >= limit {
				size = int64(cap(body)) + 1 // for the end, or what is too much
			}
			larger := m.share(size)
			if !m.grow(share, larger) {
				return nil, release, errNoMemory
			}
			share = larger
			body = append(make([]byte, 0, size), body...)
		}
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if errors.Is(err, io.EOF) {
			return body, release, nil
		}
		if err != nil {
			return nil, release, err
		}
	}
}
