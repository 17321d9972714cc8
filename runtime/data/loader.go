package data

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// LoaderOptions says how a Loader makes batches.
type LoaderOptions struct {
	Batch   int    // examples per batch
	Seed    uint64 // decides the order where Shuffle is set
	Shuffle bool   // a new order every epoch; otherwise the data set's own order
	Partial bool   // keep the last, partial batch of an epoch, padded with zeros; otherwise drop it
	Workers int    // goroutines that decode examples; 0: as many as there are cores
}

// Batch is one batch of examples. Its slices belong to the loader.
type Batch struct {
	Step   int       // the step it was made for
	Epoch  uint64    // Step / steps per epoch
	Count  int       // examples that are real; the rows behind them are zero
	X      []float32 // [batch, Want.Values()] row-major: an example's inputs one after another; nil without values
	Tokens []int32   // [batch, Want.Tokens()], likewise
	Labels []float64 // [batch, Labels.Each]
	From   []int     // [batch]: number, in the data set, of the example in each row; see Example.From

	next    atomic.Int64 // row to decode next
	workers sync.WaitGroup
	mu      sync.Mutex
	bad     int // row of err
	err     error
}

// Stats say what a loader did so far.
type Stats struct {
	Batches  int           // given out
	First    time.Duration // waited for the first batch, and for each after a jump
	Waited   time.Duration // waited for the others
	Examples int           // decoded
	Decoding time.Duration // that decoding took, summed over the goroutines
	LeftOut  int           // different bad records left out so far, of all that share the data set's Skip
}

// Loader cuts a data set into batches and decodes the next ones in the background, on
// whatever cores are free. Its memory is that of its few batches. The batch of a step depends
// on the data set, the options and the step alone. Its methods are for one goroutine.
type Loader struct {
	set    Dataset
	want   Want
	opt    LoaderOptions
	values int // of one example
	tokens int
	labels int
	steps  int
	all    []*Batch
	held   *Batch // given out by the last call of Batch
	next   int    // step that the next ready batch is for
	run    *producer
	stats  Stats

	examples, decoding atomic.Int64
}

// producer are background goroutines filling batches of consecutive steps.
type producer struct {
	free, ready chan *Batch
	work        chan *Batch // one element for each helper and batch
	stop        chan struct{}
	done        sync.WaitGroup
}

// ahead is the number of batches in memory: one in use, two ready, one being filled.
const ahead = 4

// NewLoader makes a loader; want is what the data set was opened with. Call Close when done with it.
func NewLoader(set Dataset, want Want, opt LoaderOptions) (*Loader, error) {
	if opt.Batch < 1 {
		return nil, fmt.Errorf("batch size is %d, expected at least 1", opt.Batch)
	}
	if opt.Workers < 1 {
		opt.Workers = runtime.GOMAXPROCS(0)
	}
	opt.Workers = min(opt.Workers, opt.Batch)
	n := set.Len()
	steps := n / opt.Batch
	if opt.Partial {
		steps = (n + opt.Batch - 1) / opt.Batch
	}
	if steps == 0 {
		return nil, fmt.Errorf("the data set has %d examples, fewer than one batch of %d; lower the batch size or give more data", n, opt.Batch)
	}
	l := &Loader{set: set, want: want, opt: opt, values: want.Values(), tokens: want.Tokens(), labels: max(1, set.Labels().Each), steps: steps}
	for range ahead {
		b := &Batch{Labels: make([]float64, opt.Batch*l.labels), From: make([]int, opt.Batch)}
		if l.values > 0 {
			b.X = make([]float32, opt.Batch*l.values)
		}
		if l.tokens > 0 {
			b.Tokens = make([]int32, opt.Batch*l.tokens)
		}
		l.all = append(l.all, b)
	}
	return l, nil
}

// Steps is the number of batches in an epoch.
func (l *Loader) Steps() int { return l.steps }

// Stats says what was done so far.
func (l *Loader) Stats() Stats {
	s := l.stats
	s.Examples, s.Decoding = int(l.examples.Load()), time.Duration(l.decoding.Load())
	if t, ok := l.set.(tolerant); ok {
		s.LeftOut = t.skip.Count()
	}
	return s
}

// Batch gives the batch of a step, counted from 0 over all epochs. It is valid until the
// next call. Consecutive steps are prefetched; any other step may be asked for too.
func (l *Loader) Batch(step int) (*Batch, error) {
	return l.BatchUntil(context.Background(), step)
}

// BatchUntil is Batch that no longer waits, with its error, when ctx ends.
func (l *Loader) BatchUntil(ctx context.Context, step int) (*Batch, error) {
	if step < 0 {
		return nil, fmt.Errorf("batch of step %d wanted, steps count from 0", step)
	}
	waited := &l.stats.Waited
	if l.run == nil || step != l.next {
		waited = &l.stats.First
		l.Close()
		l.start(step)
	} else if l.held != nil {
		l.run.free <- l.held
		l.held = nil
	}
	select {
	case l.held = <-l.run.ready:
	default:
		start := time.Now()
		select {
		case l.held = <-l.run.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		*waited += time.Since(start)
	}
	l.next = step + 1
	l.stats.Batches++
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
	p := &producer{free: make(chan *Batch, ahead), ready: make(chan *Batch, ahead), stop: make(chan struct{}),
		work: make(chan *Batch, l.opt.Workers)}
	for _, b := range l.all {
		p.free <- b
	}
	for range l.opt.Workers - 1 {
		p.done.Go(func() {
			var row Example
			for b := range p.work {
				l.decode(b, &row)
				b.workers.Done()
			}
		})
	}
	p.done.Go(func() {
		defer close(p.work)
		var row Example
		for ; ; step++ {
			select {
			case <-p.stop:
				return
			case b := <-p.free:
				l.fill(p, b, step, &row)
				p.ready <- b // has room for all batches
			}
		}
	})
	l.run = p
}

// fill makes the batch of a step together with the helpers.
func (l *Loader) fill(p *producer, b *Batch, step int, row *Example) {
	b.Step, b.Epoch, b.bad, b.err = step, uint64(step/l.steps), 0, nil
	b.Count = min(l.opt.Batch, l.set.Len()-step%l.steps*l.opt.Batch)
	b.next.Store(0)
	b.workers.Add(l.opt.Workers - 1)
	for range l.opt.Workers - 1 {
		p.work <- b
	}
	l.decode(b, row)
	b.workers.Wait()
	clear(b.Labels[b.Count*l.labels:])
	clear(b.Tokens[b.Count*l.tokens:])
	clear(b.X[b.Count*l.values:])
}

// decode decodes one row of the batch after another until none is left. Of several bad rows
// the first counts, so that the error does not depend on who is faster.
func (l *Loader) decode(b *Batch, row *Example) {
	start, done := time.Now(), 0
	first := b.Step % l.steps * l.opt.Batch
	order := permute(l.set.Len(), l.opt.Seed, b.Epoch)
	for {
		j := int(b.next.Add(1)) - 1
		if j >= b.Count {
			break
		}
		i := first + j
		if l.opt.Shuffle {
			i = order.at(i)
		}
		row.X = part(b.X, j, l.values)
		row.Tokens = part(b.Tokens, j, l.tokens)
		row.Labels = part(b.Labels, j, l.labels)
		row.From = i
		if err := l.set.Example(i, b.Epoch, row); err != nil {
			b.mu.Lock()
			if b.err == nil || j < b.bad {
				b.bad, b.err = j, err
			}
			b.mu.Unlock()
			break
		}
		b.From[j] = row.From
		done++
	}
	l.examples.Add(int64(done))
	l.decoding.Add(int64(time.Since(start)))
}

// part is row j of rows of the given size.
func part[T any](rows []T, j, size int) []T { return rows[j*size : (j+1)*size : (j+1)*size] }
