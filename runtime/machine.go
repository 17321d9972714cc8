package runtime

import (
	"context"
	"errors"
	"fmt"
	goruntime "runtime"
	"runtime/debug"
	"sync/atomic"
	"time"
	"unsafe"
)

// Machine runs a program: it owns the arena and the workers. Its methods are for one
// goroutine; the parallelism is inside.
type Machine struct {
	Program *Program
	Mem     []float32 // the arena: tensors first, then each worker's scratch

	release func()
	workers []*crew
	call    Call
	task    Task
	left    atomic.Int64  // tasks of the current launch not yet finished
	launch  atomic.Uint32 // counts announcements; workers watch it
	waiting atomic.Bool   // the caller is parked until left is 0
	done    chan struct{}
	closed  atomic.Bool
	fault   atomic.Pointer[TaskError]
	profile []LaunchTime
	timing  bool
	started int             // launches since Execute began
	until   context.Context // of the present ExecuteUntil
	last    int             // the launch before which it may end
}

// crew is a worker with its share of the current launch.
type crew struct {
	Worker
	m *Machine
	// unclaimed counts the tasks of this share, first, first+1, ..., that nobody has taken yet.
	// Whoever lowers it owns a task of the current launch, which cannot end before that task
	// has: so even a worker waking late reads the launch's fields only while they are stable.
	unclaimed atomic.Int64
	first     int
	asleep    atomic.Bool
	wake      chan struct{}
	_         [64]byte // keeps the counts of two workers on different cache lines
}

// TaskError is a panic inside generated or library code, caught.
type TaskError struct {
	Cause any
	Place string // operation and line of the spec, where they are known
	Stack []byte // of the goroutine that panicked
	stage int    // of the launch
}

// Error is one line; the stack is kept apart for bug reports.
func (e *TaskError) Error() string {
	if e.Place != "" {
		return fmt.Sprintf("%s: %v", e.Place, e.Cause)
	}
	return fmt.Sprintf("a kernel failed: %v", e.Cause)
}

// spins is how often a worker looks for work before it parks: some 20 microseconds, longer
// than the gap between two launches and short enough not to disturb other programs.
const spins = 20000

// lineFloats is the number of floats of a cache line, to which everything is aligned.
const lineFloats = 16

// Align rounds a number of floats up to whole cache lines.
func Align(n int) int { return (n + lineFloats - 1) &^ (lineFloats - 1) }

// NewMachine allocates the arena, writes the program's constants and starts the workers.
// Threads below 1 means one per core. Close gives everything back.
// A program for a CPU that this one is not, or too large for the memory, is an error.
func NewMachine(p *Program, threads int) (*Machine, error) {
	if threads < 1 {
		threads = goruntime.GOMAXPROCS(0)
	}
	if err := errors.Join(p.CheckTarget(), p.checkCPU()); err != nil {
		return nil, err
	}
	floats, scratch := Align(p.Floats), Align(p.Scratch)
	own := scratch + Align(p.Local)
	size := floats + threads*own
	var mem []float32
	var release func()
	err := CheckMemory(4 * float64(size))
	if err == nil {
		mem, release, err = allocate(size)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot allocate %.2f GiB of memory for the model: %w; compile it with a smaller batch or give it more",
			float64(size)*4/(1<<30), err)
	}
	m := &Machine{Program: p, Mem: mem, release: release, done: make(chan struct{}, 1), last: -1}
	for _, c := range p.Constants {
		copy(mem[c.Offset:], c.Values)
	}
	for i := range threads {
		w := &crew{m: m, wake: make(chan struct{}, 1)}
		w.ID, w.Scratch, w.Args.Mem = i, floats+i*own, mem
		w.Local = w.Scratch + scratch
		m.workers = append(m.workers, w)
	}
	for _, w := range m.workers[1:] {
		go w.serve()
	}
	return m, nil
}

// Threads is the number of workers, the caller included.
func (m *Machine) Threads() int { return len(m.workers) }

// Close stops the workers and frees the arena; the machine and its memory are unusable afterwards.
func (m *Machine) Close() {
	if m.closed.Swap(true) {
		return
	}
	m.left.Store(int64(len(m.workers) - 1))
	m.announce()
	m.await()
	m.release()
	m.Mem = nil
}

// Floats is a tensor's memory.
func (m *Machine) Floats(t Tensor) []float32 {
	n := t.Len()
	return m.Mem[t.Offset : t.Offset+n : t.Offset+n]
}

// Ints is an int32 tensor's memory.
func (m *Machine) Ints(t Tensor) []int32 { return m.ints(t.Offset, t.Len()) }

func (m *Machine) ints(offset, n int) []int32 { return ints(m.Mem, offset, n) }

// ints views n floats of the arena as int32 bits.
func ints(mem []float32, offset, n int) []int32 {
	if n == 0 {
		return nil
	}
	part := mem[offset : offset+n]
	return unsafe.Slice((*int32)(unsafe.Pointer(&part[0])), n)
}

// Run runs tasks 0..tasks-1 of t over all workers with the given operands and returns when
// all are finished. Each worker starts on its own contiguous share, which is the same in
// every run, and helps the others when done; as every task writes its own output, results
// depend neither on that nor on the number of workers. It does not allocate. A panic in a
// task is raised again here as *TaskError; Execute turns it into an error.
func (m *Machine) Run(t Task, tasks int, off ...int) {
	if tasks <= 0 {
		return
	}
	if m.started <= m.last && m.until.Err() != nil {
		panic(ended{m.until.Err()})
	}
	var start time.Time
	if m.timing {
		start = time.Now()
		m.resetClocks()
	}
	m.started++
	copy(m.call.Off[:], off)
	m.task = t
	m.left.Store(int64(tasks))
	n := min(len(m.workers), tasks)
	if n == 1 {
		m.workers[0].share(0, tasks)
	} else {
		for i, w := range m.workers[:n] {
			w.share(i*tasks/n, (i+1)*tasks/n)
		}
		m.announce()
	}
	m.workers[0].work()
	m.await()
	if m.timing {
		m.record(time.Since(start))
	}
	if e := m.fault.Swap(nil); e != nil {
		panic(e)
	}
}

// Run runs all tasks of t in this worker, as one of the stages of the task at hand; stage
// counts the kernels before it.
func (w *Worker) Run(t Task, stage, tasks int, off ...int) {
	copy(w.call.Off[:], off)
	w.stage = stage
	w.from(stage)
	for i := range tasks {
		t(w, &w.call, i)
	}
	w.end()
}

// share hands tasks lo..hi-1 to a worker.
func (w *crew) share(lo, hi int) {
	w.first = lo
	w.unclaimed.Store(int64(hi - lo))
}

// announce tells the workers that there is something new, waking those that sleep.
func (m *Machine) announce() {
	m.launch.Add(1)
	for _, w := range m.workers[1:] {
		if w.asleep.CompareAndSwap(true, false) {
			w.wake <- struct{}{}
		}
	}
}

// await returns when every task is finished.
func (m *Machine) await() {
	for i := 0; m.left.Load() != 0; i++ {
		if i < spins {
			continue
		}
		m.waiting.Store(true)
		if m.left.Load() == 0 && m.waiting.CompareAndSwap(true, false) {
			return
		}
		<-m.done
	}
}

// finish counts one finished task.
func (m *Machine) finish() {
	if m.left.Add(-1) == 0 && m.waiting.CompareAndSwap(true, false) {
		m.done <- struct{}{}
	}
}

// serve is a worker's life: wait for a launch, work, wait again.
func (w *crew) serve() {
	seen := uint32(0)
	for {
		for i := 0; w.m.launch.Load() == seen; i++ {
			if i < spins {
				continue
			}
			w.asleep.Store(true)
			if w.m.launch.Load() != seen && w.asleep.CompareAndSwap(true, false) {
				break
			}
			<-w.wake
		}
		seen = w.m.launch.Load()
		if w.m.closed.Load() {
			w.m.finish()
			return
		}
		w.work()
	}
}

// work takes tasks, own share first, until none is left to take.
func (w *crew) work() {
	for !w.drain() {
	}
}

// drain runs tasks until none is left (true) or one has panicked (false).
func (w *crew) drain() (empty bool) {
	defer func() {
		if !empty {
			w.m.fault.CompareAndSwap(nil, &TaskError{Cause: recover(), Stack: debug.Stack(), stage: w.stage})
			w.m.finish()
		}
	}()
	m, n := w.m, len(w.m.workers)
	for i := range n {
		victim := m.workers[(w.ID+i)%n]
		for {
			left := victim.unclaimed.Load()
			if left == 0 {
				break
			}
			if victim.unclaimed.CompareAndSwap(left, left-1) {
				w.stage = 0
				w.begin()
				m.task(&w.Worker, &m.call, victim.first+int(left)-1)
				w.end()
				m.finish()
			}
		}
	}
	return true
}

// ended is the panic of a launch that is not begun because the caller's context has ended.
type ended struct{ cause error }

// Execute draws the function's random streams for (seed, step), runs it, and reports a panic
// of a kernel as an error. Streams named in given are left as the caller wrote them.
func (m *Machine) Execute(f *Function, seed, step uint64, given ...string) error {
	return m.ExecuteUntil(context.Background(), f, seed, step, given...)
}

// ExecuteUntil is Execute that ends with the error of ctx between two launches, as long as the function has
// changed nothing that outlives it: what a training step does from its optimiser's first launch on is finished.
func (m *Machine) ExecuteUntil(ctx context.Context, f *Function, seed, step uint64, given ...string) (err error) {
	m.until, m.last = ctx, f.lastExit(f == m.Program.Step)
	defer func() {
		m.until, m.last = nil, -1
		if r := recover(); r != nil {
			if e, ok := r.(ended); ok {
				err = e.cause
				return
			}
			var known *TaskError
			if e, ok := r.(error); ok && errors.As(e, &known) {
				known.Place = f.place(m.started-1, known.stage)
				err = known
				return
			}
			err = &TaskError{Cause: r, Stack: debug.Stack()}
		}
	}()
streams:
	for _, s := range f.Streams {
		for _, g := range given {
			if g == s.Name {
				continue streams
			}
		}
		m.FillUniform(s.Offset, s.Len(), s.Name, seed, step)
	}
	m.profile, m.started = m.profile[:0], 0
	f.Run(m)
	return nil
}
