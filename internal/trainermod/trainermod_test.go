package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mspecc/codegen"
	"mspecc/internal/module"
	"mspecc/ir/elab"
	"mspecc/kernels/gen"
	"mspecc/spec"
)

// Regenerating them changes nothing, whatever the compiler's own go.mod says by now.
func TestFiles(t *testing.T) {
	files, err := generate(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 6 {
		t.Errorf("%d files were generated", len(files))
	}
	for name, want := range files {
		if got, err := os.ReadFile(name); err != nil || string(got) != string(want) {
			t.Errorf("%s is not what `go generate .` at the root writes (%v)", name, err)
		}
	}
}

// `go mod tidy` has nothing to do in an emitted module, nor in the run-time library that comes with it.
func TestEmittedModulesAreTidy(t *testing.T) {
	m, diags := elab.Load(filepath.Join("..", "..", "docs", "linear.mspec"), elab.Options{})
	if spec.HasErrors(diags) {
		t.Fatal(diags)
	}
	targets, err := gen.Select("portable", "")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := codegen.Compile(m, codegen.Options{Targets: targets})
	if err != nil {
		t.Fatal(err)
	}
	for _, library := range []bool{false, true} {
		mod.Library = library
		files, err := mod.Files()
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := codegen.WriteTree(dir, files, ""); err != nil {
			t.Fatal(err)
		}
		for _, folder := range []string{".", module.Folder} {
			if out, err := goCommand(filepath.Join(dir, folder), "mod", "tidy", "-diff"); err != nil {
				t.Errorf("library %v, %s: %v\n%s", library, folder, err, out)
			}
		}
	}
	for _, name := range []string{"participle", "jennifer", "avo", "rapid", "go-internal", "go-cmp"} {
		for _, file := range []string{"runtime.mod", "program.mod", "library.mod"} {
			text, err := os.ReadFile(file)
			if err != nil || strings.Contains(string(text), "/"+name+" ") || strings.Contains(string(text), "/"+name+"/v") {
				t.Errorf("%s requires %s, which is the compiler's (%v)", file, name, err)
			}
		}
	}
}
