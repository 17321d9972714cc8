package ir

import "fmt"

// Op names a primitive operation; its meaning is its entry in the operation table.
type Op uint8

// The primitive operations, by family.
const (
	opInvalid Op = iota
	// leaves
	OpConst
	OpTable
	OpParam
	OpInput
	OpUniform
	OpIota
	// elementwise, one argument
	Neg
	Exp
	Log
	Sqrt
	Tanh
	Erf
	Erfc
	Sin
	Cos
	Abs
	Sign
	Floor
	// elementwise, two arguments
	Add
	Sub
	Mul
	Div
	Max
	Min
	Lt
	Le
	Eq
	// elementwise, other
	OpSelect
	OpFloat
	OpInt
	// reductions
	OpSum
	OpMax
	OpSoftmax
	// shape
	OpReshape
	OpTranspose
	OpBroadcast
	OpSlice
	OpPad
	OpConcat
	// products and indexing
	OpMatMul
	OpGather
	OpScatterAdd
	OpArgSort
	OpStopGradient
	opCount
)

// Class groups operations by how code is generated for them.
type Class uint8

// The classes of operations.
const (
	Leaf        Class = iota // no arguments
	Elementwise              // each element from the same element of the arguments
	Reduction                // along axes
	View                     // the same elements, addressed differently
	Opaque                   // has a kernel of its own
	Composite                // replaced by other operations once no more gradients are taken
)

// Info is all that the tensor level knows about one operation.
type Info struct {
	Op    Op
	Name  string // as written in dumps and, where the language offers it, in specs
	Doc   string // one line of mathematics
	Class Class
	Args  int    // number of arguments; -1: any
	NoVJP string // why the operation has no gradient; empty if it has one

	// infer checks the arguments and gives the result's type.
	infer func(args []*Value, attr *Attr) (Type, error)
	// eval is the definition, in float64, on row-major elements.
	eval func(v *Value, args [][]float64) []float64
	// vjp gives the cotangent of each argument (nil: none) from the cotangent g of v.
	vjp func(b *Builder, v, g *Value) []*Value
	// fold gives a simpler value equal to v, or nil.
	fold func(b *Builder, v *Value) *Value
	// samples builds test cases: values of this operation over fresh inputs. The inputs'
	// names say where they are drawn from; see gradcheck in the tests.
	samples func(b *Builder) []*Value
}

var table [opCount]Info

// The table is filled at init because gradient rules call the builder, which reads it.
func init() {
	for _, family := range [][]Info{leafOps(), unaryOps(), binaryOps(), otherElementwiseOps(), reduceOps(), shapeOps(), productOps(), indexOps()} {
		for _, in := range family {
			table[in.Op] = in
		}
	}
}

// Info returns the operation's table entry.
func (op Op) Info() *Info { return &table[op] }

func (op Op) String() string {
	if op == opInvalid || op >= opCount {
		return fmt.Sprintf("op(%d)", uint8(op))
	}
	return table[op].Name
}

// Class tells how code is generated for the operation.
func (op Op) Class() Class { return table[op].Class }

// Ops lists all operations in table order.
func Ops() []Op {
	ops := make([]Op, 0, opCount)
	for op := opInvalid + 1; op < opCount; op++ {
		ops = append(ops, op)
	}
	return ops
}
