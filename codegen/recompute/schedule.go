package recompute

import (
	"slices"

	"mspecc/codegen/fuse"
	"mspecc/ir"
)

// schedule says when a graph's kernels run and what each of them reads. Time is counted in
// launches: what one launch alone touches, tile by tile, takes no shared memory.
type schedule struct {
	order   []*ir.Value               // what has a kernel: stored values, and products that add to one
	at      map[*ir.Value]int         // the launch of a value's kernel
	loads   map[*ir.Value][]*ir.Value // stored values that its kernel reads
	readers map[*ir.Value][]*ir.Value // the other way round
	addend  map[*ir.Value]bool        // products that add to another value's memory and have none themselves
	fixed   map[*ir.Value]bool        // outputs, whose memory is theirs for the whole run
	tiled   []bool                    // launches that go through the examples tile by tile
	again   map[*ir.Value]int         // when a value is computed for the second time

	smallest int // bytes of a value that may be computed again
}

func newSchedule(p *ir.Program, run *fuse.Result) *schedule {
	loads, addends := run.Reads()
	s := &schedule{at: map[*ir.Value]int{}, loads: loads, readers: map[*ir.Value][]*ir.Value{}, addend: addends,
		fixed: map[*ir.Value]bool{}, again: map[*ir.Value]int{}, smallest: minBytes}
	for t, l := range run.Launches {
		s.tiled = append(s.tiled, l.Kind == fuse.TiledKind)
		for _, k := range l.Kernels() {
			for _, v := range k.Values {
				if _, known := s.at[v]; !known && !k.Copy {
					s.at[v] = t
				}
			}
		}
	}
	for _, v := range p.Live() {
		if _, ok := loads[v]; !ok {
			continue
		}
		s.order = append(s.order, v)
		for _, x := range s.loads[v] {
			s.readers[x] = append(s.readers[x], v)
			if _, known := s.at[v]; !known { // an operation without a kernel, such as a concat written in place
				s.at[v] = max(s.at[v], s.at[x])
			}
		}
		if w := run.Storage[v]; w.Buf != nil && w.Buf.Class != fuse.Temp && w.Buf.Class != fuse.Local {
			s.fixed[v] = true
		}
	}
	return s
}

// uses lists the times at which v is read, in order.
func (s *schedule) uses(v *ir.Value) []int {
	var times []int
	for _, r := range s.readers[v] {
		times = append(times, s.at[r])
		if t, ok := s.again[r]; ok {
			times = append(times, t)
		}
	}
	slices.Sort(times)
	return times
}

// life is the time for which something is in memory, both ends included.
type life struct{ first, last int }

// lives are the times at which v is in memory: one, or two where it is computed again.
func (s *schedule) lives(v *ir.Value) []life {
	uses := s.uses(v)
	again, twice := s.again[v]
	first := life{s.at[v], s.at[v]}
	for _, u := range uses {
		if !twice || u < again {
			first.last = max(first.last, u)
		}
	}
	if !twice {
		return []life{first}
	}
	return []life{first, {again, max(again, uses[len(uses)-1])}}
}

// shared is the memory that a value takes during a life, in bytes.
func (s *schedule) shared(v *ir.Value, l life) int {
	if s.addend[v] || s.fixed[v] || l.first == l.last && s.tiled[l.first] {
		return 0
	}
	return 4 * v.Len()
}

// memory is what is in memory at each time, in bytes.
func (s *schedule) memory() []int {
	m := make([]int, len(s.tiled)+1)
	for _, v := range s.order {
		for _, l := range s.lives(v) {
			m[l.first] += s.shared(v, l)
			m[l.last+1] -= s.shared(v, l)
		}
	}
	for t := range s.tiled {
		m[t+1] += m[t]
	}
	return m[:len(s.tiled)]
}

// during is what v takes at time t.
func (s *schedule) during(v *ir.Value, t int) int {
	n := 0
	for _, l := range s.lives(v) {
		if l.first <= t && t <= l.last {
			n = s.shared(v, l)
		}
	}
	return n
}

// available reports whether v can be read at time t.
func (s *schedule) available(v *ir.Value, t int) bool {
	if s.fixed[v] && s.at[v] <= t {
		return true
	}
	return !s.addend[v] && slices.ContainsFunc(s.lives(v), func(l life) bool { return l.first <= t && t <= l.last })
}
