package kernels_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"mspecc/ir/loop"
	"mspecc/kernels/kerneltest"
)

// specials are numbers at which an instruction may go wrong.
var specials = []float64{0, math.Copysign(0, -1), 1, -1, 2, 0.5, -0.75, 1.5, 2.5, 3.999999, -2.5, 8388609, -1e9, 3e9,
	math.Inf(1), math.Inf(-1), math.NaN(), 0x1p-126, -0x1.8p-126, 0x1.fffffcp-127, 0x1p-127, -0x1.23456p-130, 0x1p-149, -0x1.8p-148,
	math.MaxFloat32, -math.MaxFloat32, 0x1p127, 0x1.fffffep-1, 0x1.8p100, -0x1.7654p-100, 0x1.400010p-120, 1e-20, -7e25}

// exponents are whole numbers, as scale takes them.
var exponents = []float64{0, -28, 1, -1, 23, -24, 126, -126, 127, -127, 128, -128, -130, 149, -149, -150, 200, -200, 252, -252}

// operations are the instructions on lanes whose bits are the same everywhere, in text form with
// arguments x, y and z.
var operations = []string{
	"neg x", "abs x", "sqrt x", "floor x", "round x", "trunc x", "getexp x", "getmant x",
	"add x, y", "sub x, y", "mul x, y", "div x, y", "max x, y", "min x, y", "copysign x, y", "pair x, y",
	"fused x, y, z", "scale x, e",
	"sellt x, y, z, x", "selle x, y, z, x", "seleq x, y, z, x", "selne x, y, z, x",
}

// forms of an operation: with registers, with a result in the place of an argument, and with
// constants.
func variants(operation string) []string {
	list := []string{"v9 = " + operation, "x = " + operation + "\nv9 = mov x"}
	for _, constant := range []string{"0", "-0", "1.5", "-Inf", "NaN"} {
		for _, arg := range []string{"x", "y", "z"} {
			op, args, _ := strings.Cut(operation, " ")
			if c := strings.Replace(args, arg, constant, 1); c != args && op != "pair" {
				list = append(list, "v9 = "+op+" "+c)
			}
		}
	}
	if strings.Contains(operation, "y") {
		list = append(list, "y = "+operation+"\nv9 = mov y")
	}
	if op, _, _ := strings.Cut(operation, " "); strings.HasPrefix(op, "sel") {
		for _, ends := range []string{"0, 1", "1, 0", "2, 3", "-0, x", "z, -0", "0, z"} {
			list = append(list, "v9 = "+op+" x, y, "+ends, "v9 = "+op+" 0, x, "+ends, "v9 = "+op+" x, NaN, "+ends)
		}
	}
	return list
}

// TestInstructions: every instruction on lanes gives the bits that the interpreter says, for all
// special numbers and with constants, on every target.
func TestInstructions(t *testing.T) {
	names := strings.NewReplacer("x", "v0", "y", "v1", "z", "v2", "e", "v3")
	var bodies []string
	for _, o := range operations {
		for _, v := range variants(o) {
			var lines []string
			for _, line := range strings.Split(v, "\n") { // the name of an operation stays as it is
				d, rest, _ := strings.Cut(line, " = ")
				op, args, _ := strings.Cut(rest, " ")
				lines = append(lines, names.Replace(d)+" = "+op+" "+names.Replace(args))
			}
			bodies = append(bodies, strings.Join(lines, "\n"))
		}
	}
	byTarget := map[string][]*loop.Kernel{}
	for _, m := range machines() {
		for i, b := range bodies {
			text := fmt.Sprintf("kernel k%d%s lanes %d\noperands \"x\" \"y\" \"z\" \"e\" \"out\"\ncounts \"vectors\"\n", i, m.Name, m.Lanes)
			for p := range 5 {
				text += fmt.Sprintf("p%d = base %d\n", p, p)
			}
			text += "n0 = count 0\nloop vector down n0 step 1 {\n"
			for p := range 4 {
				text += fmt.Sprintf("v%d = load [p%d]\n", p, p)
			}
			text += b + "\nstore v9, [p4]\n"
			for p := range 5 {
				text += fmt.Sprintf("p%d = move p%d + %d\n", p, p, m.Lanes)
			}
			k, err := loop.Parse(text + "}\n")
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			byTarget[m.Name] = append(byTarget[m.Name], k)
		}
	}
	files, run := printed(t, byTarget)
	var called []string
	for _, m := range run {
		for i := range bodies {
			called = append(called, byTarget[m][i].Name)
		}
	}
	program := kerneltest.Build(t, files, called)
	mem, off, n := specialArena()
	for i, b := range bodies {
		want := append([]float32(nil), mem...)
		if err := loop.Interpret(byTarget["portable"][i], want, off, []int{n}); err != nil {
			t.Fatal(err)
		}
		for _, m := range run {
			lanes := byTarget[m][i].Lanes
			got := append([]float32(nil), mem...)
			program.Run(byTarget[m][i].Name, got, off, []int{n / lanes})
			for j := off[4]; j < len(got); j++ {
				if !sameBits(got[j], want[j]) {
					at := j - off[4]
					t.Errorf("%s: %s, for x = %g, y = %g, z = %g, e = %g: %g (%08x), want %g (%08x)", m, b, mem[at], mem[off[1]+at], mem[off[2]+at],
						mem[off[3]+at], got[j], math.Float32bits(got[j]), want[j], math.Float32bits(want[j]))
					break
				}
			}
		}
	}
}

// specialArena has all pairs of special numbers as x and y, and others beside them; n elements of
// each.
func specialArena() (mem []float32, off []int, n int) {
	count := len(specials)
	n = (count*count + 15) / 16 * 16
	value := func(operand, i int) float64 {
		switch operand {
		case 0:
			return specials[i%count]
		case 1:
			return specials[i/count%count]
		case 2:
			return specials[(i*7+i/count)%count]
		}
		return exponents[i/count%len(exponents)]
	}
	for operand := range 5 {
		off = append(off, operand*n)
		for i := range n {
			if operand == 4 {
				mem = append(mem, 0)
			} else {
				mem = append(mem, float32(value(operand, i)))
			}
		}
	}
	return mem, off, n
}
