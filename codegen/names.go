package codegen

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"mspecc/codegen/fuse"
	"mspecc/ir"
	"mspecc/kernels"
)

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// kernelName says what a kernel is: its family and the extent it is made for.
func kernelName(l *fuse.Launch) string {
	switch l.Kind {
	case fuse.MatMulKind:
		return fmt.Sprintf("matmulN%dK%d_", l.MatMul.N, l.K)
	case fuse.RowsKind:
		return fmt.Sprintf("rows%d_", l.Rows.Width)
	case fuse.ColReduceKind:
		return fmt.Sprintf("columns%d_", l.ColReduce.Width)
	}
	if l.Kind == fuse.InterleaveKind {
		return fmt.Sprintf("interleave%d_", l.Interleave.Width)
	}
	return fmt.Sprintf("transpose%dx%d_", l.Transpose.R, l.Transpose.C)
}

// describe heads a kernel: its mathematics, shapes, work, and where in the spec it is
// first needed.
func describe(l *fuse.Launch) []string {
	v := l.Main()
	var doc []string
	switch l.Kind {
	case fuse.MatMulKind:
		op := "="
		if l.Accumulate {
			op = "+="
		}
		inner := "k"
		if l.MatMul.Pairs {
			inner = "pairs k of bf16"
		}
		doc = append(doc, fmt.Sprintf("c[m,%d] %s a[m,k] b[k,%d], m of %v, %s of %v", l.MatMul.N, op, l.MatMul.N, l.MatMul.Ms, inner, l.MatMul.Ks))
	case fuse.RowsKind:
		doc = append(doc, formulas(l.Rows.Nodes, l.Rows.Stores)...)
		doc = append(doc, fmt.Sprintf("over rows of %d", l.Rows.Width))
	case fuse.ColReduceKind:
		doc = append(doc, formulas(l.ColReduce.Nodes, l.ColReduce.Stores)...)
		doc = append(doc, fmt.Sprintf("over columns of rows of %d", l.ColReduce.Width))
	case fuse.InterleaveKind:
		doc = append(doc, fmt.Sprintf("out[i,j] = (in[2i,j], in[2i+1,j]), bf16 rows of %d", 2*l.Interleave.Width))
	default:
		doc = append(doc, fmt.Sprintf("out[c,r] = in[r,c], %d x %d", l.Transpose.R, l.Transpose.C))
	}
	doc = append(doc, fmt.Sprintf("first for %s: %s, %d FLOP, %d bytes", place(v), v.Type, l.Flops, l.Bytes))
	return doc
}

// place is where in the model and the spec a value comes from.
func place(v *ir.Value) string {
	s := v.Op.String()
	if v.Label != "" {
		s = v.Label + " " + s
	}
	if v.Pos.Line > 0 {
		s += fmt.Sprintf(" (%s:%d)", shownName(v.Pos.File), v.Pos.Line)
	}
	return s
}

// shownName is the name of a file without its folder as it stands in comments: quoted if any of it could end the comment or
// is no text.
func shownName(file string) string {
	name := filepath.Base(file)
	if quoted := strconv.Quote(name); quoted != `"`+name+`"` {
		return quoted
	}
	return name
}

// formulas writes what each store of a node list computes, with shared parts named.
func formulas(nodes []kernels.Node, stores []kernels.Store) []string {
	uses := make([]int, len(nodes))
	for _, n := range nodes {
		for _, a := range n.Args {
			uses[a]++
		}
	}
	text, out := make([]string, len(nodes)), []string{}
	for i, n := range nodes {
		text[i] = formula(n, text)
		if n.Op != "load" && n.Op != "const" && uses[i] > 1 {
			out = append(out, fmt.Sprintf("t%d = %s", i, text[i]))
			text[i] = fmt.Sprintf("t%d", i)
		}
	}
	for _, s := range stores {
		out = append(out, fmt.Sprintf("x%d = %s", s.Operand, text[s.Node]))
	}
	return out
}

var infix = map[string]string{"add": "+", "sub": "-", "mul": "*", "div": "/", "lt": "<", "le": "<=", "eq": "=="}

func formula(n kernels.Node, text []string) string {
	args := make([]string, len(n.Args))
	for i, a := range n.Args {
		args[i] = text[a]
	}
	switch op, ok := infix[n.Op]; {
	case ok:
		return "(" + args[0] + " " + op + " " + args[1] + ")"
	case n.Op == "load":
		return fmt.Sprintf("x%d", n.Operand)
	case n.Op == "const":
		return fmt.Sprintf("%.7g", n.Const)
	}
	return n.Op + "(" + strings.Join(args, ", ") + ")"
}

// Doc says what the driver's kernels compute, one after another.
func (d *Driver) Doc() []string {
	var doc []string
	for _, k := range d.Kernels {
		doc = append(doc, k.Doc...)
	}
	return doc
}
