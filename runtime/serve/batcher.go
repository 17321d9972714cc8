package serve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/data"
	"mspecc/runtime/eval"
	"mspecc/runtime/train"
)

// errFull says that the queue has no room for a request; errClosing that the server stops.
var (
	errFull    = errors.New("the queue is full")
	errClosing = errors.New("the server is stopping")
)

// inputError is an error that the request's numbers are to blame for.
type inputError struct{ error }

// call is a request's examples on their way through the queue. The fields below the line are
// the worker's until finished is closed.
type call struct {
	ctx context.Context
	in  *inputs
	n   int
	out []float32 // [n, width]

	taken    int // examples that are in a batch or were
	left     int // examples whose features are not there yet
	err      error
	finished chan struct{}
}

// batcher gathers the examples of several requests into batches and computes their features
// one batch after another: the machine's parallelism is inside a batch.
type batcher struct {
	m         *runtime.Machine
	functions []*runtime.Function // by batch, smallest first
	part      data.Batch          // what the next batch is made of
	width     int                 // features of one example
	room      int                 // examples that may wait
	wait      time.Duration       // for company, after a first example
	metrics   *metrics

	mu      sync.Mutex
	queue   []*call // not yet taken wholly, in order of arrival
	waiting int     // their examples
	hurry   bool    // those in the queue have waited for company already
	closing bool
	arrived chan struct{} // has an element after something changed
	done    chan struct{}
}

// newBatcher starts the worker. It refuses a model whose features of one example depend on
// the others of a batch, as answers would then depend on other people's requests.
func newBatcher(m *runtime.Machine, room int, wait time.Duration, mt *metrics) (*batcher, error) {
	width, err := eval.Width(m.Program)
	if err != nil {
		return nil, err
	}
	b := &batcher{m: m, width: width, room: room, wait: wait, metrics: mt, arrived: make(chan struct{}, 1), done: make(chan struct{})}
	b.functions = append(slices.Clone(m.Program.Small), m.Program.Features)
	if len(m.Program.Features.Inputs) == 0 {
		return nil, fmt.Errorf("the features of the model %s take no input", m.Program.Name)
	}
	for _, f := range b.functions {
		if ok, err := eval.Independent(m, f); err != nil {
			return nil, err
		} else if !ok {
			return nil, fmt.Errorf("the features of an example depend on the rest of its batch, as with batch statistics; %s cannot be served to several clients", m.Program.Name)
		}
	}
	go b.work()
	return b, nil
}

// batch is the number of examples that a function takes.
func batch(f *runtime.Function) int { return f.Inputs[0].Shape[0] }

// largest is the most examples that are computed at once.
func (b *batcher) largest() int { return batch(b.functions[len(b.functions)-1]) }

// submit puts a request into the queue; wait for c.finished. It is taken whole or not at all.
func (b *batcher) submit(c *call) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closing:
		return errClosing
	case b.waiting+c.n > b.room:
		return errFull
	}
	c.left, c.finished = c.n, make(chan struct{})
	b.queue = append(b.queue, c)
	b.waiting += c.n
	b.metrics.waiting.Set(float64(b.waiting))
	b.signal()
	return nil
}

// signal wakes the worker.
func (b *batcher) signal() {
	select {
	case b.arrived <- struct{}{}:
	default:
	}
}

// close lets the worker finish what is in the queue and waits for it.
func (b *batcher) close() {
	b.mu.Lock()
	b.closing = true
	b.signal()
	b.mu.Unlock()
	<-b.done
}

// part is one example of a call.
type part struct {
	c *call
	i int
}

func (b *batcher) work() {
	defer close(b.done)
	for {
		parts, more := b.next()
		if !more {
			return
		}
		if len(parts) > 0 {
			b.compute(parts)
		}
	}
}

// next waits for examples and takes as many as fit into one batch; more is false when the
// queue is empty for good. Requests that nobody waits for any more leave the queue here.
func (b *batcher) next() (parts []part, more bool) {
	var full <-chan time.Time
	for {
		b.mu.Lock()
		b.drop()
		enough := b.waiting >= b.largest() || b.closing || b.hurry || b.wait <= 0
		if b.waiting > 0 && enough {
			parts = b.take()
			b.mu.Unlock()
			return parts, true
		}
		if b.waiting == 0 && b.closing {
			b.mu.Unlock()
			return nil, false
		}
		if b.waiting > 0 && full == nil {
			full = time.After(b.wait)
		}
		b.mu.Unlock()
		select {
		case <-b.arrived:
		case <-full:
			b.mu.Lock()
			b.drop()
			parts = b.take()
			b.mu.Unlock()
			return parts, true
		}
	}
}

// drop removes requests whose client is gone or whose time is up.
func (b *batcher) drop() {
	b.queue = slices.DeleteFunc(b.queue, func(c *call) bool {
		if c.ctx.Err() == nil {
			return false
		}
		b.waiting -= c.n - c.taken
		c.err = c.ctx.Err()
		if c.left -= c.n - c.taken; c.left == 0 {
			close(c.finished)
		}
		return true
	})
	b.metrics.waiting.Set(float64(b.waiting))
}

// take gathers the first examples of the queue.
func (b *batcher) take() []part {
	want := b.choose(b.waiting)
	var parts []part
	for len(parts) < want && len(b.queue) > 0 {
		c := b.queue[0]
		for ; c.taken < c.n && len(parts) < want; c.taken++ {
			parts = append(parts, part{c, c.taken})
		}
		if c.taken == c.n {
			b.queue = b.queue[1:]
		}
	}
	b.waiting -= len(parts)
	b.hurry = len(b.queue) > 0
	b.metrics.waiting.Set(float64(b.waiting))
	return parts
}

// choose is how many of n waiting examples go into the next batch: all of them where a
// function is at least half full with them, else as many as fill a smaller one.
func (b *batcher) choose(n int) int {
	largest := 0
	for _, f := range b.functions {
		size := batch(f)
		if size >= n && (size <= 2*n || largest == 0) {
			return n
		}
		if size <= n {
			largest = size
		}
	}
	return min(n, largest)
}

// compute runs the smallest function that holds the parts, and hands out the results.
func (b *batcher) compute(parts []part) {
	f := b.functions[slices.IndexFunc(b.functions, func(f *runtime.Function) bool { return batch(f) >= len(parts) })]
	start := time.Now()
	err := b.run(f, parts)
	b.metrics.computed(len(parts), batch(f), time.Since(start))
	out, _ := f.Output("features")
	for k, p := range parts {
		switch row := b.m.Floats(out)[k*b.width : (k+1)*b.width]; {
		case err != nil:
			p.c.err = err
		case ckpt.FirstNonFinite(row) >= 0:
			p.c.err = inputError{fmt.Errorf("the features of input %d are not finite", p.i)}
		default:
			copy(p.c.out[p.i*b.width:], row)
		}
		if p.c.left--; p.c.left == 0 {
			close(p.c.finished)
		}
	}
}

// run fills a function's batch and runs it; the places behind the parts repeat the last one.
func (b *batcher) run(f *runtime.Function, parts []part) error {
	b.part.X, b.part.Tokens = b.part.X[:0], b.part.Tokens[:0]
	for k := range batch(f) {
		p := parts[min(k, len(parts)-1)]
		b.part.X, b.part.Tokens = appendRow(b.part.X, p.c.in.x, p), appendRow(b.part.Tokens, p.c.in.tokens, p)
	}
	if err := train.Feed(b.m, f, &b.part); err != nil {
		return err
	}
	return b.m.Execute(f, 0, 0)
}

// appendRow appends an example's elements.
func appendRow[T any](dst, all []T, p part) []T {
	width := len(all) / p.c.n
	return append(dst, all[p.i*width:(p.i+1)*width]...)
}
