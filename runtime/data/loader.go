package data

import (
	"fmt"
	"sync"
)

// LoaderOptions says how a Loader makes batches.
type LoaderOptions struct {
	Batch   int    // examples per batch
	Seed    uint64 // decides the order where Shuffle is set
	Shuffle bool   // a new order every epoch; otherwise the data set's own order
	Partial bool   // keep the last, partial batch of an epoch, padded with zeros; otherwise drop it
}

// Batch is one batch of examples. Its slices belong to the loader.
type Batch struct {
	Step   int       // the step it was made for
	Epoch  uint64    // Step / steps per epoch
	Count  int       // examples that are real; the rows behind them are zero
	X      []float32 // [batch, Want.Shape...] row-major, nil for tokens
	Tokens []int32   // [batch, length], nil for values
	Labels []float64 // [batch]
	err    error
}

// Loader cuts a data set into batches and prepares the next ones in the background. The
// batch of a step depends on the data set, the options and the step alone. Its methods are
// for one goroutine.
type Loader struct {
	set   Dataset
	opt   LoaderOptions
	size  int
	steps int
	all   []*Batch
	held  *Batch // given out by the last call of Batch
	next  int    // step that the next ready batch is for
	run   *producer
}

// producer is one background goroutine filling batches of consecutive steps.
type producer struct {
	free, ready chan *Batch
	stop        chan struct{}
	done        sync.WaitGroup
}

// buffers is the number of batches in memory: one in use, one ready, one being filled.
const buffers = 3

// NewLoader makes a loader; want is what the data set was opened with. Call Close when done with it.
func NewLoader(set Dataset, want Want, opt LoaderOptions) (*Loader, error) {
	if opt.Batch < 1 {
		return nil, fmt.Errorf("batch size is %d, expected at least 1", opt.Batch)
	}
	n := set.Len()
	steps := n / opt.Batch
	if opt.Partial {
		steps = (n + opt.Batch - 1) / opt.Batch
	}
	if steps == 0 {
		return nil, fmt.Errorf("the data set has %d examples, fewer than one batch of %d; lower the batch size or give more data", n, opt.Batch)
	}
	l := &Loader{set: set, opt: opt, size: want.Size(), steps: steps}
	for range buffers {
		b := &Batch{Labels: make([]float64, opt.Batch)}
		if want.Tokens {
			b.Tokens = make([]int32, opt.Batch*l.size)
		} else {
			b.X = make([]float32, opt.Batch*l.size)
		}
		l.all = append(l.all, b)
	}
	return l, nil
}

// Steps is the number of batches in an epoch.
func (l *Loader) Steps() int { return l.steps }

// Batch gives the batch of a step, counted from 0 over all epochs. It is valid until the
// next call. Consecutive steps are prefetched; any other step may be asked for too.
func (l *Loader) Batch(step int) (*Batch, error) {
	if step < 0 {
		return nil, fmt.Errorf("batch of step %d wanted, steps count from 0", step)
	}
	if l.run == nil || step != l.next {
		l.Close()
		l.start(step)
	} else if l.held != nil {
		l.run.free <- l.held
	}
	l.held = <-l.run.ready
	l.next = step + 1
	if l.held.err != nil {
		return nil, l.held.err
	}
	return l.held, nil
}

// Close stops the prefetching. The loader can be used again afterwards.
func (l *Loader) Close() {
	if l.run == nil {
		return
	}
	close(l.run.stop)
	l.run.done.Wait()
	l.run, l.held = nil, nil
}

// start begins to fill batches from the given step on.
func (l *Loader) start(step int) {
	p := &producer{free: make(chan *Batch, buffers), ready: make(chan *Batch, buffers), stop: make(chan struct{})}
	for _, b := range l.all {
		p.free <- b
	}
	p.done.Add(1)
	go func() {
		defer p.done.Done()
		for ; ; step++ {
			select {
			case <-p.stop:
				return
			case b := <-p.free:
				l.fill(b, step)
				p.ready <- b // has room for all batches
			}
		}
	}()
	l.run = p
}

// fill makes the batch of a step.
func (l *Loader) fill(b *Batch, step int) {
	n, size := l.set.Len(), l.size
	b.Step, b.Epoch, b.err = step, uint64(step/l.steps), nil
	first := step % l.steps * l.opt.Batch
	b.Count = min(l.opt.Batch, n-first)
	order := permute(n, l.opt.Seed, b.Epoch)
	for j := range b.Count {
		i := first + j
		if l.opt.Shuffle {
			i = order.at(i)
		}
		var x []float32
		var tok []int32
		if b.Tokens != nil {
			tok = b.Tokens[j*size : (j+1)*size]
		} else {
			x = b.X[j*size : (j+1)*size]
		}
		if b.Labels[j], b.err = l.set.Example(i, b.Epoch, x, tok); b.err != nil {
			return
		}
	}
	clear(b.Labels[b.Count:])
	if b.Tokens != nil {
		clear(b.Tokens[b.Count*size:])
	} else {
		clear(b.X[b.Count*size:])
	}
}
