package parser

import (
	"sync"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// The grammar of declarations and statements, one struct per production, read with one
// token of lookahead. Each production turns itself into a node of the syntax tree (tree.go).

// span is filled in by participle.
type span struct {
	Pos    lexer.Position
	Tokens []lexer.Token
}

type declaration struct {
	Import   *importDecl   `parser:"@@"`
	Modality *modalityDecl `parser:"| @@"`
	Kind     *kindDecl     `parser:"| @@"`
	Model    *modelDecl    `parser:"| @@"`
	Func     *funcDecl     `parser:"| @@"`
	Train    *trainDecl    `parser:"| @@"`
}

type importDecl struct {
	span
	Path *stringLit `parser:"'import' @@"`
}

type stringLit struct {
	span
	Text string `parser:"@String"`
}

type name struct {
	span
	Text string `parser:"@Ident"`
}

type funcDecl struct {
	span
	Name   *name        `parser:"'fn' @@"`
	Params []*funcParam `parser:"'(' ( @@ ( ',' @@ )* ','? )? ')'"`
	Body   *block       `parser:"( @@"`
	Value  *Expr        `parser:"| '=' @@ )"`
}

type funcParam struct {
	span
	Name    *name         `parser:"@@"`
	Shape   *shapePattern `parser:"( ':' @@ )?"`
	Default *Expr         `parser:"( '=' @@ )?"`
}

type shapePattern struct {
	span
	Rest bool    `parser:"'[' ( @'...' ','? )?"`
	Dims []*Expr `parser:"( @@ ( ',' @@ )* ','? )? ']'"`
}

type kindDecl struct {
	span
	Name   *name        `parser:"'kind' @@"`
	Params []*funcParam `parser:"'(' ( @@ ( ',' @@ )* ','? )? ')'"`
	Items  []*kindItem  `parser:"'{' @@* '}'"`
}

type kindItem struct {
	Input   *inputItem `parser:"@@"`
	Let     *letStmt   `parser:"| @@"`
	Require *require   `parser:"| @@"`
	Func    *funcDecl  `parser:"| @@"`
}

type inputItem struct {
	span
	First *name   `parser:"'input' @@"` // the name, or the type where there is no name
	DType *name   `parser:"@@?"`
	Shape []*Expr `parser:"'[' ( @@ ( ',' @@ )* ','? )? ']'"`
	Below *Expr   `parser:"( '<' @@ )?"`
	As    *name   `parser:"( 'as' @@ )?"`
}

type modalityDecl struct {
	span
	Name  *name           `parser:"'modality' @@"`
	Kind  *Expr           `parser:"'=' @@"`
	Items []*modalityItem `parser:"( '{' @@* '}' )?"`
}

type modalityItem struct {
	Data   *Expr      `parser:"'data' @@"`
	Sample *stringLit `parser:"| 'sample' @@"`
	Metric *stringLit `parser:"| 'metric' @@"`
	Task   *taskItem  `parser:"| @@"`
	Set    *setItem   `parser:"| @@"`
}

type taskItem struct {
	span
	Name   *stringLit `parser:"'task' @@"`
	Data   *Expr      `parser:"'{' 'data' @@"`
	Metric *stringLit `parser:"( 'metric' @@ )? '}'"`
}

type setItem struct {
	Settings []*setting `parser:"'set' @@ ( ',' @@ )*"`
}

type setting struct {
	span
	Name  *name `parser:"@@"`
	Value *Expr `parser:"'=' @@"`
}

type modelDecl struct {
	span
	Name     *name        `parser:"'model' @@"`
	Modality *name        `parser:"( '(' ( @@ ':' 'modality' )? ')' )?"`
	Items    []*modelItem `parser:"'{' @@* '}'"`
}

type modelItem struct {
	Set     *setItem   `parser:"@@"`
	Let     *letStmt   `parser:"| @@"`
	Param   *paramStmt `parser:"| @@"`
	Require *require   `parser:"| @@"`
	Func    *funcDecl  `parser:"| @@"`
	Entry   *entryDecl `parser:"| @@"`
}

type entryDecl struct {
	span
	Kind   string       `parser:"@( 'objective' | 'features' | 'reconstruct' )"`
	Params []*funcParam `parser:"'(' ( @@ ( ',' @@ )* ','? )? ')'"`
	Body   *block       `parser:"@@"`
}

type trainDecl struct {
	span
	Items []*trainItem `parser:"'train' '{' @@* '}'"`
}

type trainItem struct {
	span
	Name  *name `parser:"@@ 'every'?"`
	Value *Expr `parser:"@@"`
}

type block struct {
	span
	Stmts []*statement `parser:"'{' @@* '}'"`
}

type statement struct {
	Let     *letStmt    `parser:"@@"`
	For     *forStmt    `parser:"| @@"`
	If      *ifStmt     `parser:"| @@"`
	Return  *returnStmt `parser:"| @@"`
	Output  *outputStmt `parser:"| @@"`
	Require *require    `parser:"| @@"`
	Param   *paramStmt  `parser:"| @@"`
	Assign  *assignStmt `parser:"| @@"`
}

type letStmt struct {
	span
	Names []*name `parser:"'let' @@ ( ',' @@ )*"`
	Value *Expr   `parser:"'=' @@"`
}

type assignStmt struct {
	span
	Name  *name   `parser:"@@"`
	Index []*Expr `parser:"( '[' @@ ']' )*"`
	Value *Expr   `parser:"'=' @@"`
}

type forStmt struct {
	span
	Var  *name  `parser:"'for' @@ 'in'"`
	From *Expr  `parser:"@@ '..'"`
	To   *Expr  `parser:"@@"`
	Body *block `parser:"@@"`
}

type ifStmt struct {
	span
	Cond   *Expr   `parser:"'if' @@"`
	Then   *block  `parser:"@@"`
	ElseIf *ifStmt `parser:"( 'else' ( @@"`
	Else   *block  `parser:"| @@ ) )?"`
}

type returnStmt struct {
	span
	Values []*Expr `parser:"'return' @@ ( ',' @@ )*"`
}

type outputStmt struct {
	span
	Kind  string        `parser:"@( 'report' | 'expose' )"`
	Items []*outputItem `parser:"@@ ( ',' @@ )*"`
}

type outputItem struct {
	span
	Name  *name `parser:"@@"`
	Value *Expr `parser:"( '=' @@ )?"`
}

type require struct {
	span
	Cond *Expr      `parser:"'require' @@ ','"`
	Msg  *stringLit `parser:"@@"`
}

type paramStmt struct {
	span
	Name  *name   `parser:"'param' @@"`
	Shape []*Expr `parser:"'[' ( @@ ( ',' @@ )* ','? )? ']'"`
	Init  *Expr   `parser:"'=' @@"`
}

var grammar = sync.OnceValue(func() *participle.Parser[declaration] {
	return participle.MustBuild[declaration](participle.Lexer(definition{}), participle.Elide("Comment"), participle.UseLookahead(0))
})
