package neon

import (
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mspecc/kernels/gen/gentest"
)

// encoded has every instruction of the table with registers and lanes in which each bit is 0 and 1.
func encoded() (words []uint32, lines []string) {
	for _, name := range slices.Sorted(maps.Keys(encodings)) {
		for i, r := range [][3]int{{0, 1, 2}, {31, 0, 16}, {10, 21, 9}, {1, 30, 15}} {
			d, n, m, lane := r[0], r[1], r[2], i
			switch encodings[name].form {
			case two, zero, widen:
				m = 0
			}
			if encodings[name].form != element {
				lane = 0
			}
			word, text := encode(name, d, n, m, lane)
			words, lines = append(words, word), append(lines, text)
		}
	}
	return words, lines
}

func TestEncodings(t *testing.T) {
	words, lines := encoded()
	var b strings.Builder
	for i, w := range words {
		fmt.Fprintf(&b, "%08x %s\n", w, lines[i])
	}
	gentest.Golden(t, "encodings.golden", b.String())
}

// TestAssembler: GNU as has the same words for the texts.
func TestAssembler(t *testing.T) {
	as, err := exec.LookPath("aarch64-linux-gnu-as")
	if err != nil {
		t.Skip("no aarch64-linux-gnu-as (Debian: binutils-aarch64-linux-gnu): encodings are compared with the golden file only")
	}
	words, lines := encoded()
	got := assemble(t, as, strings.Join(lines, "\n")+"\n")
	if len(got) != len(words) {
		t.Fatalf("%d words for %d instructions", len(got), len(words))
	}
	for i, w := range words {
		if got[i] != w {
			t.Errorf("%s is %08x, GNU as says %08x", lines[i], w, got[i])
		}
	}
}

func assemble(t *testing.T, as, source string) []uint32 {
	t.Helper()
	dir := t.TempDir()
	run := func(name string, args ...string) {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "k.s"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	run(as, "-o", "k.o", "k.s")
	run(strings.TrimSuffix(as, "as")+"objcopy", "-O", "binary", "-j", ".text", "k.o", "k.bin")
	code, err := os.ReadFile(filepath.Join(dir, "k.bin"))
	if err != nil {
		t.Fatal(err)
	}
	words := make([]uint32, len(code)/4)
	for i := range words {
		words[i] = binary.LittleEndian.Uint32(code[4*i:])
	}
	return words
}
