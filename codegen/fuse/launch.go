// Package fuse chooses which tensor values share a kernel and where values live. It takes
// an optimised tensor graph and gives a list of launches: loop-IR kernels with the views
// they read and write, in an order that respects every dependency.
//
// What fuses is a short list:
//   - rows: elementwise work and reductions along the last axis over one index space;
//   - column reductions with the elementwise work that feeds them;
//   - sums of matrix products, accumulated into one result;
//   - permutations, slices and reshapes of stored values, read or written in place
//     through strides.
//
// A value is recomputed by each reader rather than stored when that reads no more full
// tensors than loading it would.
package fuse

import (
	"mspecc/ir"
	"mspecc/kernels"
)

// Class says who owns a buffer's contents.
type Class uint8

// The classes of buffers.
const (
	Temp   Class = iota // lives from its first to its last use within one run
	Param               // a parameter, shared by all functions
	State               // optimiser state, or the gradients handed to it
	Input               // filled before a run
	Const               // constant, written once
	Output              // read after a run
	Local               // of one worker, for one tile of the chain Within
)

// Buffer is a stretch of the arena.
type Buffer struct {
	ID     int
	Name   string
	Class  Class
	DType  ir.DType
	Len    int       // elements
	Data   []float64 // Const: the elements
	Offset int       // in the arena; set by the memory plan, or beforehand for fixed places
	Fixed  bool      // Offset is given
	Within *Launch   // Local: the chain inside of which it lives; Offset counts from the worker's memory
}

// Access is one operand of a launch: a place in a buffer, and the strides of the driver's
// loops over it.
type Access struct {
	Buf    *Buffer
	Offset int
	Outer  []int // stride of each outer loop
	Chunk  int   // stride from one chunk of rows to the next
	Write  bool
	Tile   int // stride from one tile of a tiled launch to the next
	Lane   int // stride from one lane of a tiled launch to the next, where the tiles of a lane share a place
}

// Kind tells launches apart.
type Kind uint8

// The kinds of launches.
const (
	RowsKind Kind = iota
	ColReduceKind
	MatMulKind
	TransposeKind
	InterleaveKind
	GatherKind
	ScatterAddKind
	ArgSortKind
	ZeroKind
	ChainKind
	TiledKind
)

func (k Kind) String() string {
	return [...]string{"rows", "colreduce", "matmul", "transpose", "interleave", "gather", "scatter_add", "argsort", "zero", "chain", "tiles"}[k]
}

// Launch is one kernel call of a function's run: the kernel, its operands and the loops
// that the driver runs around it.
type Launch struct {
	Kind       Kind
	Rows       *kernels.Rows
	ColReduce  *kernels.ColReduce
	MatMul     *kernels.MatMul
	Transpose  *kernels.Transpose
	Interleave *kernels.Interleave

	Stages  []*Launch // chains: run one after another on each tile
	Tiles   int       // tiled launch: number of tiles
	InTiles int       // of a stage of a tiled launch: the number of tiles, of which it does one
	Lanes   int       // tiled launch: parts of the tiles that run one after another; 0: all tiles are independent

	Operands []Access
	Outer    []int // extents of the driver's outer loops
	Count    int   // rows per outer index
	Chunk    int   // rows per kernel call
	PerTask  int   // outer indices per task

	K, KBlock  int  // matmul: inner extent (bf16: in pairs), and how much of it one call takes
	Accumulate bool // matmul: adds to what earlier products of the same sum left
	Parts      int  // matmul: the inner extent is cut into so many parts, each with a result of its own
	Sum        bool // matmul in a tiled launch: all tiles of a lane but the first add to the lane's result

	Sizes []int // gather, scatter_add, argsort, zero: extents for the run-time library

	Values []*ir.Value // what it computes, for names and explanations
	Flops  int         // floating-point operations of the whole launch
	Bytes  int         // bytes its operands occupy
	Half   *ir.Value   // where to cut the cluster if it needs too many registers
	Copy   bool        // it only moves elements into the order a reader wants
	Note   string      // why it looks as it does
	depth  int         // of what it computes: length of the longest path to it
	ids    []int       // numbers of the launches that it is made of
	after  []int       // and of those that must have run before it, whatever it reads
}

// Tasks is the number of independent parts the driver runs, and the number of row chunks
// among them.
func (l *Launch) Tasks() (tasks, chunks int) {
	if l.Count == 0 {
		return 0, 1
	}
	if l.Lanes > 0 {
		return l.Lanes, 1
	}
	chunks = (l.Count + l.Chunk - 1) / l.Chunk
	n := product(l.Outer)
	return (n + l.PerTask - 1) / l.PerTask * chunks, chunks
}

// Kernels lists the kernels that the launch calls, one after another: itself, or those of
// its stages.
func (l *Launch) Kernels() []*Launch {
	if l.Stages == nil {
		return []*Launch{l}
	}
	var out []*Launch
	for _, s := range l.Stages {
		out = append(out, s.Kernels()...)
	}
	return out
}

// Main is the value that names the launch.
func (l *Launch) Main() *ir.Value { return l.Values[len(l.Values)-1] }
