// Package deps holds the rules of who imports whom: the language knows nothing of the
// tensor IR, the tensor IR nothing of kernels, and what a trainer links nothing of the
// compiler.
package deps

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mspecc/internal/module"
)

// layers lists what each package, or each package below one ending in "/...", may import
// of this project; the first entry that fits counts. Tests may import anything but avo.
var layers = []struct {
	pkg  string
	from []string
}{
	{"spec", []string{"runtime/files"}}, // runtime/files: how files that may be anything are read
	{"parser", []string{"spec"}},
	{"ir", []string{"runtime/rounded", "spec"}}, // runtime/rounded: constants have the same bits wherever a spec is compiled
	{"ir/optim", []string{"ir"}},
	{"ir/elab", []string{"ir", "ir/optim", "parser", "runtime/files", "runtime/options", "runtime/rounded", "spec"}}, // runtime/options: tables that the trainer reads by too
	{"ir/pass", []string{"ir"}},
	{"ir/view", []string{"ir", "ir/pass", "spec"}},
	{"kernels/kerneltest", []string{"internal/module", "ir/loop"}},
	{"ir/loop", nil},
	{"kernels", []string{"ir/loop"}},
	{"codegen/fuse", []string{"ir", "kernels"}},
	{"codegen/plan", []string{"codegen/fuse"}},
	{"codegen/recompute", []string{"codegen/fuse", "ir"}},
	{"kernels/gen", []string{"ir/loop", "kernels/gen/..."}},
	{"kernels/gen/hand", []string{"kernels/gen/avx512"}},
	{"kernels/gen/gentest", []string{"ir/loop", "kernels"}},
	{"kernels/gen/...", []string{"internal/module", "ir/loop", "kernels/gen/amd64", "kernels/gen/asm"}},
	{"codegen/onnx", []string{"ir", "ir/elab"}},
	{"codegen/...", []string{"", "codegen/...", "internal/module", "ir/...", "kernels/...", "parser", "runtime/files", "spec"}},
	{"runtime/...", []string{"runtime/..."}},
	{"", []string{"internal/module"}}, // embeds the source of runtime
	{"cmd/...", []string{"codegen/...", "ir/...", "kernels/gen", "parser", "runtime/files", "spec"}},
	{"internal/module", nil},
	{"internal/...", []string{"..."}},
	{"bench", []string{"internal/refcase", "kernels/gen", "runtime"}},
}

// outside lists the packages that may import a module from elsewhere; "test" stands for
// all test files.
var outside = map[string][]string{
	"github.com/alecthomas/participle/v2": {"parser"},
	"github.com/dave/jennifer":            {"codegen"},
	"github.com/dustin/go-humanize":       {"cmd/mspecc", "codegen"},
	"github.com/gofrs/flock":              {"cmd/mspecc", "runtime/runs"},
	"github.com/google/go-cmp":            {"test"},
	"github.com/mmcloughlin/avo":          {"kernels/gen/amd64", "kernels/gen/avx2", "kernels/gen/avx512", "kernels/gen/hand"},
	"github.com/parquet-go/parquet-go":    {"runtime/data/generic", "runtime/embed"},
	"github.com/andybalholm/brotli":       {"runtime/data/generic"},
	"github.com/klauspost/compress":       {"runtime/data/generic", "runtime/data/picture", "runtime/data/unpack"},
	"github.com/pierrec/lz4/v4":           {"runtime/data/generic", "runtime/data/unpack"},
	"github.com/prometheus/client_golang": {"runtime/serve"},
	"github.com/rogpeppe/go-internal":     {"test"},
	"github.com/schollz/progressbar/v3":   {"runtime/cli"},
	"github.com/ulikunitz/xz":             {"runtime/data/unpack"},
	"github.com/spf13/cobra":              {"cmd/mspecc", "runtime/cli"},
	"golang.org/x/image":                  {"runtime/data/picture"},
	"golang.org/x/sync":                   {"codegen", "kernels/gen/amd64", "runtime/serve"},
	"golang.org/x/sys":                    {"runtime", "test"},
	"golang.org/x/term":                   {"cmd/mspecc", "runtime/cli"},
	"golang.org/x/text":                   {"runtime/data/wordpiece"},
	"google.golang.org/protobuf":          {"codegen/onnx", "runtime/data/tfrecord", "runtime/onnx", "runtime/tensorboard"},
	"gonum.org/v1/plot":                   {"runtime/report"},
	"pgregory.net/rapid":                  {"test"},
}

func matches(pattern, pkg string) bool {
	prefix, below := strings.CutSuffix(pattern, "...")
	return pkg == pattern || below && strings.HasPrefix(pkg+"/", prefix)
}

func allowed(pkg, imported string) bool {
	for _, l := range layers {
		if matches(l.pkg, pkg) {
			return slices.ContainsFunc(l.from, func(p string) bool { return matches(p, imported) })
		}
	}
	return false
}

// owner is the module of an import path from outside, "" where none is known.
func owner(imported string) string {
	for m := range outside {
		if matches(m+"/...", imported) {
			return m
		}
	}
	return ""
}

// files calls f for every Go file of the project.
func files(t *testing.T, mode parser.Mode, f func(file string, tree *ast.File)) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		tree, err := parser.ParseFile(token.NewFileSet(), name, nil, mode)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		f(filepath.ToSlash(rel), tree)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// imports calls f for every import of every Go file of the project.
func imports(t *testing.T, f func(file, pkg, imported string)) {
	t.Helper()
	files(t, parser.ImportsOnly, func(file string, tree *ast.File) {
		for _, spec := range tree.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			f(file, strings.TrimPrefix(path.Dir(file), "."), imported)
		}
	})
}

func TestLayers(t *testing.T) {
	imports(t, func(file, pkg, imported string) {
		test := strings.HasSuffix(file, "_test.go")
		if imported == module.Path || strings.HasPrefix(imported, module.Path+"/") {
			of := strings.TrimPrefix(strings.TrimPrefix(imported, module.Path), "/")
			if !test && !allowed(pkg, of) {
				t.Errorf("%s imports %s: package %q must not depend on it; see the table in internal/deps", file, imported, pkg)
			}
			return
		}
		if !strings.Contains(strings.Split(imported, "/")[0], ".") {
			return // standard library
		}
		m := owner(imported)
		if m == "" {
			t.Errorf("%s imports %s: a new dependency; give its reason in docs/dependencies.md and add it to internal/deps", file, imported)
		} else if !slices.Contains(outside[m], pkg) && !(test && slices.Contains(outside[m], "test")) {
			t.Errorf("%s imports %s, which only %v may", file, imported, outside[m])
		}
	})
}

// pathSpelt finds the module's path where it stands for more than the name of the program.
var pathSpelt = regexp.MustCompile(`(^|[^\w./-])` + regexp.QuoteMeta(module.Path) + `(/$|/"|/(runtime|codegen|kernels|ir|parser|spec|cmd|internal|go\.(mod|sum))\b)` +
	`|\b(module|require|replace) ` + regexp.QuoteMeta(module.Path) + `\b`)

// One constant names the module's path; import declarations aside, no text of a program spells it again.
func TestModulePath(t *testing.T) {
	for text, spelt := range map[string]bool{
		"PATH/runtime": true, "\t\"PATH/runtime/cli\"\n": true, "module PATH\n": true, "PATH/": true, "PATH/go.mod": true,
		"./cmd/PATH": false, "PATH: wrote %s": false, "../cmd/PATH/testdata/line.mspec": false, "PATH/features in the user's cache": false,
	} {
		text = strings.ReplaceAll(text, "PATH", module.Path)
		if pathSpelt.MatchString(text) != spelt {
			t.Errorf("%q: expected %v", text, spelt)
		}
	}
	files(t, parser.SkipObjectResolution, func(file string, tree *ast.File) {
		if strings.HasPrefix(file, "internal/module/") {
			return
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if _, ok := n.(*ast.ImportSpec); ok {
				return false
			}
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				text, err := strconv.Unquote(l.Value)
				if err != nil {
					t.Fatal(err)
				}
				if spelt := pathSpelt.FindString(text); spelt != "" {
					t.Errorf("%s spells the module's path in a text, %q: take it from internal/module", file, spelt)
				}
			}
			return true
		})
	})
}
