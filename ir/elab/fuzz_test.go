package elab

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"mspecc/internal/fuzzing"
	"mspecc/spec"
)

// Any text is elaborated or refused with diagnostics, within bounds of time and memory.
func FuzzLoad(f *testing.F) {
	archives, err := filepath.Glob("testdata/err/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range archives {
		if strings.HasPrefix(filepath.Base(file), "limit_") {
			continue // up to the limits of a program it takes seconds, and Go's fuzzer takes ten for a hang
		}
		ar, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(ar.Files[0].Data)
	}
	maml, err := os.ReadFile("../../examples/maml.mspec")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(maml)
	fuzzing.Bound(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 1<<14 {
			return
		}
		file := filepath.Join(t.TempDir(), "main.mspec")
		if err := os.WriteFile(file, src, 0o644); err != nil {
			t.Fatal(err)
		}
		m, diags := Load(file, Options{})
		if m == nil && !spec.HasErrors(diags) {
			t.Fatal("neither a model nor errors")
		}
		spec.Render(&bytes.Buffer{}, diags, nil)
	})
}
