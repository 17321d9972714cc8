// Package simulate runs fused launches without generating code: the meaning of each kernel
// family, spelled out on a float32 arena. Tests compare it with the interpreter
// of the tensor IR to check fusion and memory planning, and with generated kernels.
package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"

	"mspecc/codegen/fuse"
	"mspecc/ir/loop"
	"mspecc/kernels"
)

// Run executes launches in order on an arena, the last local floats of which are a worker's
// memory.
func Run(launches []*fuse.Launch, mem []float32, local int) error {
	w := &worker{mem: mem, local: len(mem) - local}
	for i, l := range launches {
		if err := w.run(l, 0); err != nil {
			return fmt.Errorf("launch %d (%s): %w", i, l, err)
		}
	}
	return nil
}

// worker runs launches on mem, its own part of which starts at local.
type worker struct {
	mem   []float32
	local int
	lane  int
	add   bool // sums over examples have been begun
}

// at is where an operand begins for a tile.
func (w *worker) at(o fuse.Access, tile int) int {
	at := o.Buf.Offset + o.Offset + tile*o.Tile + w.lane*o.Lane
	if o.Buf.Class == fuse.Local {
		at += w.local
	}
	return at
}

func (w *worker) run(l *fuse.Launch, tile int) error {
	switch l.Kind {
	case fuse.GatherKind, fuse.ScatterAddKind, fuse.ArgSortKind, fuse.ZeroKind:
		at := make([]int, len(l.Operands))
		for i, o := range l.Operands {
			at[i] = w.at(o, tile)
		}
		index(l, w.mem, at)
		return nil
	case fuse.TiledKind:
		// No tile may depend on another: they run in an order that shows it if one does.
		per := 1
		if l.Lanes > 0 {
			per = l.Tiles / l.Lanes
		}
		for _, lane := range shuffled(l.Tiles / per) {
			w.lane, w.add = lane, false
			for b := lane * per; b < (lane+1)*per; b++ {
				w.forget()
				for _, s := range l.Stages {
					if err := w.run(s, b); err != nil {
						return err
					}
				}
				w.add = true
			}
		}
		w.lane = 0
		return nil
	}
	tasks, chunks := l.Tasks()
	outer := 1
	for _, n := range l.Outer {
		outer *= n
	}
	for _, task := range shuffled(tasks) {
		group, chunk := task/chunks, task%chunks
		for o := group * l.PerTask; o < min(group*l.PerTask+l.PerTask, outer); o++ {
			for _, stage := range l.Kernels() {
				off := make([]int, len(stage.Operands))
				for i, op := range stage.Operands {
					off[i] = w.at(op, tile) + chunk*op.Chunk
					for k, rest := len(l.Outer)-1, o; k >= 0; k-- {
						off[i] += rest % l.Outer[k] * op.Outer[k]
						rest /= l.Outer[k]
					}
				}
				if err := w.kernel(stage, off, min(stage.Chunk, stage.Count-chunk*stage.Chunk)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// forget spoils the worker's memory between tiles: no tile may find what another one left.
func (w *worker) forget() {
	for i := range w.mem[w.local:] {
		w.mem[w.local+i] = float32(math.NaN())
	}
}

func shuffled(n int) []int { return rand.New(rand.NewPCG(1, uint64(n))).Perm(n) }

func (w *worker) kernel(l *fuse.Launch, off []int, rows int) error {
	mem := w.mem
	switch l.Kind {
	case fuse.RowsKind:
		return rowsKernel(l.Rows, mem, off, rows)
	case fuse.ColReduceKind:
		return columns(l.ColReduce, mem, off, rows)
	case fuse.MatMulKind:
		matmul(l, mem, off, rows, l.Accumulate || l.Sum && w.add)
	case fuse.TransposeKind:
		t := l.Transpose
		for r := range t.R {
			for c := range t.C {
				mem[off[1]+c*t.Out+r] = mem[off[0]+r*t.In+c]
			}
		}
	case fuse.InterleaveKind:
		interleave(l.Interleave, mem, off, rows)
	}
	return nil
}

func interleave(k *kernels.Interleave, mem []float32, off []int, rows int) {
	for i := range rows {
		for j := range k.Width {
			x, y := math.Float32bits(mem[off[0]+2*i*k.In+j]), uint32(0)
			if !k.Odd || i < rows-1 {
				y = math.Float32bits(mem[off[0]+(2*i+1)*k.In+j])
			}
			out := mem[off[1]+i*k.Out+2*j:]
			out[0], out[1] = math.Float32frombits(x&0xffff|y<<16), math.Float32frombits(x>>16|y&^0xffff)
		}
	}
}

func matmul(l *fuse.Launch, mem []float32, off []int, rows int, add bool) {
	k := l.MatMul
	for i := range rows {
		for j := range k.N {
			s := 0.0
			for p := range l.K {
				x, y := mem[off[0]+i*k.AM+p*k.AK], mem[off[1]+p*k.BK+j]
				if k.Pairs {
					a, b := math.Float32bits(x), math.Float32bits(y)
					s += float64(math.Float32frombits(a<<16)) * float64(math.Float32frombits(b<<16))
					x, y = math.Float32frombits(a&^0xffff), math.Float32frombits(b&^0xffff)
				}
				s += float64(x) * float64(y)
			}
			if k.Half {
				c, shift := &mem[off[2]+i*k.CM+j/2], j%2*16
				half := math.Float32bits(loop.Half(float32(s))) >> 16
				*c = math.Float32frombits(math.Float32bits(*c)&^(0xffff<<shift) | half<<shift)
				continue
			}
			c := &mem[off[2]+i*k.CM+j]
			if add {
				s += float64(*c)
			}
			*c = float32(s)
		}
	}
}

func rowsKernel(k *kernels.Rows, mem []float32, off []int, rows int) error {
	vals := make([][]float64, len(k.Nodes))
	for r := range rows {
		for i, n := range k.Nodes {
			v, err := node(n, k.Operands, vals, mem, off, r, k.Width)
			if err != nil {
				return err
			}
			vals[i] = v
		}
		for _, s := range k.Stores {
			store(k.Operands[s.Operand], vals[s.Node], mem, off[s.Operand], r, k.Width)
		}
	}
	return nil
}

func store(o kernels.Operand, v []float64, mem []float32, off, r, width int) {
	if o.Half {
		for j := 0; j < width; j += 2 {
			bits := math.Float32bits(loop.Half(float32(v[j]))) >> 16
			if j+1 < width {
				bits |= math.Float32bits(loop.Half(float32(v[j+1])))
			}
			mem[off+r*o.Row+j/2] = math.Float32frombits(bits)
		}
		return
	}
	for j := range width {
		x := float32(v[j])
		if o.Int {
			x = math.Float32frombits(uint32(int32(v[j])))
		}
		mem[off+r*o.Row+j*o.Col] = x
	}
}

func columns(k *kernels.ColReduce, mem []float32, off []int, rows int) error {
	acc := make([][]float64, len(k.Nodes))
	for r := range rows {
		vals := make([][]float64, len(k.Nodes))
		for i, n := range k.Nodes {
			if n.Op != "colsum" && n.Op != "colmax" {
				v, err := node(n, k.Operands, vals, mem, off, r, k.Width)
				if err != nil {
					return err
				}
				vals[i] = v
				continue
			}
			x := vals[n.Args[0]]
			if acc[i] == nil {
				acc[i] = append([]float64(nil), x...)
				continue
			}
			for j := range x {
				if n.Op == "colsum" {
					acc[i][j] += x[j]
				} else {
					acc[i][j] = math.Max(acc[i][j], x[j])
				}
			}
		}
	}
	for _, s := range k.Stores {
		store(k.Operands[s.Operand], acc[s.Node], mem, off[s.Operand], 0, k.Width)
	}
	return nil
}

func node(n kernels.Node, ops []kernels.Operand, vals [][]float64, mem []float32, off []int, r, width int) ([]float64, error) {
	out := make([]float64, width)
	arg := func(i, j int) float64 { return vals[n.Args[i]][j] }
	switch n.Op {
	case "rowsum", "rowmax":
		acc := vals[n.Args[0]][0]
		for _, x := range vals[n.Args[0]][1:] {
			if n.Op == "rowsum" {
				acc += x
			} else {
				acc = math.Max(acc, x)
			}
		}
		for j := range out {
			out[j] = float64(float32(acc))
		}
		return out, nil
	}
	for j := range out {
		switch n.Op {
		case "load":
			o := ops[n.Operand]
			x := mem[off[n.Operand]+r*o.Row+j*o.Col]
			out[j] = float64(x)
			if o.Int {
				out[j] = float64(int32(math.Float32bits(x)))
			}
		case "const":
			out[j] = float64(float32(n.Const))
		case "iota":
			out[j] = float64(j)
		case "select":
			if arg(0, j) != 0 {
				out[j] = arg(1, j)
			} else {
				out[j] = arg(2, j)
			}
		default:
			x, y := arg(0, j), 0.0
			if len(n.Args) > 1 {
				y = arg(1, j)
			}
			f, ok := scalar[n.Op]
			if !ok {
				return nil, fmt.Errorf("unknown operation %q", n.Op)
			}
			out[j] = float64(float32(f(x, y))) // every operation rounds, as in the kernels
		}
	}
	return out, nil
}

func mask(c bool) float64 {
	if c {
		return 1
	}
	return 0
}

var scalar = map[string]func(x, y float64) float64{
	"neg": func(x, _ float64) float64 { return -x }, "exp": func(x, _ float64) float64 { return math.Exp(x) },
	"log": func(x, _ float64) float64 { return math.Log(x) }, "sqrt": func(x, _ float64) float64 { return math.Sqrt(x) },
	"tanh": func(x, _ float64) float64 { return math.Tanh(x) }, "erf": func(x, _ float64) float64 { return math.Erf(x) },
	"erfc": func(x, _ float64) float64 { return math.Erfc(x) },
	"sin":  func(x, _ float64) float64 { return math.Sin(x) }, "cos": func(x, _ float64) float64 { return math.Cos(x) },
	"abs": func(x, _ float64) float64 { return math.Abs(x) }, "floor": func(x, _ float64) float64 { return math.Floor(x) },
	"sign": func(x, _ float64) float64 { return mask(x > 0) - mask(x < 0) }, "int": func(x, _ float64) float64 { return math.Trunc(x) },
	"float": func(x, _ float64) float64 { return x },
	"add":   func(x, y float64) float64 { return x + y }, "sub": func(x, y float64) float64 { return x - y },
	"mul": func(x, y float64) float64 { return x * y }, "div": func(x, y float64) float64 { return x / y },
	"max": math.Max, "min": math.Min,
	"lt": func(x, y float64) float64 { return mask(x < y) }, "le": func(x, y float64) float64 { return mask(x <= y) },
	"eq": func(x, y float64) float64 { return mask(x == y) },
}

// index carries out what the run-time library does on contiguous tensors.
func index(l *fuse.Launch, mem []float32, at []int) {
	s := l.Sizes
	idx := func(i int) int { return int(int32(math.Float32bits(mem[at[1]+i]))) }
	switch l.Kind {
	case fuse.ZeroKind:
		clear(mem[at[0] : at[0]+s[0]])
	case fuse.ArgSortKind:
		for r := range s[0] {
			order := make([]int, s[1])
			for i := range order {
				order[i] = i
			}
			keys := mem[at[0]+r*s[1]:]
			sort.SliceStable(order, func(i, j int) bool { return keys[order[i]] < keys[order[j]] })
			for i, x := range order {
				mem[at[1]+r*s[1]+i] = math.Float32frombits(uint32(int32(x)))
			}
		}
	case fuse.GatherKind:
		batch, rows, k, width := s[0], s[1], s[2], s[3]
		for i := range batch * k {
			copy(mem[at[2]+i*width:][:width], mem[at[0]+(i/k*rows+idx(i))*width:][:width])
		}
	case fuse.ScatterAddKind:
		batch, rows, k, width := s[0], s[1], s[2], s[3]
		clear(mem[at[2] : at[2]+batch*rows*width])
		for i := range batch * k {
			for j := range width {
				mem[at[2]+(i/k*rows+idx(i))*width+j] += mem[at[0]+i*width+j]
			}
		}
	}
}
