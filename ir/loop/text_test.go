package loop_test

import (
	"strings"
	"testing"

	"mspecc/ir/loop"
)

const doubling = `kernel double lanes 16
operands "x" "y"
counts "rows"
// y = 2 x for rows of 21
p0 = base 0
p1 = base 1
n0 = count 0
loop row down n0 step 1 {
	# one whole vector, five elements more
	v0 = load [p0]
	v0 = mul v0, 2
	store v0, [p1]
	v0 = load [p0 + 16] lanes 5
	v0 = mul v0, 2
	store v0, [p1 + 16] lanes 5
	p0 = move p0 + 21
	p1 = move p1 + 21
}
`

func TestText(t *testing.T) {
	k, err := loop.Parse(doubling)
	if err != nil {
		t.Fatal(err)
	}
	if got := k.String(); got != doubling {
		t.Errorf("printed:\n%s", got)
	}
	mem := make([]float32, 84)
	for i := range mem[:42] {
		mem[i] = float32(i)
	}
	if err := loop.Interpret(k, mem, []int{0, 42}, []int{2}); err != nil {
		t.Fatal(err)
	}
	for i, x := range mem[42:] {
		if x != float32(2*i) {
			t.Fatalf("y[%d] = %g", i, x)
		}
	}
	if err := loop.Interpret(k, mem, []int{0, 43}, []int{2}); err == nil {
		t.Error("a store outside the memory is no error")
	}
	if p := loop.Pressure(k); p != (loop.Registers{Vec: 1, Ptr: 2, Counter: 1}) {
		t.Errorf("pressure %+v", p)
	}
}

func TestTextErrors(t *testing.T) {
	tests := []struct{ old, new, want string }{
		{"v0 = mul v0, 2", "v0 = mul v9, 2", "v9 is not set"},
		{"v0 = mul v0, 2", "v0 = mul v0", "mul has 1 arguments instead of 2"},
		{"v0 = mul v0, 2", "v0 = mult v0, 2", "unknown instruction mult"},
		{"v0 = mul v0, 2", "v0 = mul v0, two", "line 11: \"two\" is neither a register nor a number"},
		{"load [p0]", "load [p0", "the line ends too early"},
		{"lanes 5", "lanes 16", "16 of 16 lanes"},
		{"v0 = mul v0, 2", "v0 = fmalane v0, v0, v0 lane 16", "fmalane: lane 16 of 16"},
		{"v0 = mul v0, 2", "v0 = mul v0, 2 lane 1", "mul: lane 1 of 16"},
		{"base 1", "base 2", "base of operand 2; there are 2"},
		{"step 1 {", "step 0 {", "loop row: limit 0, step 0"},
		{"}\n", "", "1 blocks are not closed"},
	}
	for _, c := range tests {
		_, err := loop.Parse(strings.Replace(doubling, c.old, c.new, 1))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q: error %v, want %q", c.new, c.old, err, c.want)
		}
	}
}
