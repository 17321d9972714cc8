package kernels

import (
	"fmt"
	"math"
)

// openFunctions rewrites a node list into cheaper functions that share their parts. erfc
// becomes a polynomial times e^-x², which the derivative of a GELU wants as well; e^-x² and
// the e^(x - max x) of a softmax become powers of two, which need no reduction of their
// argument and no bound from above. Equal nodes are merged, constants rounded to f32 first.
//
//	n1 = erfc n0; n2 = mul n0 n0; n3 = neg n2; n4 = exp n3        the exp of n1 is n4
func openFunctions(nodes []Node, stores []Store) ([]Node, []Store) {
	o := opener{at: map[string]int{}}
	became := make([]int, len(nodes))
	for i, n := range nodes {
		args := make([]int, len(n.Args))
		for j, a := range n.Args {
			if a < 0 || a >= i {
				return nodes, stores // not well formed: check says so
			}
			args[j] = became[a]
		}
		n.Args = args
		became[i] = o.open(n)
	}
	out := make([]Store, len(stores))
	for i, s := range stores {
		if s.Node < 0 || s.Node >= len(nodes) {
			return nodes, stores
		}
		out[i] = Store{became[s.Node], s.Operand}
	}
	return o.nodes, out
}

// opener builds the new list.
type opener struct {
	nodes []Node
	at    map[string]int // key -> place
}

func (o *opener) add(n Node) int {
	n.Const = float64(float32(n.Const))
	key := fmt.Sprint(n.Op, n.Args, math.Float64bits(n.Const), n.Operand)
	i, ok := o.at[key]
	if !ok {
		i = len(o.nodes)
		o.nodes = append(o.nodes, n)
		o.at[key] = i
	}
	return i
}

func (o *opener) op(op string, args ...int) int { return o.add(Node{Op: op, Args: args}) }
func (o *opener) constant(x float64) int        { return o.add(Node{Op: "const", Const: x}) }

// is reports whether node i is a well-formed op.
func (o *opener) is(i int, op string) bool {
	return o.nodes[i].Op == op && len(o.nodes[i].Args) == arity[op]
}

// open adds n, or what it is better written as.
func (o *opener) open(n Node) int {
	if len(n.Args) != 1 {
		return o.add(n)
	}
	switch x := n.Args[0]; n.Op {
	case "erfc":
		return o.erfc(x)
	case "exp":
		if a, c, ok := o.square(x); ok && c < 0 {
			return o.power(a, a, "mul", c)
		}
		if o.is(x, "sub") && o.is(o.nodes[x].Args[1], "rowmax") {
			if y := o.nodes[x].Args[0]; o.nodes[o.nodes[x].Args[1]].Args[0] == y {
				a, c := o.factor(y)
				if c < 0 {
					a, c = y, 1
				}
				return o.power(a, o.op("rowmax", a), "sub", c)
			}
		}
	}
	return o.add(n)
}

// power is e^(c op(x, y)), of a negative number, as a power of two.
func (o *opener) power(x, y int, op string, c float64) int {
	return o.op("exp2", o.op("mul", o.op(op, x, y), o.constant(c*math.Log2E)))
}

// factor takes a constant factor off a node: x = c a.
func (o *opener) factor(x int) (a int, c float64) {
	if o.is(x, "mul") && o.is(o.nodes[x].Args[1], "const") {
		return o.nodes[x].Args[0], o.nodes[o.nodes[x].Args[1]].Const
	}
	if o.is(x, "neg") {
		return o.nodes[x].Args[0], -1
	}
	return x, 1
}

// square recognises c a².
func (o *opener) square(x int) (a int, c float64, ok bool) {
	x, c = o.factor(x)
	if o.is(x, "mul") && o.nodes[x].Args[0] == o.nodes[x].Args[1] {
		a, d := o.factor(o.nodes[x].Args[0])
		return a, c * d * d, true
	}
	return 0, 0, false
}

// erfc is e^-x² times a polynomial in t = 1/(1 + 0.38|x|), fitted to e^x² erfc(x) on [0, 10.5]
// with a relative error of 2e-8; for negative x, 2 - erfc(-x).
func (o *opener) erfc(x int) int {
	a, c := o.factor(x)
	t := o.op("div", o.constant(1), o.op("add", o.op("mul", o.op("abs", a), o.constant(0.38*math.Abs(c))), o.constant(1)))
	p := o.constant(0.05901701427)
	for _, k := range []float64{-0.2625341744, 0.3644062413, -0.1621112016, 0.2304985219, 0.138436862, 0.2039646153, 0.2139106262, 0.214411515} {
		p = o.op("add", o.op("mul", p, t), o.constant(k))
	}
	h := o.op("mul", o.op("mul", p, t), o.power(a, a, "mul", -c*c))
	sides := []int{o.op("sub", o.constant(2), h), h}
	if c < 0 {
		sides[0], sides[1] = sides[1], sides[0]
	}
	return o.op("select", o.op("lt", a, o.constant(0)), sides[0], sides[1])
}
