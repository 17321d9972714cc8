package e2e

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"mspecc/internal/refcase"
	"mspecc/kernels/kerneltest"
)

// emulated skips a test where trainers run without an emulator: there the other tests say the same and more.
func emulated(t *testing.T) {
	t.Helper()
	if kerneltest.Arch() == runtime.GOARCH {
		t.Skip("no emulator is asked for (kernels/gen/neon/qemu.sh)")
	}
}

// TestNEON: the reference cases with the kernels for arm64 under an emulator, with the same bits on any
// number of threads.
func TestNEON(t *testing.T) {
	emulated(t)
	cases, err := refcase.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			if os.Getenv("MSPECC_SLOW") == "" && strings.HasSuffix(c.Name, "_full") {
				t.Skip("a case of full size takes long under an emulator: it runs where MSPECC_SLOW is set")
			}
			dir := t.TempDir()
			bin := buildCase(t, c, dir)
			in := writeInputs(t, c, dir)
			sameBits(t, "neon", func(env ...string) []byte { return runCase(t, c, c.F32(), bin, in, "neon", env...) }, threads("3"))
		})
	}
}

// TestNEONBF16: with operands of products in bf16, within the same bounds as on other targets.
func TestNEONBF16(t *testing.T) {
	emulated(t)
	c := loadCase(t, "series_small")
	dir := t.TempDir()
	runCase(t, c, c.BF16(), buildCase(t, c, dir, "precision=bf16"), writeInputs(t, c, dir), "neon", "MSPECC_CASE_THREADS=2")
}
