// Package tiny is a hand-written program for tests of the run-time library: a linear masked
// auto-encoder of 4 x 4 images, with gradients and AdamW as a compiler would emit them.
package tiny

import (
	"encoding/binary"
	"io/fs"
	"math"
	"testing/fstest"

	"mspecc/runtime"
)

const (
	batch  = 8
	pixels = 16 // 4 tokens of 4 pixels
	hidden = 5
	tokens = 4
	pull   = 3 // the batch of the pullback, and of the second of the small features
)

// at is the arena's layout; every region starts on a cache line.
var at = struct {
	x, noise, xm, h, r, dr, dh, part, w, v, dw, dv, m, u, loss, inner, lr, bias1, bias2, mask, target, px, pc, end int
}{}

func init() {
	next := 0
	for _, f := range []struct {
		p *int
		n int
	}{
		{&at.x, batch * pixels}, {&at.noise, batch * tokens}, {&at.xm, batch * pixels}, {&at.h, batch * hidden},
		{&at.r, batch * pixels}, {&at.dr, batch * pixels}, {&at.dh, batch * hidden}, {&at.part, batch},
		{&at.w, pixels * hidden}, {&at.v, hidden * pixels}, {&at.dw, pixels * hidden}, {&at.dv, hidden * pixels},
		{&at.m, 2 * pixels * hidden}, {&at.u, 2 * pixels * hidden}, {&at.loss, 1}, {&at.inner, 1},
		{&at.lr, 1}, {&at.bias1, 1}, {&at.bias2, 1}, {&at.mask, batch * tokens}, {&at.target, batch * pixels},
		{&at.px, pull * pixels}, {&at.pc, pull * hidden}, {&at.end, 0},
	} {
		*f.p = next
		next += runtime.Align(f.n)
	}
}

// Program makes the tiny program. Its sample data set is carried along.
func Program() *runtime.Program {
	tensor := func(name string, off int, shape ...int) runtime.Tensor {
		return runtime.Tensor{Name: name, Shape: shape, Offset: off}
	}
	x := tensor("x", at.x, batch, 1, 4, 4)
	noise := tensor("mask_noise", at.noise, batch, tokens)
	losses := []runtime.Tensor{tensor("loss", at.loss), tensor("inner_loss", at.inner)}
	inTokens := func(name string, off int) runtime.Tensor { return tensor(name, off, batch, tokens, tokens) }
	return &runtime.Program{
		Name: "tiny", Spec: "tiny.mspec", Digest: "0123abcd", Target: "portable", Batch: batch,
		Sources: []runtime.Source{{Name: "std/nn.mspec", Text: "// nothing\n"}, {Name: "tiny.mspec", Text: "model tiny {}\n"}},
		Modality: runtime.Modality{Name: "squares", Kind: "image", Inputs: []runtime.Input{{Shape: []int{1, 4, 4}}}, Reader: "idx",
			Options: []runtime.Option{{Name: "classes", Value: "2"}}, Grid: []int{2, 2}, Patch: []int{2, 2}, Channels: 1},
		Settings: []runtime.Setting{{Name: "hidden", Value: "5", From: "model"}},
		Train: runtime.Train{Optimizer: "adamw", LR: 0.01, WeightDecay: 0.01, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8,
			Steps: 60, CheckpointEvery: 20, Seed: 1, Precision: "f32"},
		Params: []runtime.Param{
			{Tensor: tensor("encoder.weight", at.w, pixels, hidden), Init: runtime.Init{Kind: "xavier_uniform", FanIn: pixels, FanOut: hidden}},
			{Tensor: tensor("decoder.weight", at.v, hidden, pixels), Init: runtime.Init{Kind: "normal", B: 0.1}},
		},
		State:  []runtime.Tensor{tensor("adam.m", at.m, 2*pixels*hidden), tensor("adam.v", at.u, 2*pixels*hidden)},
		Floats: at.end,
		Step: &runtime.Function{
			Inputs:  []runtime.Tensor{x, tensor("opt.lr", at.lr), tensor("opt.bias1", at.bias1), tensor("opt.bias2", at.bias2)},
			Streams: []runtime.Tensor{noise}, Outputs: losses, FLOPs: 6 * batch * pixels * hidden * 2,
			Run: func(m *runtime.Machine) {
				gradients(m)
				m.Run(adamw, 2)
			},
			Calls: []runtime.CallInfo{{Stages: []runtime.StageInfo{{Name: "forward", Phase: "forward"}}}, {Stages: []runtime.StageInfo{{Name: "gradients", Phase: "backward"}}},
				{Stages: []runtime.StageInfo{{Name: "adamw", Phase: runtime.Optimiser}}}},
		},
		Replay: &runtime.Function{
			Inputs: []runtime.Tensor{x}, Streams: []runtime.Tensor{noise},
			Outputs: append(losses[:2:2], tensor("z", at.h, batch, hidden), tensor("grad.encoder.weight", at.dw, pixels, hidden),
				tensor("grad.decoder.weight", at.dv, hidden, pixels)),
			Run: gradients,
		},
		Features: &runtime.Function{
			Inputs: []runtime.Tensor{x}, Outputs: []runtime.Tensor{tensor("features", at.h, batch, hidden)},
			Run: func(m *runtime.Machine) {
				for i := range batch * tokens {
					m.Mem[at.noise+i] = 1
				}
				m.Run(forward, batch)
			},
		},
		Reconstruct: &runtime.Function{
			Inputs: []runtime.Tensor{x}, Streams: []runtime.Tensor{noise},
			Outputs: []runtime.Tensor{inTokens("target", at.target), tensor("mask", at.mask, batch, tokens),
				inTokens("reconstruction", at.r), inTokens("adapted", at.r)},
			Run: reconstruct,
		},
		Small: []*runtime.Function{small(1), small(pull)},
		Pullback: &runtime.Function{
			Inputs:  []runtime.Tensor{tensor("x", at.px, pull, 1, 4, 4), tensor("cotangent", at.pc, pull, hidden)},
			Outputs: []runtime.Tensor{tensor("grad.encoder.weight", at.dw, pixels, hidden)},
			Run:     pullback,
		},
		Graph:  runtime.Graph{Missing: "written by hand"},
		Sample: Data(200, 60),
	}
}

// pixel is where the image keeps pixel j of token t.
func pixel(t, j int) int { return (t/2*2+j/2)*4 + t%2*2 + j%2 }

// forward masks one example, encodes and decodes it.
func forward(w *runtime.Worker, _ *runtime.Call, b int) {
	mem := w.Args.Mem
	for t := range tokens {
		for j := range 4 {
			i := b*pixels + pixel(t, j)
			mem[at.xm+i] = 0
			if mem[at.noise+b*tokens+t] >= 0.5 {
				mem[at.xm+i] = mem[at.x+i]
			}
		}
	}
	for k := range hidden {
		s := float32(0)
		for i := range pixels {
			s += mem[at.xm+b*pixels+i] * mem[at.w+i*hidden+k]
		}
		mem[at.h+b*hidden+k] = s
	}
	loss := float32(0)
	for i := range pixels {
		s := float32(0)
		for k := range hidden {
			s += mem[at.h+b*hidden+k] * mem[at.v+k*pixels+i]
		}
		mem[at.r+b*pixels+i] = s
		d := s - mem[at.x+b*pixels+i]
		mem[at.dr+b*pixels+i] = 2 * d / (batch * pixels)
		loss += d * d
	}
	mem[at.part+b] = loss / (batch * pixels)
	for k := range hidden {
		s := float32(0)
		for i := range pixels {
			s += mem[at.dr+b*pixels+i] * mem[at.v+k*pixels+i]
		}
		mem[at.dh+b*hidden+k] = s
	}
}

// gradients computes the loss and dw, dv.
func gradients(m *runtime.Machine) {
	m.Run(forward, batch)
	m.Mem[at.loss] = 0
	for b := range batch {
		m.Mem[at.loss] += m.Mem[at.part+b]
	}
	m.Mem[at.inner] = m.Mem[at.loss] / 2
	m.Run(func(w *runtime.Worker, _ *runtime.Call, i int) {
		mem := w.Args.Mem
		for k := range hidden {
			dw, dv := float32(0), float32(0)
			for b := range batch {
				dw += mem[at.xm+b*pixels+i] * mem[at.dh+b*hidden+k]
				dv += mem[at.h+b*hidden+k] * mem[at.dr+b*pixels+i]
			}
			mem[at.dw+i*hidden+k], mem[at.dv+k*pixels+i] = dw, dv
		}
	}, pixels)
}

// adamw updates one of the two parameters.
func adamw(w *runtime.Worker, _ *runtime.Call, task int) {
	mem := w.Args.Mem
	p, g, n := []int{at.w, at.v}[task], []int{at.dw, at.dv}[task], pixels*hidden
	m, u := at.m+p-at.w, at.u+p-at.w
	lr := mem[at.lr]
	for i := range n {
		d := mem[g+i]
		mem[m+i] = 0.9*mem[m+i] + 0.1*d
		mem[u+i] = 0.999*mem[u+i] + 0.001*d*d
		root := float32(math.Sqrt(float64(mem[u+i]/mem[at.bias2]))) + 1e-8
		mem[p+i] -= lr * (0.01*mem[p+i] + mem[m+i]/mem[at.bias1]/root)
	}
}

// small is Features for n examples. Its input and output lie where the pullback has its own.
func small(n int) *runtime.Function {
	return &runtime.Function{
		Inputs:  []runtime.Tensor{{Name: "x", Shape: []int{n, 1, 4, 4}, Offset: at.px}},
		Outputs: []runtime.Tensor{{Name: "features", Shape: []int{n, hidden}, Offset: at.pc}},
		Run: func(m *runtime.Machine) {
			for b := range n {
				for k := range hidden {
					s := float32(0)
					for i := range pixels {
						s += m.Mem[at.px+b*pixels+i] * m.Mem[at.w+i*hidden+k]
					}
					m.Mem[at.pc+b*hidden+k] = s
				}
			}
		},
	}
}

// pullback computes the gradient of the sum of cotangent times features.
func pullback(m *runtime.Machine) {
	for i := range pixels {
		for k := range hidden {
			s := float32(0)
			for b := range pull {
				s += m.Mem[at.px+b*pixels+i] * m.Mem[at.pc+b*hidden+k]
			}
			m.Mem[at.dw+i*hidden+k] = s
		}
	}
}

func reconstruct(m *runtime.Machine) {
	m.Run(forward, batch)
	out := make([]float32, batch*pixels)
	for b := range batch {
		for t := range tokens {
			m.Mem[at.mask+b*tokens+t] = 0
			if m.Mem[at.noise+b*tokens+t] < 0.5 {
				m.Mem[at.mask+b*tokens+t] = 1
			}
			for j := range 4 {
				m.Mem[at.target+(b*tokens+t)*4+j] = m.Mem[at.x+b*pixels+pixel(t, j)]
				out[(b*tokens+t)*4+j] = m.Mem[at.r+b*pixels+pixel(t, j)]
			}
		}
	}
	copy(m.Mem[at.r:], out)
}

// Data makes IDX files of images whose left half (class 0) or upper half (class 1) is bright.
func Data(train, test int) fs.FS {
	files := fstest.MapFS{}
	u := make([]float32, (train+test)*pixels)
	runtime.Uniform(u, "tiny data", 1, 0)
	for _, part := range []struct {
		name     string
		first, n int
	}{{"train", 0, train}, {"t10k", train, test}} {
		images := []byte{0, 0, 8, 4}
		for _, d := range []int{part.n, 1, 4, 4} {
			images = binary.BigEndian.AppendUint32(images, uint32(d))
		}
		labels := binary.BigEndian.AppendUint32([]byte{0, 0, 8, 1}, uint32(part.n))
		for e := part.first; e < part.first+part.n; e++ {
			class := e % 2
			labels = append(labels, byte(class))
			for i := range pixels {
				v := 90 * u[e*pixels+i]
				if class == 0 && i%4 < 2 || class == 1 && i/4 < 2 {
					v += 140
				}
				images = append(images, byte(v))
			}
		}
		files[part.name+"-images-idx3-ubyte"] = &fstest.MapFile{Data: images}
		files[part.name+"-labels-idx1-ubyte"] = &fstest.MapFile{Data: labels}
	}
	return files
}
