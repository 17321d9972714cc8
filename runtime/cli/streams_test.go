package cli

import (
	"fmt"
	"math"
	"testing"

	"mspecc/runtime"
)

// Two streams of tokens in one sequence: two patches of one value, then one token of three.
func TestReconstructionOfStreams(t *testing.T) {
	tensor := func(name string, off int, shape ...int) runtime.Tensor {
		return runtime.Tensor{Name: name, Shape: shape, Offset: off}
	}
	f := &runtime.Function{Outputs: []runtime.Tensor{tensor("mask", 0, 1, 3), tensor("target.0", 16, 1, 2, 1), tensor("reconstruction.0", 32, 1, 2, 1),
		tensor("target.1", 48, 1, 1, 3), tensor("reconstruction.1", 64, 1, 1, 3)}}
	m, err := runtime.NewMachine(&runtime.Program{Floats: 80, Batch: 1, Reconstruct: f}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for i, values := range [][]float32{{0, 1, 1}, {1, 2}, {1, 4}, {0, 1, 0}, {0, 1, 3}} {
		copy(m.Floats(f.Outputs[i]), values)
	}
	all, err := readReconstruction(m)
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	want := [][2]float64{{0, 4}, {math.NaN(), 3}} // no token of the second stream is visible
	for k, r := range all {
		var sum tally
		if sum.add(r, r.reconstruction, 0); fmt.Sprint(sum.means()) != fmt.Sprint(want[k]) {
			t.Errorf("stream %d: %v, expected %v", k, sum.means(), want[k])
		}
	}
	f.Outputs[0].Shape = []int{1, 4}
	if _, err := readReconstruction(m); err == nil {
		t.Error("a mask of more tokens than the streams have was accepted")
	}
}
