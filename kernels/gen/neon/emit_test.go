package neon

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"mspecc/internal/module"
	"mspecc/ir/loop"
	"mspecc/kernels"
	"mspecc/kernels/gen/gentest"
	"mspecc/kernels/gen/portable"
)

func emit(t *testing.T, kernels ...*loop.Kernel) (asm, stubs string) {
	t.Helper()
	asm, stubs, err := Emit(kernels, "model")
	if err != nil {
		t.Fatal(err)
	}
	return asm, stubs
}

func TestGolden(t *testing.T) {
	asm, stubs := emit(t, gentest.Lower(t, "rowScale", gentest.RowScale(7), Machine))
	gentest.Golden(t, "rowscale.s.golden", asm)
	gentest.Golden(t, "rowscale.go.golden", stubs)
	if again, _ := emit(t, gentest.Lower(t, "rowScale", gentest.RowScale(7), Machine)); again != asm {
		t.Error("the same kernel printed differently")
	}
}

func TestErrors(t *testing.T) {
	k := gentest.Lower(t, "rowScale", gentest.RowScale(7), portable.Machine)
	if _, _, err := Emit([]*loop.Kernel{k}, "model"); err == nil || !strings.Contains(err.Error(), "kernel rowScale: it was lowered for 1 lanes, NEON has 4") {
		t.Errorf("error %v", err)
	}
	k = gentest.Lower(t, "rowScale", gentest.RowScale(7), Machine)
	if _, _, err := Emit([]*loop.Kernel{k, k}, "model"); err == nil || !strings.Contains(err.Error(), "two kernels are named rowScale") {
		t.Errorf("error %v", err)
	}
	var text strings.Builder
	text.WriteString("kernel wide lanes 4\noperands \"x\"\ncounts\np0 = base 0\n")
	for i := range firstTemp + 1 {
		text.WriteString("v" + strconv.Itoa(i) + " = load [p0]\n")
	}
	k, err := loop.Parse(text.String())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Emit([]*loop.Kernel{k}, "model"); err == nil || !strings.Contains(err.Error(), "kernel wide: it takes 30 vector registers, NEON has 29 for it") {
		t.Errorf("error %v", err)
	}
}

// TestSpills: pointers that have no register live in the stack frame, on which the assembler and
// vet agree.
func TestSpills(t *testing.T) {
	var text strings.Builder
	text.WriteString("kernel many lanes 4\noperands \"x\"\ncounts \"n\"\nn0 = count 0\np0 = base 0\n")
	for i := range 30 {
		text.WriteString("p" + strconv.Itoa(i+1) + " = move p" + strconv.Itoa(i) + " + 5\n")
	}
	text.WriteString("loop row down n0 step 1 {\n")
	for i := range 30 {
		text.WriteString("v0 = load [p" + strconv.Itoa(i+1) + "] lanes 3\nstore v0, [p" + strconv.Itoa(i) + " + 1] lanes 3\np" + strconv.Itoa(i) + " = move p" + strconv.Itoa(i) + " + 7000\n")
	}
	k, err := loop.Parse(text.String() + "}\n")
	if err != nil {
		t.Fatal(err)
	}
	asm, stubs := emit(t, k)
	if n := strings.Count(asm, "(SP)"); n < 30 || !strings.Contains(asm, "$88-8") {
		t.Errorf("%d uses of the stack frame:\n%s", n, asm)
	}
	vet(t, asm, stubs)
}

// vet assembles a package and lets go vet compare it with its declarations.
func vet(t *testing.T, asm, stubs string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module " + module.Path + "\n\ngo 1.26\n", "runtime/args.go": "package runtime\n\ntype Args struct{}\n",
		"model/k_arm64.s": asm, "model/k_arm64.go": stubs,
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, goos := range []string{"linux", "darwin"} {
		for _, command := range []string{"vet", "build"} {
			cmd := exec.Command("go", command, "./model")
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0", "GOARCH=arm64", "GOOS="+goos)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("go %s for %s: %v\n%s", command, goos, err, out)
			}
		}
	}
}

// TestTile: of the inner loops of matrix products at least 85 of 100 instructions are products of
// registers, and the kernels touch no stack.
func TestTile(t *testing.T) {
	for name, m := range map[string]*kernels.MatMul{
		"rows":    {N: 256, Ms: []int{250}, Ks: []int{256}, AM: 256, AK: 1, BK: 256, CM: 256},
		"columns": {N: 192, Ms: []int{256}, Ks: []int{250}, AM: 1, AK: 256, BK: 192, CM: 192},
	} {
		asm, _ := emit(t, gentest.Lower(t, "matmul", m, Machine))
		_, body, _ := strings.Cut(asm, "k_loop:\n")
		body, _, _ = strings.Cut(body, "k_loop_end:")
		lines := strings.Split(strings.TrimSpace(body), "\n")
		products := strings.Count(body, "// fmla")
		t.Logf("%s: %d of %d instructions are products", name, products, len(lines))
		if 100*products < 85*len(lines) {
			t.Errorf("%s: %d of %d instructions are products:\n%s", name, products, len(lines), body)
		}
		if strings.Contains(asm, "(SP)") {
			t.Errorf("%s: the kernel spills", name)
		}
	}
}
