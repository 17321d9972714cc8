package codegen

import (
	"fmt"
	"slices"

	"github.com/dustin/go-humanize"

	"mspecc/codegen/fuse"
	"mspecc/codegen/plan"
	"mspecc/codegen/recompute"
	"mspecc/ir/pass"
)

// attempts is how often a graph is fused anew for a limit on memory: what recomputation
// saves is known exactly only then.
const attempts = 6

// fitted is a graph in kernel form with its place in memory.
type fitted struct {
	p     *pass.Program
	res   *fuse.Result
	end   int // of the arena, in floats
	again int // values computed a second time
}

// bytes is the size of the arena with its tables.
func (f fitted) bytes() int {
	n := f.end
	for _, b := range f.res.Buffers {
		if b.Class == fuse.Const {
			n += b.Len
		}
	}
	return 4 * n
}

// fit fuses a graph and lays it out from start on. Without a limit on memory it computes
// again what the train block allows; with one, as little as fits.
func (c *compilation) fit(p *pass.Program, roots func(*pass.Program) []fuse.Root, start int) (fitted, error) {
	base, err := c.lay(p, roots, start)
	if err != nil {
		return base, err
	}
	again := func(level string, limit int) (fitted, error) {
		q, r := recompute.Run(p, base.res, level, limit)
		if r.Values == 0 {
			return base, nil
		}
		f, err := c.lay(q, roots, start)
		f.again = r.Values
		return f, err
	}
	limit := max(1, c.opt.Memory/100*99) // leaves 1 % for the constants of other functions
	if c.opt.Memory == 0 {
		switch c.prog.Variant.Train.Recompute {
		case recompute.Cheap:
			return again(recompute.Cheap, 0)
		case recompute.All:
			return smallest(base, again)
		}
		return base, nil
	}
	f, aim := base, limit-4*start
	for range attempts {
		if f.bytes() <= limit || aim <= 0 {
			break
		}
		if f, err = again(recompute.All, aim); err != nil {
			return f, err
		}
		aim -= f.bytes() - limit
	}
	if f.bytes() <= limit {
		return f, nil
	}
	if f, err = smallest(base, again); err == nil && f.bytes() > limit {
		err = fmt.Errorf("it needs %s of memory, and the limit is %s; raise it, or take a smaller batch",
			humanize.Bytes(uint64(f.bytes())), humanize.Bytes(uint64(c.opt.Memory)))
	}
	return f, err
}

// smallest computes again whatever saves memory. The lowest peak that the schedule can
// promise is not the best one to aim for, since what is computed again needs room as well.
func smallest(base fitted, again func(level string, limit int) (fitted, error)) (fitted, error) {
	best, aim := base, 0
	for range attempts {
		f, err := again(recompute.All, aim)
		if err != nil {
			return f, err
		}
		if f.bytes() < best.bytes() {
			best = f
		}
		aim = max(aim, f.bytes()/2) * 9 / 8
	}
	return best, nil
}

// lay fuses a graph and gives its buffers their places.
func (c *compilation) lay(p *pass.Program, roots func(*pass.Program) []fuse.Root, start int) (fitted, error) {
	off := func(name string) bool { return slices.Contains(c.opt.Disable, name) }
	res, err := fuse.Fuse(roots(p), c.leaf, c.lower, fuse.Options{Examples: c.prog.Variant.Batch,
		NoChains: off(chainsName), NoTiles: off(tilesName), NoLocal: off(localName)})
	if err != nil {
		return fitted{}, err
	}
	end, _ := plan.Assign(res, start)
	return fitted{p: p, res: res, end: end}, nil
}
