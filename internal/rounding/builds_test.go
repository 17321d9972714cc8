package rounding

import (
	"bytes"
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/cpu"

	"mspecc/codegen"
	"mspecc/ir/elab"
	"mspecc/kernels/gen"
	"mspecc/spec"
)

//go:embed testdata/main.go.txt
var mainSource []byte

// module compiles a small second-order model with portable kernels and writes it to a folder.
func module(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	example := filepath.ToSlash(filepath.Join(root(t), "examples", "metamae.mspec"))
	file := filepath.Join(dir, "small.mspec")
	text := "import \"" + example + "\"\n\nmodality small = series(channels: 3, samples: 24, patch: 4)\n\ntrain {\n    optimizer adamw(lr: 1e-3, weight_decay: 0.01)\n    clip 1.0\n}\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	m, diags := elab.Load(file, elab.Options{Set: []string{"batch=4", "enc_width=16", "enc_layers=1", "enc_heads=2", "dec_width=8", "dec_layers=1", "dec_heads=2"}})
	if m == nil {
		var s strings.Builder
		spec.Render(&s, diags, nil)
		t.Fatal(s.String())
	}
	portable, err := gen.Select("portable", "")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := codegen.Compile(m, codegen.Options{Targets: portable})
	if err != nil {
		t.Fatal(err)
	}
	files, err := mod.Files()
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "module")
	for name, data := range files {
		write(t, filepath.Join(out, name), data)
	}
	write(t, filepath.Join(out, "main.go"), mainSource)
	return out
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(name), 0o755)
	if err == nil {
		err = os.WriteFile(name, data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestGeneratedCode: a trainer's portable kernels give the same bits whatever GOAMD64 is, and the compiler fuses
// nothing in them for arm64.
func TestGeneratedCode(t *testing.T) {
	dir := module(t)
	for _, place := range fusions(t, dir, "./portable") {
		t.Errorf("%s: a product is fused with a sum on arm64", strings.TrimPrefix(place, dir))
	}
	if runtime.GOARCH != "amd64" || !cpu.X86.HasAVX2 || !cpu.X86.HasFMA || !cpu.X86.HasBMI2 {
		t.Skip("this CPU cannot run what is built with GOAMD64=v3")
	}
	var first []byte
	for _, level := range []string{"v1", "v3"} {
		bin := filepath.Join(dir, level)
		env := append(os.Environ(), "GOAMD64="+level, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
		for _, args := range [][]string{{"go", "build", "-o", bin, "."}, {bin}} {
			cmd := exec.Command(args[0], args[1:]...)
			cmd.Dir, cmd.Env = dir, env
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("GOAMD64=%s: %v: %v\n%s", level, cmd, err, out)
			}
			if args[0] != bin {
				continue
			}
			t.Logf("GOAMD64=%s: %s", level, out)
			if first == nil {
				first = out
			}
			if !bytes.Equal(out, first) {
				t.Errorf("GOAMD64=%s gives the bits %s, v1 %s", level, out, first)
			}
		}
	}
}
