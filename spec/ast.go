package spec

// Range is the stretch of source that a node was read from.
type Range struct{ Pos, End Pos }

// Where returns the range itself; it makes every node that embeds one a Node.
func (r Range) Where() Range { return r }

// Node is any part of the syntax tree.
type Node interface{ Where() Range }

// File is one source file. Declarations of each kind are in source order.
type File struct {
	Name       string
	Imports    []*Import
	Kinds      []*Kind
	Modalities []*Modality
	Models     []*Model
	Funcs      []*Func
	Trains     []*Train
}

// Import makes another file's declarations visible: `import "std/transformer"`.
type Import struct {
	Range
	Path string
}

// Name is an identifier where it is declared.
type Name struct {
	Range
	Text string
}

// Func is a function, or a model's objective, features or reconstruct. A function that is
// written `fn f(x) = e` has the body `return e`.
type Func struct {
	Range
	Name   Name
	Params []*FuncParam
	Body   *Block
}

// FuncParam is one parameter: a name, optionally the shape it must have, and a default.
type FuncParam struct {
	Range
	Name    Name
	Shape   *ShapePattern // nil: anything
	Default Expr          // nil: must be given
}

// ShapePattern is the shape annotation of a parameter. A name that means nothing yet is
// bound to the extent found there; anything else must be equal to it.
type ShapePattern struct {
	Range
	Rest bool // begins with "...": any leading axes
	Dims []Expr
}

// Kind describes how inputs of one sort become tokens; a modality is an instance of it.
type Kind struct {
	Range
	Name   Name
	Params []*FuncParam
	Inputs []*Input // of one example, at least one
	Items  []Stmt   // let and require, in order
	Funcs  []*Func
}

// Input is the type of one input of an example: `input f32[channels, length]`,
// `input text i32[length] < vocab`, `input f32[leads, samples] as series`.
type Input struct {
	Range
	Name  *Name // nil: none, for the only input of a kind
	DType Name
	Shape []Expr
	Below Expr  // nil for f32
	As    *Name // what it is shown as; nil: as its axes say
}

// Modality instantiates a kind: `modality NAME = kind(args) { data ... set ... }`.
type Modality struct {
	Range
	Name   Name
	Kind   *Call
	Data   *Call // nil: none
	Sample *Str  // folder of a data set to carry in the binary; nil: none
	Metric *Str  // how transfer is scored; nil: it follows from the labels
	Tasks  []*Task
	Sets   []*Setting
}

// Task names data to evaluate on: `task "NAME" { data ... metric ... }`.
type Task struct {
	Range
	Name   *Str
	Data   *Call
	Metric *Str // nil: it follows from the labels
}

// Setting is one `name = value` of a set statement.
type Setting struct {
	Range
	Name  Name
	Value Expr
}

// Model is a trainable model; without a modality parameter it has no data input.
type Model struct {
	Range
	Name        Name
	Modality    *Name // nil: none
	Sets        []*Setting
	Items       []Stmt // let, param and require, in order
	Funcs       []*Func
	Objective   *Func // nil: missing
	Features    *Func // nil: none
	Reconstruct *Func // nil: none
}

// Train is a train block.
type Train struct {
	Range
	Items []*TrainItem
}

// TrainItem is one line of a train block: `steps 1000`, `checkpoint every 100`.
type TrainItem struct {
	Range
	Name  Name
	Value Expr
}

// Block is a list of statements with a scope of its own.
type Block struct {
	Range
	Stmts []Stmt
}

// Stmt is a statement.
type Stmt interface {
	Node
	stmt()
}

// The statements.
type (
	// Let declares variables: `let a, b = e` takes a list apart.
	Let struct {
		Range
		Names []Name
		Value Expr
	}
	// Assign changes a variable, or one element of a list.
	Assign struct {
		Range
		Name  Name
		Index []Expr
		Value Expr
	}
	// For repeats its body for From <= Var < To.
	For struct {
		Range
		Var      Name
		From, To Expr
		Body     *Block
	}
	// If chooses by a constant; Else is nil, a *Block or another *If.
	If struct {
		Range
		Cond Expr
		Then *Block
		Else Stmt
	}
	// Return ends a function; several values form a list.
	Return struct {
		Range
		Values []Expr
	}
	// Output names results: `report` of scalars, `expose` of any tensors.
	Output struct {
		Range
		Report bool
		Items  []*OutputItem
	}
	// Require fails with a message unless a constant condition holds.
	Require struct {
		Range
		Cond Expr
		Msg  *Str
	}
	// Param declares a trained tensor, named by the labels around it and its own name.
	Param struct {
		Range
		Name  Name
		Shape []Expr
		Init  Expr
	}
)

// OutputItem is one `name` or `name = value` of a report or expose statement.
type OutputItem struct {
	Range
	Name  Name
	Value Expr // nil: the variable of that name
}

func (*Let) stmt()     {}
func (*Assign) stmt()  {}
func (*For) stmt()     {}
func (*If) stmt()      {}
func (*Return) stmt()  {}
func (*Output) stmt()  {}
func (*Require) stmt() {}
func (*Param) stmt()   {}
func (*Block) stmt()   {}

// Expr is an expression.
type Expr interface {
	Node
	expr()
}

// The expressions.
type (
	// Ident is a use of a name.
	Ident struct {
		Range
		Name string
	}
	// Number is a literal; without point and exponent it is whole.
	Number struct {
		Range
		Text  string
		Value float64
		Whole bool
	}
	// Bool is true or false.
	Bool struct {
		Range
		Value bool
	}
	// Str is a string; Value has the escapes resolved.
	Str struct {
		Range
		Value string
	}
	// List is `[a, b]`.
	List struct {
		Range
		Elems []Expr
	}
	// Unary is `-x` or `!x`.
	Unary struct {
		Range
		Op string
		X  Expr
	}
	// Binary is `x op y`.
	Binary struct {
		Range
		Op   string
		X, Y Expr
	}
	// Cond is `c ? x : y` with a constant c.
	Cond struct {
		Range
		C, X, Y Expr
	}
	// Call applies a function.
	Call struct {
		Range
		Fn   Expr
		Args []*Arg
	}
	// Index is `x[a, b:c, :]`.
	Index struct {
		Range
		X    Expr
		Subs []*Sub
	}
	// Member is `m.name`.
	Member struct {
		Range
		X    Expr
		Name Name
	}
	// Label is `path: x`: parameters declared while x is computed are named below path.
	Label struct {
		Range
		Path []*LabelPart
		X    Expr
	}
)

// Arg is one argument of a call.
type Arg struct {
	Range
	Name  *Name // nil: by position
	Value Expr
}

// Sub is one subscript: an index (Lo only, Slice false) or a slice lo:hi:step.
type Sub struct {
	Range
	Slice        bool
	Lo, Hi, Step Expr // nil where left out
}

// LabelPart is one part of a label: a name or an index.
type LabelPart struct {
	Range
	Name  string
	Index Expr // nil for a name
}

func (*Ident) expr()  {}
func (*Number) expr() {}
func (*Bool) expr()   {}
func (*Str) expr()    {}
func (*List) expr()   {}
func (*Unary) expr()  {}
func (*Binary) expr() {}
func (*Cond) expr()   {}
func (*Call) expr()   {}
func (*Index) expr()  {}
func (*Member) expr() {}
func (*Label) expr()  {}
