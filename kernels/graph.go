package kernels

import (
	"fmt"
	"slices"
	"strings"

	"mspecc/ir/loop"
)

// graph is the analysed expression graph of a Rows or ColReduce spec.
type graph struct {
	width    int
	operands []Operand
	nodes    []Node
	stores   []Store
	full     []bool // one value per element (or column), not one per row
	stage    []int  // number of reductions on the way to the node
	uses     []int  // by nodes and stores that something stored needs; 0: not needed
}

func newGraph(width int, operands []Operand, nodes []Node, stores []Store) *graph {
	g := &graph{width: width, operands: operands}
	g.nodes, g.stores = openFunctions(nodes, stores)
	return g
}

// maxOperands leaves one of the 24 offsets of runtime.Args to scratch.
const maxOperands = 23

var arity = map[string]int{
	"load": 0, "const": 0, "iota": 0, "neg": 1, "exp": 1, "exp2": 1, "log": 1, "sqrt": 1, "tanh": 1, "erf": 1, "erfc": 1, "sin": 1,
	"cos": 1, "abs": 1, "sign": 1, "floor": 1, "float": 1, "int": 1, "add": 2, "sub": 2, "mul": 2, "div": 2,
	"max": 2, "min": 2, "lt": 2, "le": 2, "eq": 2, "select": 3, "rowsum": 1, "rowmax": 1, "colsum": 1, "colmax": 1,
}

func isReduction(op string) bool {
	return op == "rowsum" || op == "rowmax" || op == "colsum" || op == "colmax"
}

// check tests the parts of a spec that need no analysis.
func (g *graph) check(reductions ...string) error {
	if g.width <= 0 {
		return fmt.Errorf("width %d is not positive", g.width)
	}
	if len(g.operands) > maxOperands {
		return fmt.Errorf("%d operands, a kernel takes %d: %w", len(g.operands), maxOperands, loop.ErrPressure)
	}
	for i, o := range g.operands {
		if o.Half && (o.Int || o.Col != 1 || strings.Contains(strings.Join(reductions, " "), "col")) {
			return fmt.Errorf("operand %d: bf16 is stored along rows with stride 1", i)
		}
	}
	for i, n := range g.nodes {
		want, ok := arity[n.Op]
		if isReduction(n.Op) && !strings.Contains(strings.Join(reductions, " "), n.Op) {
			ok = false
		}
		if !ok {
			return fmt.Errorf("node %d: this kernel family has no operation %q", i, n.Op)
		}
		if len(n.Args) != want {
			return fmt.Errorf("node %d: %s takes %d arguments, not %d", i, n.Op, want, len(n.Args))
		}
		for _, a := range n.Args {
			if a < 0 || a >= i {
				return fmt.Errorf("node %d: argument %d is not an earlier node", i, a)
			}
		}
		if n.Op == "load" && (n.Operand < 0 || n.Operand >= len(g.operands) || g.operands[n.Operand].Half) {
			return fmt.Errorf("node %d: there is no operand %d to load", i, n.Operand)
		}
	}
	for _, s := range g.stores {
		if s.Node < 0 || s.Node >= len(g.nodes) || s.Operand < 0 || s.Operand >= len(g.operands) {
			return fmt.Errorf("store of node %d to operand %d: no such node or operand", s.Node, s.Operand)
		}
	}
	return nil
}

// analyse finds levels, stages and numbers of uses.
func (g *graph) analyse() {
	n := len(g.nodes)
	g.full, g.stage, g.uses = make([]bool, n), make([]int, n), make([]int, n)
	for i, node := range g.nodes {
		switch {
		case node.Op == "load":
			g.full[i] = g.operands[node.Operand].Col != 0
		case node.Op == "iota":
			g.full[i] = true
		}
		for _, a := range node.Args {
			g.stage[i] = max(g.stage[i], g.stage[a])
			g.full[i] = g.full[i] || g.full[a]
		}
		switch {
		case node.Op == "colsum" || node.Op == "colmax":
			g.stage[i]++
			g.full[i] = true
		case isReduction(node.Op) && g.full[i]:
			g.stage[i]++
			g.full[i] = false
		}
	}
	for _, s := range g.stores {
		g.uses[s.Node]++
	}
	for i := n - 1; i >= 0; i-- {
		for _, a := range g.nodes[i].Args {
			if g.uses[i] > 0 {
				g.uses[a]++
			}
		}
	}
}

// reduces reports whether anything stored needs a reduction.
func (g *graph) reduces() bool {
	for i, n := range g.nodes {
		if isReduction(n.Op) && g.uses[i] > 0 {
			return true
		}
	}
	return false
}

// touches reports whether the kernel loads or stores operand i.
func (g *graph) touches(i int) bool {
	for n, node := range g.nodes {
		if node.Op == "load" && node.Operand == i && g.uses[n] > 0 {
			return true
		}
	}
	for _, s := range g.stores {
		if s.Operand == i {
			return true
		}
	}
	return false
}

// names lists the operands for the kernel header.
func (g *graph) names() []string {
	names := make([]string, len(g.operands))
	for i, o := range g.operands {
		names[i] = o.Name
		if o.Name == "" {
			names[i] = fmt.Sprintf("x%d", i)
		}
	}
	return names
}

// infix are the operators of doc lines.
var infix = map[string]string{"add": " + ", "sub": " - ", "mul": " ", "div": " / ", "lt": " < ", "le": " <= ", "eq": " == "}

// doc describes a kernel: a line per stored or shared value, then the traffic.
func (g *graph) doc(rows string) []string {
	names, text := g.names(), make([]string, len(g.nodes))
	var lines []string
	for i, n := range g.nodes {
		args := make([]string, len(n.Args))
		for j, a := range n.Args {
			args[j] = text[a]
		}
		switch sep, ok := infix[n.Op]; {
		case n.Op == "load":
			text[i] = names[n.Operand]
		case n.Op == "const":
			text[i] = fmt.Sprintf("%.6g", n.Const)
		case ok && n.Op == "div":
			text[i] = "(" + args[0] + sep + args[1] + ")"
		case ok:
			text[i] = "(" + strings.Join(args, sep) + ")"
		default:
			text[i] = n.Op + "(" + strings.Join(args, ", ") + ")"
		}
		if len(n.Args) > 0 && g.uses[i] > 0 && (g.uses[i] > 1 || len(text[i]) > 60) {
			lines = append(lines, fmt.Sprintf("t%d = %s", i, text[i]))
			text[i] = fmt.Sprintf("t%d", i)
		}
	}
	out := []string{fmt.Sprintf("%s of %d elements", rows, g.width)}
	out = append(out, lines...)
	for _, s := range g.stores {
		out = append(out, names[s.Operand]+" = "+text[s.Node])
	}
	return append(out, g.traffic())
}

// traffic counts floating-point operations and bytes per row.
func (g *graph) traffic() string {
	flops, bytes := 0, 0
	size := func(o Operand) int {
		if o.Row == 0 {
			return 0
		}
		if o.Col == 0 {
			return 4
		}
		return 4 * g.width
	}
	for i, n := range g.nodes {
		switch {
		case g.uses[i] == 0:
		case n.Op == "load":
			bytes += size(g.operands[n.Operand])
		case g.full[i] || isReduction(n.Op):
			flops += g.width
		case len(n.Args) > 0:
			flops++
		}
	}
	for _, s := range g.stores {
		bytes += size(g.operands[s.Operand])
	}
	return fmt.Sprintf("%d operations and %d bytes per row", flops, bytes)
}

// evaluator emits the values of nodes. Row values last for a row, memo for
// one chunk (a vector's worth of elements of a row).
type evaluator struct {
	*builder
	g     *graph
	row   map[int]loop.Arg
	memo  map[int]loop.Arg
	chunk func(n int) loop.Arg // load or iota at the current chunk, or a kept value
	kept  func(n int) bool
	begin func(operand int) loop.P // start of the row
	// demand, if set, is how many vectors it takes to evaluate a node: arguments that take more are
	// evaluated first.
	demand []int
}

// value emits node n, if it is not there yet.
func (e *evaluator) value(n int) loop.Arg {
	node := e.g.nodes[n]
	if node.Op == "const" {
		return loop.Imm(node.Const)
	}
	known := e.memo
	if !e.g.full[n] {
		known = e.row
	}
	if v, ok := known[n]; ok {
		return v
	}
	var v loop.Arg
	switch {
	case node.Op == "load" && !e.g.full[n]:
		v = loop.Reg(e.Bcast(loop.At(e.begin(node.Operand), 0), e.g.operands[node.Operand].Int))
	case node.Op == "load", node.Op == "iota", e.kept(n):
		v = e.chunk(n)
	case node.Op == "rowsum": // of a row-level value: see analyse
		v = e.Op(loop.OpMul, e.value(node.Args[0]), loop.Imm(float64(e.g.width)))
	case node.Op == "rowmax":
		v = e.value(node.Args[0])
	default:
		v = e.apply(n)
	}
	known[n] = v
	return v
}

// demands estimates how many vectors it takes to evaluate each node, where nothing is known yet: an
// argument that is kept while the next is evaluated takes one (Sethi and Ullman, "The generation of
// optimal code for arithmetic expressions", 1970).
func (g *graph) demands() []int {
	demand := make([]int, len(g.nodes))
	for n, node := range g.nodes {
		if !g.full[n] {
			continue
		}
		demand[n] = max(1, internal[node.Op])
		for i, a := range g.byDemand(node.Args, demand) {
			demand[n] = max(demand[n], demand[a]+i)
		}
	}
	return demand
}

// internal is how many vectors an expanded function takes.
var internal = map[string]int{"exp": 3, "exp2": 3, "log": 5, "tanh": 5, "erf": 6, "sin": 8, "cos": 8}

func (g *graph) byDemand(args []int, demand []int) []int {
	args = slices.Clone(args)
	slices.SortStableFunc(args, func(a, b int) int { return demand[b] - demand[a] })
	return args
}

// evaluate emits nodes, in an order that takes few vectors if that is asked for.
func (e *evaluator) evaluate(nodes ...int) []loop.Arg {
	if e.demand != nil {
		for _, n := range e.g.byDemand(nodes, e.demand) {
			e.value(n)
		}
	}
	values := make([]loop.Arg, len(nodes))
	for i, n := range nodes {
		values[i] = e.value(n)
	}
	return values
}

// apply emits an operation; a product that only a sum uses is fused into it.
func (e *evaluator) apply(n int) loop.Arg {
	node := e.g.nodes[n]
	if node.Op == "add" || node.Op == "sub" {
		x, y := node.Args[0], node.Args[1]
		switch {
		case e.fusible(x, n) && node.Op == "add":
			return e.fused(loop.OpFMA, x, y)
		case e.fusible(y, n) && node.Op == "add":
			return e.fused(loop.OpFMA, y, x)
		case e.fusible(y, n):
			return e.fused(loop.OpFNMA, y, x)
		case e.fusible(x, n):
			return e.fused(loop.OpFMS, x, y)
		}
	}
	if node.Op == "select" && e.g.uses[node.Args[0]] == 1 && e.g.full[node.Args[0]] == e.g.full[n] {
		m := e.g.nodes[node.Args[0]]
		if op, ok := map[string]loop.Op{"lt": loop.OpSelLt, "le": loop.OpSelLe, "eq": loop.OpSelEq}[m.Op]; ok { // choose directly
			return e.Op(op, e.evaluate(m.Args[0], m.Args[1], node.Args[1], node.Args[2])...)
		}
	}
	v, _ := e.function(node.Op, e.evaluate(node.Args...)) // check has seen the operation
	return v
}

func (e *evaluator) fusible(x, user int) bool {
	return e.g.nodes[x].Op == "mul" && e.g.uses[x] == 1 && e.g.full[x] == e.g.full[user] && !e.kept(x)
}

func (e *evaluator) fused(op loop.Op, product, other int) loop.Arg {
	p := e.g.nodes[product]
	return e.Op(op, e.evaluate(p.Args[0], p.Args[1], other)...)
}
