package deps

import (
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"mspecc/codegen"
	"mspecc/internal/module"
	"mspecc/ir/elab"
	"mspecc/kernels/gen"
	"mspecc/spec"
)

// Generated code imports the run-time library and the standard library, nothing else.
func TestGeneratedImports(t *testing.T) {
	m, diags := elab.Load("../../docs/linear.mspec", elab.Options{})
	if spec.HasErrors(diags) {
		t.Fatal(diags)
	}
	mod, err := codegen.Compile(m, codegen.Options{Targets: gen.Targets})
	if err != nil {
		t.Fatal(err)
	}
	files, err := mod.Files()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for name, src := range files {
		if strings.HasPrefix(name, module.Folder+"/") || !strings.HasSuffix(name, ".go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ImportsOnly)
		if err != nil {
			t.Error(err)
			continue
		}
		seen++
		for _, s := range tree.Imports {
			p, _ := strconv.Unquote(s.Path.Value)
			own := strings.HasPrefix(p, module.Trainer+"/") || p == module.Runtime || strings.HasPrefix(p, module.Runtime+"/")
			if !own && (strings.HasPrefix(p, module.Path) || strings.Contains(strings.Split(p, "/")[0], ".")) {
				t.Errorf("generated %s imports %s", name, p)
			}
		}
	}
	if seen == 0 {
		t.Error("no Go files were generated")
	}
}
