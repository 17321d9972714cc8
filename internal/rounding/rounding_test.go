// Package rounding holds that what reaches weights, losses and data is rounded in one way only. Go may fuse a
// product with a sum, and does on arm64, on amd64 with GOAMD64=v3 and elsewhere, unless a conversion says
// float64(x*y) + z; and the functions of package math are written differently for different processors.
package rounding

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// shown are files and folders of the run-time library whose numbers are looked at and go nowhere else.
var shown = []string{
	"runtime/cli/",            // progress, profiles and pictures
	"runtime/overview/",       // pages of runs
	"runtime/report/",         // curves and pictures
	"runtime/tensorboard/",    // summaries
	"runtime/probe.go",        // how fast this machine is
	"runtime/memory_linux.go", // how much memory is free
	"runtime/internal/tiny/",  // a program for tests
}

func isShown(file string) bool {
	return slices.ContainsFunc(shown, func(s string) bool { return strings.HasPrefix(file, s) })
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

var (
	fused    = regexp.MustCompile(`\sFN?M(ADD|SUB)[SD]\s`)
	position = regexp.MustCompile(`\(([^()\s]+\.go):(\d+)\)`)
)

// fusions compiles packages for arm64 and gives the places where a product is fused with a sum.
func fusions(t *testing.T, dir string, packages ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"build", "-gcflags=-S"}, packages...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOARCH=arm64", "GOOS=linux", "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out[max(0, len(out)-2000):])
	}
	var places []string
	for line := range strings.Lines(string(out)) {
		if !fused.MatchString(line) {
			continue
		}
		m := position.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("no place in the compiler's line %s", line)
		}
		if place := m[1] + ":" + m[2]; !slices.Contains(places, place) {
			places = append(places, place)
		}
	}
	return places
}

// TestArm64 reads the code that the compiler makes of the run-time library for arm64.
func TestArm64(t *testing.T) {
	dir := root(t)
	for _, place := range fusions(t, dir, "./runtime/...") {
		file, err := filepath.Rel(dir, strings.SplitN(place, ":", 2)[0])
		if err != nil {
			t.Fatal(err)
		}
		if !isShown(filepath.ToSlash(file)) {
			t.Errorf("%s: a product is fused with a sum on arm64; write float64(x*y) + z, or float32(x*y) + z, so that all processors round alike", place)
		}
	}
}

// TestFusionIsSeen: the check finds what it looks for.
func TestFusionIsSeen(t *testing.T) {
	dir := t.TempDir()
	source := "package p\n\nfunc Fused(x, y, z float64) float64 { return x*y + z }\n\nfunc Across(x, y, z float32) float32 {\n\tp := x * y\n\tz -= p\n\treturn z\n}\n\nfunc Rounded(x, y, z float64) float64 { return float64(x*y) + z }\n"
	for name, text := range map[string]string{"go.mod": "module p\n\ngo 1.26\n", "p.go": source} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var lines []string
	for _, place := range fusions(t, dir, ".") {
		lines = append(lines, place[strings.LastIndex(place, ":")+1:])
	}
	if got := fmt.Sprint(lines); got != "[3 7]" {
		t.Errorf("fusions are found in lines %s, they are in 3 and 7", got)
	}
}

// transcendental are the functions of package math with other bits on other processors.
var transcendental = []string{"Acos", "Acosh", "Asin", "Asinh", "Atan", "Atan2", "Atanh", "Cbrt", "Cos", "Cosh", "Erf", "Erfc", "Erfinv", "Exp", "Exp2",
	"Expm1", "Gamma", "Hypot", "J0", "Lgamma", "Log", "Log10", "Log1p", "Log2", "Pow", "Sin", "Sincos", "Sinh", "Tan", "Tanh", "Y0"}

// TestFunctions: the run-time library takes exponentials and the like from package rounded.
func TestFunctions(t *testing.T) {
	dir := root(t)
	err := filepath.WalkDir(filepath.Join(dir, "runtime"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil || isShown(filepath.ToSlash(rel)) || filepath.ToSlash(rel) == "runtime/rounded/rounded.go" {
			return err
		}
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "math" && slices.Contains(transcendental, s.Sel.Name) {
					t.Errorf("%s: math.%s has other bits on other processors; take it from package rounded", set.Position(s.Pos()), s.Sel.Name)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
