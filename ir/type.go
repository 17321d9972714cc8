// Package ir is the tensor IR: static single assignment values over a few dozen
// primitive operations with static shapes. It is closed under differentiation: a
// gradient is only ever more primitives, so gradients of gradients need nothing new.
//
// Each operation is one entry of a table (op_*.go): name, shape rule, float64 meaning,
// gradient rule, simplifications and test inputs stand together.
package ir

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mspecc/spec"
)

// DType is the element type of a tensor.
type DType uint8

// The element types. Masks are F32 values 0 and 1. An element of BF16x2 is two bf16 numbers
// in 32 bits; only matrix products take it.
const (
	F32 DType = iota
	I32
	BF16x2
)

func (d DType) String() string { return [...]string{"f32", "i32", "bf16x2"}[d] }

// Type is an element type with a static shape; a scalar has the empty shape.
type Type struct {
	DType DType
	Shape []int
}

// String writes the type as f32[64,9,256]; a scalar is f32[].
func (t Type) String() string {
	var s strings.Builder
	s.WriteString(t.DType.String())
	s.WriteByte('[')
	for i, n := range t.Shape {
		if i > 0 {
			s.WriteByte(',')
		}
		s.WriteString(strconv.Itoa(n))
	}
	s.WriteByte(']')
	return s.String()
}

// Len is the number of elements.
func (t Type) Len() int { return product(t.Shape) }

// Equal reports whether both types have the same element type and shape.
func (t Type) Equal(u Type) bool { return t.DType == u.DType && slices.Equal(t.Shape, u.Shape) }

func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

// Strides gives the row-major strides of a shape, in elements.
func Strides(shape []int) []int {
	s := make([]int, len(shape))
	n := 1
	for i := len(shape) - 1; i >= 0; i-- {
		s[i] = n
		n *= shape[i]
	}
	return s
}

// Error says why an operation does not fit its arguments.
type Error struct {
	Op   string
	Msg  string
	Args []*Value
}

func (e *Error) Error() string {
	types := make([]string, len(e.Args))
	for i, a := range e.Args {
		types[i] = a.Type.String()
	}
	return fmt.Sprintf("%s(%s): %s", e.Op, strings.Join(types, ", "), e.Msg)
}

// Phase says which part of a training step a value belongs to, for reports and dumps.
type Phase uint8

// The phases of a step. Inner is the gradient computed inside the objective together
// with what only it needs; SecondOrder is the derivative of Inner. Recompute is what is
// computed a second time in order to save memory: its values are never shared with others.
const (
	Forward Phase = iota
	Inner
	SecondOrder
	Backward
	Recompute
	Optimiser

	Phases = iota // how many there are
)

func (p Phase) String() string {
	return [...]string{"forward", "inner", "second-order", "backward", "recompute", "optimiser"}[p]
}

// Init says how a parameter is initialised.
type Init struct {
	Kind          string  // const | uniform | normal | xavier_uniform
	A, B          float64 // const: value A; uniform: [A, B); normal: mean A, deviation B
	FanIn, FanOut int     // xavier_uniform: bound sqrt(6/(FanIn+FanOut))
}

// Attr holds what an operation needs beside its arguments; each uses a few fields.
type Attr struct {
	Name         string    // param, input, uniform: its name
	Const        float64   // const: the value of every element
	Axes         []int     // sum, max: the reduced axes; transpose: the permutation
	Lo, Hi, Step []int     // slice: bounds and step; pad: zeros before and after, Step-1 zeros between
	Axis         int       // concat, iota
	Batch, Rows  int       // gather, scatter_add
	Init         Init      // param
	Table        []float64 // table: elements in row-major order
}

// Value is one node of the tensor graph. Values are immutable and hash-consed: the same
// operation on the same arguments is the same Value. Arguments have smaller IDs.
type Value struct {
	ID    int
	Op    Op
	Type  Type
	Args  []*Value
	Attr  Attr
	Pos   spec.Pos // the first place in the spec that asked for it
	Label string   // label path at that place, such as encoder.0.attn
	Phase Phase
}

// Len is the number of elements.
func (v *Value) Len() int { return v.Type.Len() }

// Shape is the value's shape; it must not be changed.
func (v *Value) Shape() []int { return v.Type.Shape }

// Rank is the number of axes.
func (v *Value) Rank() int { return len(v.Type.Shape) }
