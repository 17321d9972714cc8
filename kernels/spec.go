// Package kernels says what is computed: each family of kernels is a file, with the specification that fusion fills in
// and its lowering to the loop IR, the same for every target. How a machine writes it is in kernels/gen.
package kernels

import (
	"fmt"
	"strconv"
	"strings"
)

// Operand describes how one tensor is walked by a Rows or ColReduce kernel.
// Strides are in elements. Operand i of a kernel starts at Mem[Off[i]].
// Different operands must not overlap in memory; a tensor that is updated in
// place is one operand, both loaded and stored.
type Operand struct {
	Name string // for comments only, not part of Key
	Int  bool   // i32 elements: loads convert to f32, stores truncate
	Half bool   // only stored: rounded to bf16, two to an element, the last of an odd number with 0; Col is 1
	Row  int    // stride from row to row; 0: every row sees the same row
	Col  int    // stride along the row; 0: one value per row, 1: contiguous
}

// Node is one value of a kernel's expression graph; Args are indices of
// earlier nodes. Ops:
//
//	load (Operand), const (Const), iota (index along the row)
//	neg exp exp2 (of x <= 0) log sqrt tanh erf erfc sin cos abs sign floor float int
//	add sub mul div max min lt le eq       lt, le, eq give 0 or 1
//	select                                 Args[0] != 0 ? Args[1] : Args[2]
//	rowsum rowmax                          over the row: one value per row
//	colsum colmax                          over the rows (ColReduce only)
//
// Integers are carried as f32 (exact below 2^24): int truncates, float does
// nothing.
type Node struct {
	Op      string
	Args    []int
	Const   float64
	Operand int
}

// Store writes node Node to operand Operand, once per element or once per
// row (operand with Col 0, row-level node).
type Store struct{ Node, Operand int }

// Rows is fused elementwise work and reductions along the last axis over
// N[0] rows of Width elements. If the lowered kernel needs scratch
// (Kernel.Scratch floats per worker), its offset is the operand after the
// last one of the spec.
type Rows struct {
	Width    int
	Operands []Operand
	Nodes    []Node
	Stores   []Store
}

// ColReduce reduces over N[0] rows: nodes up to colsum/colmax are evaluated
// for every element, nodes that depend on a column reduction once per column
// (their loads must have Row 0). Every store's node depends on a reduction;
// its operand is one row of Width elements.
type ColReduce struct {
	Width    int
	Operands []Operand
	Nodes    []Node
	Stores   []Store
}

// MatMul is C[M,N] = A[M,K] B[K,N], or += . Operands: 0 A, 1 B, 2 C. Run-time
// counts: N[0] = M, N[1] = K, N[2] = 1 to add to C and 0 to overwrite it.
// B and C have unit stride along N. With Pairs, the elements of A and B are pairs of bf16
// numbers along K, and K counts pairs. With Half, the elements of C are pairs along N, rounded
// to bf16, and nothing is added to them; N is even.
type MatMul struct {
	N      int // columns of B and C
	Pairs  bool
	Half   bool
	Ms     []int // every M the kernel is called with; empty: any
	Ks     []int // every K the kernel is called with; empty: any
	AM, AK int   // element strides of A along M and K
	BK     int   // row stride of B
	CM     int   // row stride of C
}

// Transpose is out[c,r] = in[r,c] for an R x C matrix. Operands: 0 in, 1 out.
// Run-time count N[0] = number of matrices; after each the input advances by
// InNext and the output by OutNext elements.
type Transpose struct {
	R, C            int
	In, Out         int // row strides of in [R,C] and out [C,R]
	InNext, OutNext int
}

// Interleave makes pairs of rows of what is packed in pairs along rows: the halves of
// out[i,2j+h] are half h of in[2i,j] and half h of in[2i+1,j]. Operands: 0 in, 1 out. Run-time
// count N[0] = rows of out; if Odd, the last of them has one row of in, and 0.
type Interleave struct {
	Width   int // elements of a row of in; out has twice as many
	In, Out int // row strides
	Odd     bool
}

// Key returns a string that is equal for structurally equal specs.
func (r *Rows) Key() string {
	return "rows " + graphKey(r.Width, r.Operands, r.Nodes, r.Stores)
}

// Key returns a string that is equal for structurally equal specs.
func (c *ColReduce) Key() string {
	return "colreduce " + graphKey(c.Width, c.Operands, c.Nodes, c.Stores)
}

// Key returns a string that is equal for structurally equal specs.
func (m *MatMul) Key() string {
	return fmt.Sprintf("matmul n%d m%v k%v a%d,%d b%d c%d pairs %t half %t", m.N, m.Ms, m.Ks, m.AM, m.AK, m.BK, m.CM, m.Pairs, m.Half)
}

// Key returns a string that is equal for structurally equal specs.
func (t *Transpose) Key() string {
	return fmt.Sprintf("transpose %dx%d %d>%d next %d>%d", t.R, t.C, t.In, t.Out, t.InNext, t.OutNext)
}

// Key returns a string that is equal for structurally equal specs.
func (m *Interleave) Key() string {
	return fmt.Sprintf("interleave %d %d>%d odd %t", m.Width, m.In, m.Out, m.Odd)
}

func graphKey(width int, ops []Operand, nodes []Node, stores []Store) string {
	var b strings.Builder
	fmt.Fprintf(&b, "w%d", width)
	for _, o := range ops {
		t := "f"
		switch {
		case o.Int:
			t = "i"
		case o.Half:
			t = "h"
		}
		fmt.Fprintf(&b, " %s%d,%d", t, o.Row, o.Col)
	}
	for _, n := range nodes {
		b.WriteString(";" + n.Op)
		switch n.Op {
		case "const":
			b.WriteString(" " + strconv.FormatFloat(n.Const, 'g', -1, 64))
		case "load":
			b.WriteString(" @" + strconv.Itoa(n.Operand))
		}
		for _, a := range n.Args {
			b.WriteString(" " + strconv.Itoa(a))
		}
	}
	for _, s := range stores {
		fmt.Fprintf(&b, ";@%d=%d", s.Operand, s.Node)
	}
	return b.String()
}
