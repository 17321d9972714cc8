package elab

import (
	"math"

	"mspecc/ir"
	"mspecc/spec"
)

func sqrt(x float64) float64 { return math.Sqrt(x) }

func (e *elab) unary(x *spec.Unary, env *scope) value {
	v := e.eval(x.X, env)
	e.focus(x.Range)
	switch v := v.(type) {
	case bool:
		if x.Op == "!" {
			return !v
		}
	case int:
		if x.Op == "-" {
			return -v
		}
	case float64:
		if x.Op == "-" {
			return -v
		}
	case *ir.Value:
		if x.Op == "-" {
			return e.tensor(e.b.Unary(ir.Neg, v))
		}
		e.failWith(x.Range, "E031", []spec.Note{{Msg: "1 - mask is the opposite of a mask"}}, "! is for constants, this is %s", describe(v))
	}
	e.fail(x.Range, "E031", "%s does not apply to %s", x.Op, describe(v))
	return nil
}

func (e *elab) binary(x *spec.Binary, env *scope) value {
	if x.Op == "&&" || x.Op == "||" {
		if e.truth(x.X, env) == (x.Op == "||") {
			return x.Op == "||"
		}
		return e.truth(x.Y, env)
	}
	a, b := e.eval(x.X, env), e.eval(x.Y, env)
	e.focus(x.Range)
	_, ta := a.(*ir.Value)
	_, tb := b.(*ir.Value)
	if ta || tb {
		return e.tensorBinary(x.Op, a, b)
	}
	if v := e.constBinary(x, a, b); v != nil {
		return v
	}
	e.fail(x.Range, "E031", "%s does not apply to %s and %s", x.Op, describe(a), describe(b))
	return nil
}

// constBinary computes with constants; nil if the operator does not apply.
func (e *elab) constBinary(x *spec.Binary, a, b value) value {
	if i, ok := a.(int); ok {
		if j, ok := b.(int); ok {
			return e.intBinary(x, i, j)
		}
	}
	if f, ok := number(a); ok {
		if g, ok := number(b); ok {
			return e.floatBinary(x, f, g)
		}
	}
	switch x.Op {
	case "==", "!=":
		if equal, ok := constEqual(a, b); ok {
			return equal == (x.Op == "==")
		}
	case "+":
		switch a := a.(type) {
		case string:
			if b, ok := b.(string); ok && len(a)+len(b) < 1<<16 {
				return a + b
			}
		case list:
			if b, ok := b.(list); ok && len(a)+len(b) < 1<<16 {
				return append(append(list{}, a...), b...)
			}
		}
	}
	return nil
}

// constEqual compares bools, strings and lists of constants.
func constEqual(a, b value) (equal, ok bool) {
	switch a := a.(type) {
	case bool:
		b, ok := b.(bool)
		return a == b, ok
	case string:
		b, ok := b.(string)
		return a == b, ok
	case list:
		b, ok := b.(list)
		if !ok || len(a) != len(b) {
			return false, ok
		}
		for i := range a {
			if equal, ok := constEqual(a[i], b[i]); !equal || !ok {
				return equal, ok
			}
		}
		return true, true
	}
	x, okX := number(a)
	y, okY := number(b)
	return x == y, okX && okY
}

func compare[T int | float64](op string, a, b T) value {
	switch op {
	case "<":
		return a < b
	case "<=":
		return a <= b
	case ">":
		return a > b
	case ">=":
		return a >= b
	case "==":
		return a == b
	case "!=":
		return a != b
	}
	return nil
}

// intBinary keeps whole numbers whole where the result is: 6 / 2 is 3, 1 / 2 is 0.5.
func (e *elab) intBinary(x *spec.Binary, a, b int) value {
	switch x.Op {
	case "+", "-", "*":
		f := e.floatBinary(x, float64(a), float64(b)).(float64)
		if math.Abs(f) > 1<<53 {
			e.fail(x.Range, "E035", "%d %s %d is too large for a whole number", a, x.Op, b)
		}
		return int(f)
	case "/", "%":
		if b == 0 {
			e.fail(x.Range, "E035", "%d %s 0: division by zero", a, x.Op)
		}
		if x.Op == "%" {
			return ((a % b) + b) % b
		}
		if a%b != 0 {
			return float64(a) / float64(b)
		}
		return a / b
	}
	return compare(x.Op, a, b)
}

func (e *elab) floatBinary(x *spec.Binary, a, b float64) value {
	var f float64
	switch x.Op {
	case "+":
		f = a + b
	case "-":
		f = a - b
	case "*":
		f = a * b
	case "/":
		f = a / b
	case "%":
		f = a - b*math.Floor(a/b)
	default:
		return compare(x.Op, a, b)
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		e.fail(x.Range, "E035", "%s %s %s is not a finite number", text(a), x.Op, text(b))
	}
	return f
}

var tensorOps = map[string]ir.Op{"+": ir.Add, "-": ir.Sub, "*": ir.Mul, "/": ir.Div, "<": ir.Lt, "<=": ir.Le, "==": ir.Eq}

// tensorBinary applies an operator where one side or both are tensors.
func (e *elab) tensorBinary(op string, a, b value) value {
	switch op {
	case "@":
		return e.matmul(a, b)
	case ">":
		op, a, b = "<", b, a
	case ">=":
		op, a, b = "<=", b, a
	case "!=":
		equal := e.elementwise(ir.Eq, a, b)
		return e.tensor(e.b.Binary(ir.Sub, e.b.Splat(1, equal.Shape()...), equal))
	case "%":
		e.failWith(e.at, "E031", []spec.Note{{Msg: "x - y * floor(x / y) is the remainder"}}, "%% is for constants")
	}
	return e.elementwise(tensorOps[op], a, b)
}

// elementwise broadcasts both sides to one shape and applies op.
func (e *elab) elementwise(op ir.Op, a, b value) *ir.Value {
	x, y := e.operands(a, b)
	shape := e.broadcastShape(x, y)
	return e.tensor(e.b.Binary(op, e.b.Broadcast(x, shape), e.b.Broadcast(y, shape)))
}

// operands makes tensors of both sides; a constant takes the other side's shape and type.
func (e *elab) operands(a, b value) (x, y *ir.Value) {
	x, okX := a.(*ir.Value)
	y, okY := b.(*ir.Value)
	switch {
	case !okX && !okY:
		return e.asTensor(a, e.at), e.asTensor(b, e.at)
	case !okX:
		return e.like(a, y), y
	case !okY:
		return x, e.like(b, x)
	}
	return x, y
}

func (e *elab) like(c value, t *ir.Value) *ir.Value {
	f, ok := number(c)
	if !ok {
		e.fail(e.at, "E031", "%s and %s do not go together", describe(c), describe(t))
	}
	if t.Type.DType == ir.I32 {
		i, ok := c.(int)
		if !ok || i != int(int32(i)) {
			e.failWith(e.at, "E031", []spec.Note{{Msg: "float(x) converts"}}, "%s does not go with whole-number %s", text(c), t.Type)
		}
		return e.tensor(e.b.SplatInt(i, t.Shape()...))
	}
	return e.b.Splat(f, t.Shape()...)
}

// asTensor makes a scalar of a number.
func (e *elab) asTensor(v value, at spec.Range) *ir.Value {
	if t, ok := v.(*ir.Value); ok {
		return t
	}
	f, ok := number(v)
	if !ok {
		e.fail(at, "E031", "expected a tensor or a number, this is %s", describe(v))
	}
	return e.b.Const(f)
}

// broadcastShape joins shapes by the usual rule: aligned at the last axis, an extent of 1
// is repeated.
func (e *elab) broadcastShape(x, y *ir.Value) []int {
	a, b := x.Shape(), y.Shape()
	shape := make([]int, max(len(a), len(b)))
	for i := range shape {
		m, n := 1, 1
		if j := i - len(shape) + len(a); j >= 0 {
			m = a[j]
		}
		if j := i - len(shape) + len(b); j >= 0 {
			n = b[j]
		}
		switch {
		case m == n || n == 1:
			shape[i] = m
		case m == 1:
			shape[i] = n
		default:
			e.failWith(e.at, "E032", sides(x, y), "the shapes do not fit: %s and %s differ in an axis (%d and %d)", x.Type, y.Type, m, n)
		}
	}
	e.checkLen(shape, e.at)
	return shape
}

func sides(x, y *ir.Value) []spec.Note {
	return []spec.Note{{Pos: x.Pos, Msg: "the left side is " + x.Type.String()}, {Pos: y.Pos, Msg: "the right side is " + y.Type.String()}}
}

// matmul is x @ y: the last two axes are matrices. A matrix on the right serves all leading
// axes of the left; otherwise the leading axes are broadcast.
func (e *elab) matmul(a, b value) value {
	x, y := e.asTensor(a, e.at), e.asTensor(b, e.at)
	m, n := x.Rank(), y.Rank()
	if m < 2 || n < 2 {
		e.failWith(e.at, "E032", sides(x, y), "@ multiplies matrices: both sides need two axes or more")
	}
	if x.Shape()[m-1] != y.Shape()[n-2] {
		e.failWith(e.at, "E032", sides(x, y), "%s @ %s: the inner extents %d and %d differ", x.Type, y.Type, x.Shape()[m-1], y.Shape()[n-2])
	}
	if n > 2 {
		lead := e.leading(x, y)
		x = e.b.Broadcast(x, append(append([]int(nil), lead...), x.Shape()[m-2:]...))
		y = e.b.Broadcast(y, append(append([]int(nil), lead...), y.Shape()[n-2:]...))
	}
	return e.tensor(e.b.MatMul(x, y))
}

// leading broadcasts all but the last two axes of x and y.
func (e *elab) leading(x, y *ir.Value) []int {
	a := e.b.Splat(0, x.Shape()[:x.Rank()-2]...)
	b := e.b.Splat(0, y.Shape()[:y.Rank()-2]...)
	return e.broadcastShape(a, b)
}
