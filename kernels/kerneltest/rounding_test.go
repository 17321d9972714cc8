package kerneltest

import (
	"fmt"
	"testing"

	"mspecc/internal/module"
)

// TestUnrounded: what is rounded by a conversion is passed over, as are whole numbers and constants.
func TestUnrounded(t *testing.T) {
	found, err := Unrounded(`package kernels

import "` + module.Runtime + `"

func kernel(a *runtime.Args) {
	m, p, n := a.Mem, a.Off[0], a.N[0]
	x := m[2*p+n]*m[p] + m[n]
	y := float32(m[p]*m[n]) - m[n]
	z := float32(x / 2)
	z *= y
	w := (x * y)
	m[p*n] = float32((x * z)) + w + 0.5*3 + z/4
}
`)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%q", found); got != `["7: m[2*p+n]*m[p]" "10: z *= y" "11: x * y" "12: z/4"]` {
		t.Errorf("found %s", got)
	}
}
