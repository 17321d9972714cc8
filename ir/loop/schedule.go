package loop

// Scheduling orders the instructions between two branches so that long chains of dependent
// ones run side by side: a processor looks only some hundred instructions ahead, and the
// exponentials of four vectors, written one after the other, are longer than that.
//
// Takes: a kernel before register allocation. Promises: the same instructions, each after all
// it depends on, and at most so many vectors live at once as asked for, if the order it was
// given allows that.
//
//	v0 = load; v1 = exp v0; store v1; v2 = load; v3 = exp v2; store v3
//	v0 = load; v2 = load; v1 = exp v0; v3 = exp v2; store v1; store v3

// Schedule reorders all runs of instructions in k; most bounds the live vectors.
func Schedule(k *Kernel, most int) {
	s := scheduler{most: most, lives: live(k)}
	s.block(k.Body)
}

type scheduler struct {
	most  int
	lives *liveness
	pos   int // as liveness counts positions
}

// block schedules the runs of a block in place.
func (s *scheduler) block(body []Stmt) {
	for i := 0; i < len(body); i++ {
		switch t := body[i].(type) {
		case *Instr:
			n := i
			for n < len(body) {
				if _, ok := body[n].(*Instr); !ok {
					break
				}
				n++
			}
			s.run(body[i:n])
			s.pos += n - i
			i = n - 1
			continue
		case *Loop:
			s.pos++
			s.block(t.Body)
			s.pos++
			continue
		case *If:
			s.pos++
			s.block(t.Then)
			s.block(t.Else)
			continue
		}
		s.pos++
	}
}

// task is one instruction of a run with what stands around it.
type task struct {
	instr  *Instr
	needs  int   // instructions it waits for that are not placed yet
	next   []int // instructions that wait for its result
	then   []int // instructions that must come later, but need not wait
	height int   // cycles from its start to the end of the longest chain that it begins
	ready  int   // the cycle in which its arguments are there
}

// latency is how long an instruction's result takes, in cycles.
func (i *Instr) latency() int {
	switch i.Op {
	case OpLoad, OpBcast:
		return 6
	case OpDiv:
		return 14
	case OpSqrt:
		return 20
	case OpHSum, OpHMax:
		return 28
	case OpSelLt, OpSelLe, OpSelEq, OpSelNe:
		return 6
	case OpMov, OpNeg, OpAbs, OpIota, OpTail:
		return 2
	case OpStore, OpPrefetch, OpTranspose:
		return 1
	}
	return 4
}

// slots is how many of the two arithmetic slots of a cycle an instruction takes.
func (i *Instr) slots() int {
	switch i.Op {
	case OpHSum, OpHMax:
		return 8
	case OpDiv, OpSqrt:
		return 4
	}
	return 1
}

// run schedules one run of instructions in place.
func (s *scheduler) run(body []Stmt) {
	if len(body) < 4 {
		return
	}
	tasks := dependencies(body)
	p := &placement{tasks: tasks, uses: map[V]int{}, live: s.liveThrough(len(body))}
	p.start(body, s.lives, s.pos)
	order := make([]Stmt, 0, len(body))
	cycle, slots := 0, 0
	for len(order) < len(body) {
		i := p.pick(cycle, s.most)
		if i < 0 {
			cycle, slots = cycle+1, 0
			continue
		}
		order = append(order, tasks[i].instr)
		p.place(i, cycle)
		if slots += tasks[i].instr.slots(); slots >= 2 {
			cycle, slots = cycle+slots/2, slots%2
		}
	}
	copy(body, order)
}

// liveThrough counts the vectors that live through the n statements from here on without
// being touched by them: their registers are taken.
func (s *scheduler) liveThrough(n int) int {
	first, last := 2*(s.pos+1), 2*(s.pos+n)+1
	count := 0
	for _, iv := range s.lives.v {
		if iv.first < first && iv.last > last {
			count++
		}
	}
	return count
}

// dependencies finds what each instruction waits for: values, registers that are written
// again, and memory behind one pointer.
func dependencies(body []Stmt) []task {
	tasks := make([]task, len(body))
	writer, readers := map[V]int{}, map[V][]int{}
	stored, loaded := map[P]int{}, map[P][]int{}
	edge := func(from, to int) {
		tasks[from].next = append(tasks[from].next, to)
		tasks[to].needs++
	}
	before := func(from, to int) {
		if from != to {
			tasks[from].then = append(tasks[from].then, to)
			tasks[to].needs++
		}
	}
	for i, st := range body {
		in := st.(*Instr)
		tasks[i].instr = in
		for _, v := range in.reads() {
			if w, ok := writer[v]; ok {
				edge(w, i)
			}
			readers[v] = append(readers[v], i)
		}
		for _, v := range in.writes() {
			if w, ok := writer[v]; ok {
				before(w, i)
			}
			for _, r := range readers[v] {
				before(r, i)
			}
			writer[v], readers[v] = i, nil
		}
		switch p := in.Mem.P; in.Op {
		case OpLoad, OpBcast:
			if w, ok := stored[p]; ok {
				before(w, i)
			}
			loaded[p] = append(loaded[p], i)
		case OpStore:
			if w, ok := stored[p]; ok {
				before(w, i)
			}
			for _, r := range loaded[p] {
				before(r, i)
			}
			stored[p], loaded[p] = i, nil
		}
	}
	for i := len(tasks) - 1; i >= 0; i-- {
		t := &tasks[i]
		for _, n := range t.next {
			t.height = max(t.height, tasks[n].height)
		}
		t.height += t.instr.latency()
		for _, n := range t.then {
			t.height = max(t.height, tasks[n].height)
		}
	}
	return tasks
}

// placement is the state of one run while its instructions are placed.
type placement struct {
	tasks  []task
	placed []bool
	uses   map[V]int  // reads of a register's value that are still to come in this run
	after  map[V]bool // registers that are read after the run
	set    map[V]bool // registers that hold a value
	live   int
}

// start counts reads and finds the registers that are live at the beginning and wanted at
// the end.
func (p *placement) start(body []Stmt, l *liveness, pos int) {
	first, last := 2*(pos+1), 2*(pos+len(body))+1
	p.placed, p.after, p.set = make([]bool, len(body)), map[V]bool{}, map[V]bool{}
	seen := map[V]bool{}
	for _, st := range body {
		in := st.(*Instr)
		for _, v := range append(in.reads(), in.writes()...) {
			iv := l.v[int(v)]
			p.after[v] = iv.last > last
			if !seen[v] && iv.first < first {
				p.set[v] = true
				p.live++
			}
			seen[v] = true
		}
		for _, v := range in.reads() {
			p.uses[v]++
		}
	}
}

// grows is by how much placing an instruction changes the number of live registers.
func (p *placement) grows(in *Instr) int {
	n := 0
	for _, v := range in.writes() {
		if !p.set[v] {
			n++
		}
	}
	counted := map[V]int{}
	for _, v := range in.reads() {
		counted[v]++
	}
	for v, c := range counted {
		if p.uses[v] == c && !p.after[v] && !writes(in, v) {
			n--
		}
	}
	return n
}

func writes(in *Instr, v V) bool {
	for _, w := range in.writes() {
		if w == v {
			return true
		}
	}
	return false
}

// pick chooses the instruction to place next: of those whose arguments are there, the one
// that begins the longest chain; where registers are short, one that gives some free, and if
// there is none, the first in the given order. -1 means that waiting a cycle is better.
func (p *placement) pick(cycle, most int) int {
	best, first, relief := -1, -1, -1
	for i := range p.tasks {
		t := &p.tasks[i]
		if p.placed[i] || t.needs > 0 {
			continue
		}
		if first < 0 {
			first = i
		}
		g := p.grows(t.instr)
		if g < 0 && relief < 0 {
			relief = i
		}
		if p.live+g > most || t.ready > cycle {
			continue
		}
		if best < 0 || t.height > p.tasks[best].height {
			best = i
		}
	}
	switch {
	case best >= 0:
		return best
	case p.live >= most-1 && relief >= 0:
		return relief
	case p.live >= most-1:
		return first
	case first >= 0 && p.tasks[first].ready <= cycle:
		return first
	}
	return -1
}

func (p *placement) place(i, cycle int) {
	t := &p.tasks[i]
	p.live += p.grows(t.instr)
	p.placed[i] = true
	for _, v := range t.instr.reads() {
		p.uses[v]--
		if p.uses[v] == 0 && !p.after[v] {
			p.set[v] = false
		}
	}
	for _, v := range t.instr.writes() {
		p.set[v] = true
	}
	for _, n := range t.then {
		p.tasks[n].needs--
	}
	for _, n := range t.next {
		p.tasks[n].needs--
		p.tasks[n].ready = max(p.tasks[n].ready, cycle+t.instr.latency())
	}
}
