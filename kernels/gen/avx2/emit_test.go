package avx2_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"mspecc/ir/loop"
	"mspecc/kernels"
	"mspecc/kernels/gen/avx2"
	"mspecc/kernels/gen/avx512"
	"mspecc/kernels/gen/gentest"
	"mspecc/kernels/gen/portable"
)

func TestGolden(t *testing.T) {
	asm, stubs, err := avx2.Emit([]*loop.Kernel{gentest.Lower(t, "rowScale", gentest.RowScale(13), avx2.Machine)}, "model")
	if err != nil {
		t.Fatal(err)
	}
	gentest.Golden(t, "rowscale.s.golden", asm)
	gentest.Golden(t, "rowscale.go.golden", stubs)
}

// TestTile: the inner loop of a 6 x 16 tile, unrolled four times, is 48 register products and touches
// no stack.
func TestTile(t *testing.T) {
	m := &kernels.MatMul{N: 256, Ms: []int{252}, Ks: []int{256}, AM: 256, AK: 1, BK: 256, CM: 256}
	k := gentest.Lower(t, "matmul", m, avx2.Machine)
	asm, _, err := avx2.Emit([]*loop.Kernel{k}, "model")
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(asm, "k_loop:")
	body, _, _ = strings.Cut(body, "k_loop_end:")
	if n := len(regexp.MustCompile(`VFMADD231PS +Y\d+, Y\d+, Y\d+\n`).FindAllString(body, -1)); n != 48 {
		t.Errorf("%d products in the inner loop:\n%s", n, body)
	}
	if strings.Contains(asm, "(SP)") {
		t.Error("the kernel spills")
	}
	again, _, err := avx2.Emit([]*loop.Kernel{k}, "model")
	if err != nil || again != asm {
		t.Errorf("the same kernel printed differently: %v", err)
	}
}

func TestErrors(t *testing.T) {
	k := gentest.Lower(t, "rowScale", gentest.RowScale(13), portable.Machine)
	if _, _, err := avx2.Emit([]*loop.Kernel{k}, "model"); err == nil || !strings.Contains(err.Error(), "kernel rowScale: it was lowered for 1 lanes, AVX2 has 8") {
		t.Errorf("error %v", err)
	}
	const lines = "kernel wide lanes 8\noperands \"x\"\ncounts\np0 = base 0\n"
	var text strings.Builder
	text.WriteString(lines)
	for i := range 16 {
		text.WriteString("v" + strconv.Itoa(i) + " = load [p0]\n")
	}
	for i := range 16 {
		text.WriteString("store v" + strconv.Itoa(i) + ", [p0]\nv0 = getexp v0\n")
	}
	k, err := loop.Parse(text.String())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := avx2.Emit([]*loop.Kernel{k}, "model"); err == nil || !strings.Contains(err.Error(), "kernel wide: VANDPS takes a register more than the 16 of AVX2") {
		t.Errorf("a kernel of 16 live vectors and temporary ones: error %v", err)
	}
}

// instructions is a kernel with every instruction, and loads and stores of every number of lanes.
const instructions = `kernel instructions lanes 8
operands "x" "y"
counts "rows"
p0 = base 0
p1 = base 1
n0 = count 0
loop row down n0 step 1 {
	v0 = bcast [p0]
	v1 = bcast i32 [p0 + 4]
	v2 = iota v0
	v3 = getexp v0
	v3 = getmant v3
	v3 = scale v3, v1
	v3 = copysign v3, v1
	v3 = copysign v3, 2
	v3 = neg v3
	v3 = abs v3
	v3 = sqrt v3
	v3 = floor v3
	v3 = round v3
	v3 = trunc v3
	v3 = min v3, v1
	v3 = max 3, v1
	v3 = div v3, v0
	v3 = fma v3, v0, v1
	v3 = fnma v3, 2, v1
	v3 = fms v3, v0, 4
	v3 = sellt v3, v0, v1, v2
	v3 = selle v3, v0, 1, v2
	v3 = seleq v3, v0, v1, 2
	v3 = selne 1, v0, 1, 2
	v3 = dot v3, v0, v1
	v3 = pair v3, v0
	v4 = hsum v3
	v5 = hmax v3
	v3 = tail v3, 5 lanes 3
	v6 = load [p0] stride 3
	v7 = load i32 [p0] stride 3 lanes 5
	transpose v0, v1, v2, v3, v4, v5, v6, v7
	store v0, [p1] stride 2
	store v1, i32 [p1] stride 2 lanes 5
	prefetch [p0 + 64]
	LANES
}
`

// TestOnlyAVX2: no instruction of AVX-512 is printed, nor made by Go's assembler of what is printed, for
// every instruction of the IR and for a kernel of each family.
func TestOnlyAVX2(t *testing.T) {
	var lanes strings.Builder
	for _, n := range []string{"", " lanes 1", " lanes 2", " lanes 3", " lanes 4", " lanes 5", " lanes 6", " lanes 7"} {
		for _, kind := range []string{"", "i32 ", "bf16 "} {
			lanes.WriteString("v0 = load " + kind + "[p0 + 8]" + n + "\nstore v0, " + kind + "[p1 + 8]" + n + "\n")
		}
	}
	k, err := loop.Parse(strings.Replace(instructions, "LANES", lanes.String(), 1))
	if err != nil {
		t.Fatal(err)
	}
	matmul := kernels.MatMul{N: 37, AM: 64, AK: 1, BK: 37, CM: 37}
	pairs := matmul
	pairs.Pairs = true
	asm, _, err := avx2.Emit([]*loop.Kernel{k, gentest.Lower(t, "rowScale", gentest.RowScale(13), avx2.Machine), gentest.Lower(t, "matmul", &matmul, avx2.Machine),
		gentest.Lower(t, "pairs", &pairs, avx2.Machine), gentest.Lower(t, "transpose", &kernels.Transpose{R: 13, C: 11, In: 11, Out: 13}, avx2.Machine),
		gentest.Lower(t, "interleave", &kernels.Interleave{Width: 7, In: 7, Out: 14}, avx2.Machine)}, "model")
	if err != nil {
		t.Fatal(err)
	}
	if m := regexp.MustCompile(`(?m)^.*(\bZ\d|\bK[0-7]\b|\b[XY](1[6-9]|[23]\d)\b|AVX512|_BCST|\.Z\b).*$`).FindAllString(asm, 5); m != nil {
		t.Errorf("AVX-512 is printed:\n%s", strings.Join(m, "\n"))
	}
	if n, of := encodedEVEX(t, asm); n > 0 || of < 400 {
		t.Errorf("%d of %d instructions have the prefix of AVX-512", n, of)
	}
	wide, _, err := avx512.Emit([]*loop.Kernel{gentest.Lower(t, "rowScale", gentest.RowScale(13), avx512.Machine)}, "model")
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := encodedEVEX(t, wide); n == 0 {
		t.Error("no instruction of an AVX-512 kernel has its prefix: the scan does not see it")
	}
}

// encodedEVEX assembles text and counts the instructions that begin with 0x62, the prefix that only
// AVX-512 has.
func encodedEVEX(t *testing.T, asm string) (evex, all int) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "k.s")
	if err := os.WriteFile(file, []byte(asm), 0o644); err != nil {
		t.Fatal(err)
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	include := filepath.Join(strings.TrimSpace(string(root)), "pkg", "include")
	cmd := exec.Command("go", "tool", "asm", "-S", "-p", "model", "-I", include, "-o", filepath.Join(dir, "k.o"), file)
	cmd.Env = append(os.Environ(), "GOARCH=amd64")
	listing, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go tool asm: %v\n%s", err, listing)
	}
	at := regexp.MustCompile(`^\t0x([0-9a-f]+) \d+ \(.*\)\t(\S+)`)
	dump := regexp.MustCompile(`^\t0x([0-9a-f]+)((?: [0-9a-f]{2})+)  `)
	starts, code := map[int]bool{}, map[int]byte{}
	count := func() {
		for i := range starts {
			if all++; code[i] == 0x62 {
				evex++
			}
		}
		clear(starts)
		clear(code)
	}
	for _, line := range strings.Split(string(listing), "\n") {
		if m := at.FindStringSubmatch(line); m != nil && m[2] != "TEXT" && m[2] != "PCDATA" && m[2] != "FUNCDATA" {
			starts[number(t, m[1])] = true
		} else if m := dump.FindStringSubmatch(line); m != nil {
			for i, b := range strings.Fields(m[2]) {
				code[number(t, m[1])+i] = byte(number(t, b))
			}
		} else if !strings.HasPrefix(line, "\t") { // the next symbol
			count()
		}
	}
	count()
	return evex, all
}

func number(t *testing.T, hex string) int {
	t.Helper()
	n, err := strconv.ParseInt(hex, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}
