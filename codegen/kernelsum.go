package codegen

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"

	"mspecc/codegen/fuse"
)

// roundings is counted up where a printer of kernels comes to round otherwise, which the loop IR does not show.
const roundings = 1

// kernelSum names what a training step computes and in which order it rounds: a hash of its kernels with the loops
// around them. Names, comments and places in memory do not count. It is "" where there is no training step.
func (t *Target) kernelSum(p *Program) string {
	for _, fn := range p.Functions {
		if fn.Name != "Step" {
			continue
		}
		h := sha256.New()
		fmt.Fprintln(h, t.name(), roundings)
		for _, c := range fn.Calls {
			sumLaunch(h, c.Launch)
			for _, k := range c.Kernels() {
				if k == nil {
					fmt.Fprintln(h, "library")
					continue
				}
				body := *k.Kernel
				body.Name, body.Doc = "", nil
				fmt.Fprintln(h, body.String())
			}
		}
		return hex.EncodeToString(h.Sum(nil))[:12]
	}
	return ""
}

// name is that of the target; where matrix products take operands in bf16, that of the CPUs that have them.
func (t *Target) name() string {
	if t.pairs() {
		return t.BF16
	}
	return t.Name
}

// pairs reports whether products of bf16 make it another target.
func (t *Target) pairs() bool {
	return t.BF16 != "" && slices.ContainsFunc(t.Programs, (*Program).bf16)
}

// cpu lists the features of a CPU that the kernels need.
func (t *Target) cpu() []string {
	if t.pairs() {
		return append(slices.Clone(t.CPU), t.BF16CPU...)
	}
	return t.CPU
}

// sumLaunch adds how the work of a launch is cut and what its operands are.
func sumLaunch(h hash.Hash, l *fuse.Launch) {
	fmt.Fprintln(h, l.Kind, l.Outer, l.Count, l.Chunk, l.PerTask, l.K, l.KBlock, l.Accumulate, l.Parts, l.Sum, l.Tiles, l.InTiles, l.Lanes, l.Sizes)
	for _, o := range l.Operands {
		fmt.Fprintln(h, o.Outer, o.Chunk, o.Write, o.Tile, o.Lane)
	}
	for _, s := range l.Stages {
		sumLaunch(h, s)
	}
}
