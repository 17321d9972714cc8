package elab

import (
	"fmt"
	"slices"

	"mspecc/ir"
	"mspecc/spec"
)

func shapeBuiltins() []*builtin {
	return []*builtin{
		def("shape", "reshape", "x shape", "the same elements in row-major order; one extent may be -1", reshape),
		def("shape", "permute", "x axes", "axis i of the result is axis axes[i] of x", func(c *callCtx) value {
			x := c.tensor("x")
			return c.e.b.Transpose(x, c.axes("axes", x.Rank())...)
		}),
		def("shape", "transpose", "x", "exchanges the last two axes", func(c *callCtx) value {
			x := c.tensor("x")
			n := x.Rank()
			if n < 2 {
				c.e.fail(c.at, "E032", "transpose needs two axes or more, this is %s", x.Type)
			}
			perm := make([]int, n)
			for i := range perm {
				perm[i] = i
			}
			perm[n-1], perm[n-2] = n-2, n-1
			return c.e.b.Transpose(x, perm...)
		}),
		def("shape", "broadcast", "x shape", "repeats x to a shape", func(c *callCtx) value {
			return c.e.b.Broadcast(c.tensor("x"), c.shape("shape"))
		}),
		def("shape", "squeeze", "x axis", "drops an axis of extent 1", func(c *callCtx) value {
			x := c.tensor("x")
			a := c.axis("axis", x.Rank(), 0)
			if x.Shape()[a] != 1 {
				c.e.fail(c.at, "E032", "axis %d of %s has an extent of %d, not 1", a, x.Type, x.Shape()[a])
			}
			return c.e.b.Reshape(x, slices.Delete(slices.Clone(x.Shape()), a, a+1))
		}),
		def("shape", "expand", "x axis", "inserts an axis of extent 1", func(c *callCtx) value {
			x := c.tensor("x")
			return c.e.b.Reshape(x, slices.Insert(slices.Clone(x.Shape()), c.axis("axis", x.Rank()+1, 0), 1))
		}),
		def("shape", "concat", "parts axis?", "joins a list of tensors along an axis, the first where left out", concat),
		def("shape", "slice", "x axis lo hi", "elements lo up to hi of one axis", func(c *callCtx) value {
			x := c.tensor("x")
			a := c.axis("axis", x.Rank(), 0)
			lo, hi := make([]int, x.Rank()), slices.Clone(x.Shape())
			lo[a], hi[a] = c.integer("lo", 0), c.integer("hi", 0)
			return c.e.b.Slice(x, lo, hi, nil)
		}),
		def("shape", "pad", "x axis before after", "zeros before and after the elements of one axis", func(c *callCtx) value {
			x := c.tensor("x")
			a := c.axis("axis", x.Rank(), 0)
			lo, hi := make([]int, x.Rank()), make([]int, x.Rank())
			lo[a] = c.e.extent(c.integer("before", 0), c.arg("before").at)
			hi[a] = c.e.extent(c.integer("after", 0), c.arg("after").at)
			full := slices.Clone(x.Shape())
			full[a] += lo[a] + hi[a]
			c.e.checkLen(full, c.at)
			return c.e.b.Pad(x, lo, hi)
		}),
	}
}

func reshape(c *callCtx) value {
	x, shape := c.tensor("x"), c.integers("shape")
	known, open := 1, -1
	for i, n := range shape {
		if n == -1 && open < 0 {
			open = i
			continue
		}
		known *= c.e.extent(n, c.arg("shape").at)
		if known > maxLen {
			break
		}
	}
	if open >= 0 {
		if known == 0 || x.Len()%known != 0 {
			c.e.fail(c.at, "E032", "%d elements do not divide into %s", x.Len(), text(ints(shape)))
		}
		shape[open] = x.Len() / known
	}
	c.e.checkLen(shape, c.arg("shape").at)
	return c.e.b.Reshape(x, shape)
}

func concat(c *callCtx) value {
	l, ok := c.arg("parts").val.(list)
	if !ok || len(l) == 0 {
		c.e.fail(c.arg("parts").at, "E031", "concat joins a list of tensors, this is %s", describe(c.arg("parts").val))
	}
	parts := make([]*ir.Value, len(l))
	for i, v := range l {
		parts[i] = c.e.asTensor(v, c.arg("parts").at)
	}
	return c.e.b.Concat(c.axis("axis", parts[0].Rank(), 0), parts...)
}

func indexBuiltins() []*builtin {
	return []*builtin{
		def("indexing", "gather", "x index batch?", "rows of x by number: x [b..., R, rest...], index i32 [b..., K] gives [b..., K, rest...]; batch is the number of axes b..., one less than the index has where left out", func(c *callCtx) value {
			x, idx := c.tensor("x"), c.tensor("index")
			batch := c.integer("batch", idx.Rank()-1)
			if batch >= 0 && batch < x.Rank() {
				c.checkIndex(idx, x.Shape()[batch])
			}
			c.e.focusUser()
			return c.e.b.Gather(x, idx, batch)
		}),
		def("indexing", "scatter_add", "x index rows batch?", "the reverse of gather: rows x are added into zeros [b..., rows, rest...]", func(c *callCtx) value {
			idx := c.tensor("index")
			rows := c.e.extent(c.integer("rows", 0), c.arg("rows").at)
			c.checkIndex(idx, rows)
			c.e.focusUser()
			return c.e.b.ScatterAdd(c.tensor("x"), idx, c.integer("batch", idx.Rank()-1), rows)
		}),
		def("indexing", "argsort", "x", "positions that sort the last axis, ascending, equal ones in order: i32", func(c *callCtx) value {
			return c.e.b.ArgSort(c.tensor("x"))
		}),
	}
}

// checkIndex refuses an index that is known at compile time and names no row. Others are checked at run time.
func (c *callCtx) checkIndex(idx *ir.Value, rows int) {
	if idx.Type.DType != ir.I32 || !knownIndex(idx) {
		return
	}
	values, err := ir.Eval(nil, idx)
	if err != nil {
		c.e.fail(c.arg("index").at, "E034", "%v", err)
	}
	for i, v := range values[0] {
		if rows == 0 {
			c.e.fail(c.arg("index").at, "E034", "index %d (element %d) of no rows", int(v), i)
		}
		if v < 0 || v >= float64(rows) {
			c.e.fail(c.arg("index").at, "E034", "index %d (element %d) is outside the %d rows, 0..%d", int(v), i, rows, rows-1)
		}
	}
}

// knownIndex reports whether a value depends on nothing that is given at run time, and is small enough to be
// computed here.
func knownIndex(idx *ir.Value) bool {
	seen, stack, elements := map[*ir.Value]bool{}, []*ir.Value{idx}, 0
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if v.Op == ir.OpParam || v.Op == ir.OpInput || v.Op == ir.OpUniform || elements > maxTable {
			return false
		}
		if !seen[v] {
			seen[v] = true
			elements += v.Len()
			stack = append(stack, v.Args...)
		}
	}
	return true
}

func makeBuiltins() []*builtin {
	filled := func(name, doc string, x float64) *builtin {
		return def("making tensors", name, "shape", doc, func(c *callCtx) value { return c.e.b.Splat(x, c.shape("shape")...) })
	}
	return []*builtin{
		filled("zeros", "a tensor of zeros", 0),
		filled("ones", "a tensor of ones", 1),
		def("making tensors", "full", "shape x", "a tensor with every element x", func(c *callCtx) value {
			return c.e.b.Splat(c.number("x", 0), c.shape("shape")...)
		}),
		def("making tensors", "iota", "shape axis?", "0, 1, 2, ... along an axis, the last where left out", func(c *callCtx) value {
			shape := c.shape("shape")
			return c.e.b.Iota(shape, c.axis("axis", len(shape), len(shape)-1))
		}),
		def("making tensors", "uniform", "stream shape?", "random numbers in [0, 1), new in each step; uniform(shape) names the stream by the labels around it", uniform),
		def("making tensors", "table", "x", "x computed at compile time in double precision; it must not depend on inputs, parameters or random numbers", table),
	}
}

func uniform(c *callCtx) value {
	first := c.arg("stream")
	name, named := first.val.(string)
	switch {
	case named && c.has("shape"):
		if name == "" {
			c.e.fail(first.at, "E031", "a random stream needs a name")
		}
		c.e.checkStream(name, true, first.at)
		return c.e.stream(c.e.b.Uniform(name, c.shape("shape")))
	case named:
		c.e.fail(c.at, "E030", "uniform needs its argument shape")
	case c.has("shape"):
		c.e.fail(first.at, "E031", "the name of a random stream is a string, this is %s", describe(first.val))
	}
	path := c.e.labelPath()
	c.e.unnamed[path]++
	name = path + "/" + text(c.e.unnamed[path])
	c.e.checkStream(name, false, c.at)
	return c.e.stream(c.e.b.Uniform(name, c.shape("stream")))
}

// stream notes a random stream of the function.
func (e *elab) stream(v *ir.Value) *ir.Value {
	if !slices.Contains(e.fn.Streams, v) {
		e.fn.Streams = append(e.fn.Streams, v)
	}
	return v
}

// What table may compute at compile time.
const (
	maxTable = 1 << 22 // elements of any value on the way
	maxWork  = 1 << 30 // multiplications of matrix products
)

func table(c *callCtx) value {
	x := c.tensor("x")
	work := 0
	for _, v := range ir.Reachable([]*ir.Value{x}) {
		switch v.Op {
		case ir.OpParam, ir.OpInput, ir.OpUniform:
			c.e.fail(c.at, "E033", "table needs what is known at compile time, this depends on %s", v.Attr.Name)
		case ir.OpMatMul:
			work += v.Len() * v.Args[0].Shape()[v.Args[0].Rank()-1]
		}
		if v.Len() > maxTable || work > maxWork {
			c.e.fail(c.at, "E081", "the table is too large to compute at compile time")
		}
	}
	data, err := ir.Eval(nil, x)
	if err != nil {
		c.e.fail(c.at, "E032", "%v", err)
	}
	return c.e.b.Table(x.Type, data[0])
}

func gradBuiltins() []*builtin {
	return []*builtin{
		def("gradients", "grad", "loss wrt", "the exact gradient of a scalar with respect to a tensor, or a list of them; it may be differentiated again", grad),
		def("gradients", "stop_gradient", "x", "x, as a constant for every gradient", func(c *callCtx) value {
			if _, ok := number(c.arg("x").val); ok {
				return c.arg("x").val
			}
			return c.e.b.StopGradient(c.tensor("x"))
		}),
	}
}

func grad(c *callCtx) value {
	out := c.tensor("loss")
	if out.Rank() != 0 {
		c.e.fail(c.arg("loss").at, "E050", "grad needs a scalar, this is %s; sum or mean makes one", out.Type)
	}
	wrt, many := c.arg("wrt").val.(list)
	if !many {
		wrt = list{c.arg("wrt").val}
	}
	xs := make([]*ir.Value, len(wrt))
	for i, w := range wrt {
		x, ok := w.(*ir.Value)
		if !ok {
			c.e.fail(c.arg("wrt").at, "E050", "grad differentiates by tensors, this is %s", describe(w))
		}
		c.checkPath(out, x)
		xs[i] = x
	}
	var gs list
	for _, g := range c.e.b.Grad(out, xs...) {
		gs = append(gs, c.e.tensor(g))
	}
	if many {
		return gs
	}
	return gs[0]
}

// checkPath refuses gradients that are zero because of how the loss was computed.
func (c *callCtx) checkPath(out, x *ir.Value) {
	ok, blocker := c.e.b.GradPath(out, x)
	if ok {
		return
	}
	for first := blocker; first != nil; { // look for the one nearest to x
		blocker, first = first, nil
		for _, a := range blocker.Args {
			if ok, b := c.e.b.GradPath(a, x); !ok && b != nil {
				first = b
			}
		}
	}
	if blocker != nil {
		why := "passes no gradient"
		if blocker.Op == ir.OpStopGradient {
			why = "cuts it off"
		}
		notes := []spec.Note{{Pos: blocker.Pos, Msg: fmt.Sprintf("%s %s", blocker.Op, why)}}
		c.e.failWith(c.at, "E050", notes, "no gradient reaches this %s: the loss depends on it only through %s", x.Type, blocker.Op)
	}
	c.e.fail(c.arg("wrt").at, "E050", "the loss does not depend on this %s", x.Type)
}

func queryBuiltins() []*builtin {
	return []*builtin{
		def("constants", "shape", "x", "the extents of a tensor, as a list", func(c *callCtx) value { return ints(c.tensor("x").Shape()) }),
		def("constants", "dim", "x axis", "the extent of one axis", func(c *callCtx) value {
			x := c.tensor("x")
			return x.Shape()[c.axis("axis", x.Rank(), 0)]
		}),
		def("constants", "rank", "x", "the number of axes", func(c *callCtx) value { return c.tensor("x").Rank() }),
		def("constants", "size", "x", "the number of elements", func(c *callCtx) value { return c.tensor("x").Len() }),
		def("constants", "len", "list", "the number of elements of a list", func(c *callCtx) value {
			l, ok := c.arg("list").val.(list)
			if !ok {
				c.e.fail(c.arg("list").at, "E031", "len counts a list, this is %s", describe(c.arg("list").val))
			}
			return len(l)
		}),
		def("constants", "is_list", "x", "whether x is a list", func(c *callCtx) value {
			_, ok := c.arg("x").val.(list)
			return ok
		}),
	}
}

func initBuiltins() []*builtin {
	return []*builtin{
		def("initialisation", "constant", "x", "every element x; a plain number means the same", func(c *callCtx) value {
			return initial{Init: ir.Init{Kind: "const", A: c.number("x", 0)}}
		}),
		def("initialisation", "normal", "std mean?", "normally distributed", func(c *callCtx) value {
			return initial{Init: ir.Init{Kind: "normal", A: c.number("mean", 0), B: c.number("std", 1)}}
		}),
		def("initialisation", "between", "lo hi", "uniform in [lo, hi)", func(c *callCtx) value {
			return initial{Init: ir.Init{Kind: "uniform", A: c.number("lo", 0), B: c.number("hi", 0)}}
		}),
		def("initialisation", "xavier_uniform", "fan_in? fan_out?", "uniform within +-sqrt(6 / (fan_in + fan_out)); a parameter [out, in, ...] has the fans in x ... and out", func(c *callCtx) value {
			return initial{Init: ir.Init{Kind: "xavier_uniform", FanIn: c.fan("fan_in"), FanOut: c.fan("fan_out")}}
		}),
		def("initialisation", "fan_in_uniform", "fan_in?", "uniform within +-1/sqrt(fan_in)", func(c *callCtx) value {
			return initial{Init: ir.Init{Kind: "uniform", FanIn: c.fan("fan_in")}, fanIn: true}
		}),
	}
}

func (c *callCtx) fan(name string) int {
	n := c.integer(name, 0)
	if c.has(name) && n < 1 {
		c.e.fail(c.arg(name).at, "E034", "%s must be at least 1, it is %d", name, n)
	}
	return n
}
