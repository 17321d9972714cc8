// Package loop is the loop IR: kernels as structured loops over vector code. Kernels are written in it by
// package kernels and printed by the targets in kernels/gen.
//
// The IR knows neither a CPU nor Go. A Machine says how many f32 lanes a
// vector has and how many registers there are; the same lowering serves
// AVX-512 (16 lanes), AVX2 (8 lanes), NEON (4 lanes), portable Go (1 lane) and whatever prints it next.
//
// There are three kinds of register: vectors of Machine.Lanes f32 (v0, v1,
// ...), pointers to elements of the arena (p0, ...) and counters (n0, ...).
// All are mutable; Allocate renames them so that few are needed.
package loop

// Machine is what lowering needs to know of a machine.
type Machine struct {
	Name     string // of its target
	Lanes    int    // f32 lanes of a vector
	VecRegs  int    // vector registers a kernel may keep live
	TileRegs int    // of these, how many a matrix tile may use
	DotRegs  int    // how many fewer it may use for products of pairs: printers take them
	PtrRegs  int    // pointers and counters that stay in registers; printers spill the rest
	Line     int    // elements of a cache line, if a vector is shorter
	Latency  int    // cycles after which a sum of products can be added to again
	Ahead    int    // steps of a matrix product by which operands are fetched ahead; 0: the processor does that
	ByLane   bool   // it has fmalane
}

// A Kernel is one function over operands in the arena.
type Kernel struct {
	Name     string
	Doc      []string // mathematics, shapes, FLOPs, bytes; one line each
	Lanes    int
	Operands []string // names, in the order of Args.Off
	Counts   []string // names, in the order of Args.N
	Scratch  int      // floats of per-worker scratch; its offset is the last operand
	Body     []Stmt
}

// V is a vector register, P a pointer, N a counter.
type (
	V int
	P int
	N int
)

// NoIndex is the N of a Mem without index register.
const NoIndex N = -1

// Arg is an argument of a vector instruction: a register, or a constant that
// fills all lanes.
type Arg struct {
	V     V
	Const bool
	Imm   float32
}

// Mem is the element address P + Index + Off. For bf16, Index and Off count these.
type Mem struct {
	P     P
	Index N
	Off   int
}

// A Stmt is a statement of a kernel's body.
type Stmt interface{ stmt() }

// An Instr is a vector instruction.
type Instr struct {
	Op     Op
	Dst    V
	Args   []Arg
	Mem    Mem  // load, bcast, store
	Stride int  // load, store: elements from lane to lane
	Int    bool // load, bcast, store: the elements in memory are i32
	Half   bool // load, store: they are bf16, two in the place of one; Stride is 1
	Lanes  int  // load, store, tail: active lanes; 0: all
	Lane   int  // fmalane: of the first argument
	Block  []V  // transpose
}

// A Scalar is an instruction on pointers and counters.
type Scalar struct {
	Op    Op
	P     P   // base, move
	From  P   // move
	N     N   // count
	Value int // base: operand; move: elements to add; count: index in Args.N
	Less  int // count: how much is taken off it
}

// A Loop runs Body with counter N. Up: N = 0, Step, 2 Step ... while N <
// Limit (a multiple of Step, at least Step). Down: N was set before; Body runs
// while N >= Step and N falls by Step after each run, so that the remainder
// stays in N.
type Loop struct {
	Label string
	N     N
	Down  bool
	Limit int
	Step  int
	Body  []Stmt
}

// An If runs Then where N == Equal, otherwise Else.
type If struct {
	Label string
	N     N
	Equal int
	Then  []Stmt
	Else  []Stmt
}

// A Comment goes into the printed code.
type Comment struct{ Text string }

func (*Instr) stmt()   {}
func (*Scalar) stmt()  {}
func (*Loop) stmt()    {}
func (*If) stmt()      {}
func (*Comment) stmt() {}

// Instructions counts the instructions of the body.
func (k *Kernel) Instructions() int { return count(k.Body) }

func count(body []Stmt) int {
	n := 0
	for _, s := range body {
		switch s := s.(type) {
		case *Instr:
			n++
			if s.Op == OpTranspose {
				n += 4 * len(s.Block)
			}
		case *Scalar:
			n++
		case *Loop:
			n += 2 + count(s.Body)
		case *If:
			n += 2 + count(s.Then) + count(s.Else)
		}
	}
	return n
}
