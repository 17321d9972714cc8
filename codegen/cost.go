package codegen

import "mspecc/codegen/fuse"

// Rates are what a machine does in a second with all its threads, as a trainer's bench
// --profile measures them.
type Rates struct {
	FLOPs  float64 `json:"flop_per_s"`      // multiply-adds, two operations each
	BF16   float64 `json:"bf16_flop_per_s"` // the same on inputs in bf16; 0 where there are none
	Memory float64 `json:"byte_per_s"`      // copied in memory
}

// TwoCores are the rates of two cores of a server of 2025 with two 512-bit units each.
var TwoCores = Rates{FLOPs: 500e9, BF16: 1000e9, Memory: 45e9}

// cacheFactor is how many times faster than memory the second-level caches are.
const cacheFactor = 3

// seconds predicts the time of one kernel of a launch: its arithmetic, at the peak for matrix
// products and at half of it for everything else, and then the traffic of its operands. What
// it leaves out, docs/performance.md says.
func (r Rates) seconds(k *fuse.Launch) float64 {
	near, far := k.Traffic()
	traffic := float64(near)/(cacheFactor*r.Memory) + float64(far)/r.Memory
	peak := r.FLOPs / 2
	if k.Kind == fuse.MatMulKind {
		if peak = r.FLOPs; k.MatMul.Pairs && r.BF16 > 0 {
			peak = r.BF16
		}
	}
	return float64(k.Flops)/peak + traffic
}
