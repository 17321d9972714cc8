package kerneltest

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"

	"mspecc/internal/module"
)

// Unrounded lists the products and quotients of floating-point numbers in a printed Go file that no
// conversion rounds, as LINE: TEXT: Go may fuse such a product with a sum, and takes a quotient by a power
// of two for a product, so that bits would depend on the processor.
func Unrounded(source string) ([]string, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "kernels.go", source, 0)
	if err != nil {
		return nil, err
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	check := types.Config{Importer: arguments{importer.ForCompiler(set, "source", nil), set}}
	if _, err := check.Check("kernels", set, []*ast.File{file}, info); err != nil {
		return nil, err
	}
	rounded := map[ast.Expr]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if c, ok := n.(*ast.CallExpr); ok && len(c.Args) == 1 && info.Types[c.Fun].IsType() && isFloat(info.Types[c.Fun].Type) {
			rounded[ast.Unparen(c.Args[0])] = true
		}
		return true
	})
	var found []string
	report := func(n ast.Node) {
		at := set.Position(n.Pos())
		found = append(found, fmt.Sprintf("%d: %s", at.Line, source[at.Offset:set.Position(n.End()).Offset]))
	}
	product := func(op token.Token) bool {
		return op == token.MUL || op == token.QUO || op == token.MUL_ASSIGN || op == token.QUO_ASSIGN
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if v := info.Types[n]; product(n.Op) && isFloat(v.Type) && v.Value == nil && !rounded[n] {
				report(n)
			}
		case *ast.AssignStmt:
			if product(n.Tok) && isFloat(info.Types[n.Lhs[0]].Type) {
				report(n)
			}
		}
		return true
	})
	return found, nil
}

func isFloat(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsFloat != 0
}

// arguments imports the standard library, and in place of the run-time library what kernels take of it.
type arguments struct {
	types.Importer
	set *token.FileSet
}

func (a arguments) Import(path string) (*types.Package, error) {
	if path != module.Runtime {
		return a.Importer.Import(path)
	}
	file, err := parser.ParseFile(a.set, "args.go", runtimeSource, 0)
	if err != nil {
		return nil, err
	}
	return (&types.Config{}).Check(path, a.set, []*ast.File{file}, nil)
}
