// Package recompute trades time for memory: values that wait long for their next reader are
// computed a second time instead of being kept.
//
// Takes: a program that no pass will change any more. Promises: the same values by the same
// operations, though kernels that are then cut differently may round differently; what is
// computed a second time has phase ir.Recompute and runs right before the first reader that
// needs it.
//
//	h = gelu(x W)                     h = gelu(x W)
//	y = h V                           y = h V
//	...                       ->      ...
//	dV = hᵀ dy                        h' = gelu(x W)     recompute
//	                                  dV = h'ᵀ dy
//
// This is checkpointing (Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016)
// without segments chosen by hand: at the moment at which most memory is in use, the value
// with the lowest cost of recomputation for each byte freed is evicted, until the limit is met.
package recompute

import (
	"maps"
	"math"
	"slices"

	"mspecc/codegen/fuse"
	"mspecc/ir"
)

// The levels: what may be computed again.
const (
	None  = "none"  // nothing
	Cheap = "cheap" // what needs no matrix product but those of a short inner extent
	All   = "all"   // anything
)

// Result says what was done. Memory is what values take at the peak as the schedule sees
// it, in bytes, without the copies that kernels need in other layouts.
type Result struct {
	Values        int
	Before, After int
	Seconds       float64 // predicted time of what is computed again
}

// Run gives a program that computes values again, so that the peak is at most limit bytes, or
// as low as it gets. run is p as it is fused without.
func Run(p *ir.Program, run *fuse.Result, level string, limit int) (*ir.Program, Result) {
	s := newSchedule(p, run)
	r := s.choose(level, limit)
	if r.Values == 0 {
		return p, r
	}
	return s.rebuild(p), r
}

// choose decides what is computed again.
func (s *schedule) choose(level string, limit int) Result {
	peak, _ := highest(s.memory())
	r := Result{Before: peak, After: peak}
	s.smallest = max(s.smallest, peak/1024)
	if level == None || peak <= limit {
		return r
	}
	best, seconds := map[*ir.Value]int{}, 0.0
	for {
		peak, t := highest(s.memory())
		if peak < r.After {
			r.After, r.Seconds = peak, seconds
			best = maps.Clone(s.again)
		}
		if peak <= limit {
			break
		}
		c := s.cheapest(t, level)
		if c == nil {
			break
		}
		for _, v := range c.values {
			s.again[v] = c.at
		}
		seconds += c.seconds
	}
	s.again = best
	r.Values = len(best)
	return r
}

func highest(m []int) (peak, at int) {
	for t, n := range m {
		if n > peak {
			peak, at = n, t
		}
	}
	return peak, at
}

// choice is a value that could be dropped, with all that has to be computed for having it
// again at a time.
type choice struct {
	values  []*ir.Value
	at      int
	seconds float64
}

// cheapest finds the value that takes memory at time t, would not if it were recomputed later,
// and is cheapest for each byte.
func (s *schedule) cheapest(t int, level string) *choice {
	var best *choice
	least := math.Inf(1)
	for _, v := range s.order {
		n := s.during(v, t)
		if _, twice := s.again[v]; twice || n < s.smallest {
			continue
		}
		uses := s.uses(v)
		i, _ := slices.BinarySearch(uses, max(t, s.at[v]+1))
		if i == len(uses) {
			continue
		}
		c := &choice{at: uses[i]}
		s.again[v] = c.at
		freed := n - s.during(v, t)
		delete(s.again, v)
		if freed <= 0 || !s.require(c, v, n, level) {
			continue
		}
		if cost := c.seconds / float64(freed); cost < least {
			best, least = c, cost
		}
	}
	return best
}

// Bounds of the search.
const (
	minBytes   = 1 << 12 // of a value that is worth the trouble
	longest    = 48      // values of one choice
	shortInner = 32      // inner extent of products that are cheap: a result takes as long to compute as to store and load
	keep       = 4       // an argument that takes so many times less than the value is kept instead
)

// require adds v, and what its kernel reads and is not in memory at the time, to a choice
// about a value of so many bytes. It fails where that is too much or not allowed.
func (s *schedule) require(c *choice, v *ir.Value, bytes int, level string) bool {
	costly := v.Op == ir.OpMatMul && inner(v) > shortInner
	if costly && level != All || s.at[v] >= c.at || s.fixed[v] || len(c.values) >= longest {
		return false
	}
	if _, twice := s.again[v]; !twice {
		c.seconds += seconds(v, s.loads[v])
	}
	c.values = append(c.values, v)
	for _, x := range s.loads[v] {
		if s.available(x, c.at) || slices.Contains(c.values, x) {
			continue
		}
		if _, twice := s.again[x]; !twice && !s.addend[x] && keep*4*x.Len() <= bytes {
			continue
		}
		if !s.require(c, x, bytes, level) {
			return false
		}
	}
	return true
}

// Rates of the cost model. Only their ratio matters for what is chosen; they are those of
// two cores of 2025.
const (
	flopRate = 400e9 // matrix products, operations a second
	byteRate = 40e9  // everything else, bytes a second
)

// inner is the inner extent of a product.
func inner(v *ir.Value) int {
	x := v.Args[0].Type
	n := x.Shape[len(x.Shape)-1]
	if x.DType == ir.BF16x2 {
		n *= 2
	}
	return n
}

// seconds predicts the time of v's kernel.
func seconds(v *ir.Value, loads []*ir.Value) float64 {
	bytes := 4 * v.Len()
	for _, x := range loads {
		bytes += 4 * x.Len()
	}
	t := float64(bytes) / byteRate
	if v.Op == ir.OpMatMul {
		x := v.Args[0].Shape()
		t += 2 * float64(v.Len()) * float64(x[len(x)-1]) / flopRate
	}
	return t
}
