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

// kernelSums name, for each target that is written, what a training step computes and in which
// order it rounds: a hash of its kernels with the loops around them. Names, comments and places in memory
// do not count.
func (mod *Module) kernelSums(p *Program) map[string]string {
	sums := map[string]string{}
	for _, target := range mod.targets() {
		for _, fn := range p.Functions {
			if fn.Name != "Step" {
				continue
			}
			h := sha256.New()
			fmt.Fprintln(h, target, roundings)
			for _, c := range fn.Calls {
				sumLaunch(h, c.Launch)
				for _, k := range c.Kernels() {
					if k == nil {
						fmt.Fprintln(h, "library")
						continue
					}
					body := *k.Portable
					if target != "portable" {
						body = *k.AVX512
					}
					body.Name, body.Doc = "", nil
					fmt.Fprintln(h, body.String())
				}
			}
			sums[target] = hex.EncodeToString(h.Sum(nil))[:12]
		}
	}
	return sums
}

// targets are the names of those that are written.
func (mod *Module) targets() []string {
	switch mod.Target {
	case "auto":
		return []string{mod.native(), "portable"}
	case "portable":
		return []string{"portable"}
	}
	return []string{mod.native()}
}

// native is the name of the target with AVX-512.
func (mod *Module) native() string {
	if slices.ContainsFunc(mod.Programs, (*Program).bf16) {
		return "avx512-bf16"
	}
	return "avx512"
}

// sumLaunch adds how the work of a launch is cut and what its operands are.
func sumLaunch(h hash.Hash, l *fuse.Launch) {
	fmt.Fprintln(h, l.Kind, l.Outer, l.Count, l.Chunk, l.PerTask, l.K, l.KBlock, l.Accumulate, l.Parts, l.Sum, l.Blocks, l.InBlocks, l.Lanes, l.Sizes)
	for _, o := range l.Operands {
		fmt.Fprintln(h, o.Outer, o.Chunk, o.Write, o.Block, o.Lane)
	}
	for _, s := range l.Stages {
		sumLaunch(h, s)
	}
}
