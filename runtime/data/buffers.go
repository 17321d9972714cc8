package data

import "sync"

// buffers are bytes to read examples into, used again and again.
var buffers bytePool

type bytePool struct{ pool sync.Pool }

// get gives n bytes of any content.
func (p *bytePool) get(n int) *[]byte {
	b, _ := p.pool.Get().(*[]byte)
	if b == nil || cap(*b) < n {
		b = new([]byte)
		*b = make([]byte, n)
	}
	*b = (*b)[:n]
	return b
}

func (p *bytePool) put(b *[]byte) { p.pool.Put(b) }
