package elab

import (
	"math"
	"slices"
	"strings"

	"mspecc/ir"
	"mspecc/runtime/rounded"
	"mspecc/spec"
)

// builtin is an operation of the language. The table below is the one place where a
// builtin is declared; language.md is generated from it.
type builtin struct {
	name   string
	group  string
	params []builtinParam
	doc    string
	fn     func(c *callCtx) value
}

type builtinParam struct {
	name     string
	optional bool
}

var constants = map[string]value{"pi": math.Pi}

var builtins map[string]*builtin

// The table is filled at init because some builtins call the elaborator, which reads it.
func init() {
	builtins = map[string]*builtin{}
	for _, group := range builtinGroups() {
		for _, b := range group {
			builtins[b.name] = b
		}
	}
}

func builtinGroups() [][]*builtin {
	return [][]*builtin{mathBuiltins(), reduceBuiltins(), shapeBuiltins(), indexBuiltins(),
		makeBuiltins(), gradBuiltins(), queryBuiltins(), initBuiltins()}
}

func builtinNames() []string {
	names := []string{"training"}
	for n := range builtins {
		names = append(names, n)
	}
	for n := range constants {
		names = append(names, n)
	}
	return names
}

// def declares a builtin; params are separated by blanks, optional ones end in "?".
func def(group, name, params, doc string, fn func(c *callCtx) value) *builtin {
	b := &builtin{name: name, group: group, doc: doc, fn: fn}
	for _, p := range strings.Fields(params) {
		base, optional := strings.CutSuffix(p, "?")
		b.params = append(b.params, builtinParam{base, optional})
	}
	return b
}

func (b *builtin) signature() string {
	var parts []string
	for _, p := range b.params {
		if p.optional {
			parts = append(parts, "["+p.name+"]")
		} else {
			parts = append(parts, p.name)
		}
	}
	return b.name + "(" + strings.Join(parts, ", ") + ")"
}

// callCtx gives a builtin its arguments.
type callCtx struct {
	e    *elab
	b    *builtin
	at   spec.Range
	args []*argument
}

func (c *callCtx) arg(name string) *argument {
	i := slices.IndexFunc(c.b.params, func(p builtinParam) bool { return p.name == name })
	return c.args[i]
}

func (c *callCtx) has(name string) bool { return c.arg(name) != nil }

func (c *callCtx) tensor(name string) *ir.Value { return c.e.asTensor(c.arg(name).val, c.arg(name).at) }

func (c *callCtx) integer(name string, otherwise int) int {
	if !c.has(name) {
		return otherwise
	}
	return c.e.asInt(c.arg(name).val, c.arg(name).at)
}

func (c *callCtx) number(name string, otherwise float64) float64 {
	if !c.has(name) {
		return otherwise
	}
	f, ok := number(c.arg(name).val)
	if !ok {
		c.e.fail(c.arg(name).at, "E031", "%s must be a number, this is %s", name, describe(c.arg(name).val))
	}
	return f
}

func (c *callCtx) flag(name string) bool {
	if !c.has(name) {
		return false
	}
	v, ok := c.arg(name).val.(bool)
	if !ok {
		c.e.fail(c.arg(name).at, "E031", "%s must be true or false, this is %s", name, describe(c.arg(name).val))
	}
	return v
}

// integers reads a list of whole numbers, or one as a list of one.
func (c *callCtx) integers(name string) []int {
	a := c.arg(name)
	l, ok := a.val.(list)
	if !ok {
		return []int{c.e.asInt(a.val, a.at)}
	}
	out := make([]int, len(l))
	for i, v := range l {
		out[i] = c.e.asInt(v, a.at)
	}
	return out
}

func (c *callCtx) shape(name string) []int {
	shape := c.integers(name)
	for _, n := range shape {
		c.e.extent(n, c.arg(name).at)
	}
	c.e.checkLen(shape, c.arg(name).at)
	return shape
}

// axis reads an axis of a tensor; negative ones count from the end.
func (c *callCtx) axis(name string, rank, otherwise int) int {
	if !c.has(name) {
		return otherwise
	}
	return c.axisOf(c.integer(name, 0), rank, c.arg(name).at)
}

func (c *callCtx) axisOf(i, rank int, at spec.Range) int {
	if i < -rank || i >= rank {
		c.e.fail(at, "E034", "there is no axis %d: the tensor has %d", i, rank)
	}
	if i < 0 {
		i += rank
	}
	return i
}

// axes reads a list of axes; all where left out.
func (c *callCtx) axes(name string, rank int) []int {
	var out []int
	if !c.has(name) {
		for i := range rank {
			out = append(out, i)
		}
		return out
	}
	for _, i := range c.integers(name) {
		a := c.axisOf(i, rank, c.arg(name).at)
		if slices.Contains(out, a) {
			c.e.fail(c.arg(name).at, "E034", "axis %d is given twice", a)
		}
		out = append(out, a)
	}
	return out
}

// ---- elementwise mathematics ----

func unaryBuiltin(name, doc string, op ir.Op, f func(float64) float64) *builtin {
	return def("elementwise", name, "x", doc, func(c *callCtx) value {
		if x, ok := number(c.arg("x").val); ok {
			y := f(x)
			if math.IsNaN(y) || math.IsInf(y, 0) {
				c.e.fail(c.at, "E035", "%s(%s) is not a finite number", name, text(x))
			}
			if name == "floor" && math.Abs(y) < 1<<53 {
				return int(y)
			}
			return y
		}
		return c.e.b.Unary(op, c.tensor("x"))
	})
}

func extremum(name, doc string, op ir.Op, f func(a, b float64) float64) *builtin {
	return def("elementwise", name, "x y", doc, func(c *callCtx) value {
		x, okX := number(c.arg("x").val)
		y, okY := number(c.arg("y").val)
		if !okX || !okY {
			return c.e.elementwise(op, c.arg("x").val, c.arg("y").val)
		}
		if f(x, y) == x {
			return c.arg("x").val
		}
		return c.arg("y").val
	})
}

func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

func mathBuiltins() []*builtin {
	return []*builtin{
		unaryBuiltin("exp", "e to the power x", ir.Exp, rounded.Exp),
		unaryBuiltin("log", "natural logarithm", ir.Log, rounded.Log),
		unaryBuiltin("sqrt", "square root", ir.Sqrt, math.Sqrt),
		unaryBuiltin("tanh", "hyperbolic tangent", ir.Tanh, math.Tanh),
		unaryBuiltin("erf", "error function", ir.Erf, math.Erf),
		unaryBuiltin("erfc", "1 - erf(x)", ir.Erfc, math.Erfc),
		unaryBuiltin("sin", "sine of radians", ir.Sin, rounded.Sin),
		unaryBuiltin("cos", "cosine of radians", ir.Cos, rounded.Cos),
		unaryBuiltin("abs", "absolute value", ir.Abs, math.Abs),
		unaryBuiltin("sign", "-1, 0 or 1; its gradient is 0", ir.Sign, sign),
		unaryBuiltin("floor", "largest whole number not above x; its gradient is 0", ir.Floor, math.Floor),
		extremum("max", "the larger of x and y, element by element", ir.Max, math.Max),
		extremum("min", "the smaller of x and y, element by element", ir.Min, math.Min),
		def("elementwise", "pow", "x n", "x to the power n; n is a constant, for tensors a whole number", power),
		def("elementwise", "where", "mask x y", "x where the mask is not 0, y elsewhere", where),
		def("elementwise", "float", "x", "i32 to f32; of a constant: the same number", func(c *callCtx) value {
			if f, ok := number(c.arg("x").val); ok {
				return f
			}
			if t := c.tensor("x"); t.Type.DType == ir.I32 {
				return c.e.b.Float(t)
			}
			return c.tensor("x")
		}),
		def("elementwise", "int", "x", "f32 to i32, cutting off the fraction; of a constant: the whole number", func(c *callCtx) value {
			if f, ok := number(c.arg("x").val); ok {
				return c.e.asInt(math.Trunc(f), c.at)
			}
			if t := c.tensor("x"); t.Type.DType == ir.F32 {
				return c.e.b.Int(t)
			}
			return c.tensor("x")
		}),
	}
}

func power(c *callCtx) value {
	n := c.number("n", 0)
	if x, ok := number(c.arg("x").val); ok {
		y := math.Pow(x, n)
		if math.IsNaN(y) || math.IsInf(y, 0) {
			c.e.fail(c.at, "E035", "pow(%s, %s) is not a finite number", text(x), text(n))
		}
		return y
	}
	x, k := c.tensor("x"), c.integer("n", 0)
	if k < -64 || k > 64 {
		c.e.fail(c.arg("n").at, "E034", "the power %d is outside -64..64", k)
	}
	y := c.e.b.Splat(1, x.Shape()...)
	for i := range max(k, -k) {
		if i == 0 {
			y = x
			continue
		}
		y = c.e.b.Binary(ir.Mul, y, x)
	}
	if k < 0 {
		return c.e.b.Binary(ir.Div, c.e.b.Splat(1, x.Shape()...), y)
	}
	return y
}

func where(c *callCtx) value {
	mask := c.tensor("mask")
	x, y := c.e.operands(c.arg("x").val, c.arg("y").val)
	shape := c.e.broadcastShape(mask, c.e.b.Splat(0, c.e.broadcastShape(x, y)...))
	return c.e.b.Select(c.e.b.Broadcast(mask, shape), c.e.b.Broadcast(x, shape), c.e.b.Broadcast(y, shape))
}

// ---- reductions ----

func reduction(name, doc string, f func(c *callCtx, x *ir.Value, axes []int) *ir.Value) *builtin {
	return def("reduction", name, "x axis? keep?", doc+" over an axis, a list of axes, or all; keep: true leaves axes of extent 1", func(c *callCtx) value {
		x := c.tensor("x")
		axes := c.axes("axis", x.Rank())
		y := f(c, x, axes)
		if c.flag("keep") {
			shape := slices.Clone(x.Shape())
			for _, a := range axes {
				shape[a] = 1
			}
			y = c.e.b.Reshape(y, shape)
		}
		return y
	})
}

func reduceBuiltins() []*builtin {
	return []*builtin{
		reduction("sum", "sum", func(c *callCtx, x *ir.Value, axes []int) *ir.Value { return c.e.b.Sum(x, axes...) }),
		reduction("mean", "mean", func(c *callCtx, x *ir.Value, axes []int) *ir.Value {
			n := 1
			for _, a := range axes {
				n *= x.Shape()[a]
			}
			if n == 0 {
				c.e.fail(c.at, "E034", "the mean of no elements")
			}
			s := c.e.b.Sum(x, axes...)
			return c.e.b.Binary(ir.Mul, s, c.e.b.Splat(1/float64(n), s.Shape()...))
		}),
		def("reduction", "softmax", "x", "e^x over its sum along the last axis", func(c *callCtx) value {
			x := c.tensor("x")
			if x.Rank() == 0 {
				c.e.fail(c.at, "E034", "softmax of a single number; it needs an axis to sum over")
			}
			return c.e.b.Softmax(x)
		}),
		reduction("maximum", "largest element", func(c *callCtx, x *ir.Value, axes []int) *ir.Value { return c.e.b.MaxOver(x, axes...) }),
		reduction("minimum", "smallest element", func(c *callCtx, x *ir.Value, axes []int) *ir.Value {
			return c.e.b.Unary(ir.Neg, c.e.b.MaxOver(c.e.b.Unary(ir.Neg, x), axes...))
		}),
	}
}
