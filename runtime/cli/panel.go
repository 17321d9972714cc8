package cli

import (
	"fmt"
	"slices"
	"strings"

	"mspecc/runtime"
	"mspecc/runtime/data"
	"mspecc/runtime/report"
	"mspecc/runtime/train"
)

// layout says how examples of a modality are shown.
func layout(m runtime.Modality, reader string) report.Layout {
	l := report.Layout{Kind: report.Series, Grid: m.Grid, Patch: m.Patch, Channels: m.Channels}
	switch {
	case m.DType == runtime.I32:
		l.Kind = report.Tokens
		for _, r := range data.Readers() {
			if r.Name == reader && r.Letters != "" {
				l.Letters = strings.Split(r.Letters, "")
			}
		}
	case m.Kind == report.Spectrogram:
		l.Kind = report.Spectrogram
	case len(m.Grid) == 2:
		l.Kind = report.Image
	}
	return l
}

// fit makes the layout's channels those of tokens of so many values: a kind of the user's own
// need not name any.
func fit(l report.Layout, width int) report.Layout {
	if l.Kind == report.Tokens || l.Channels > 0 {
		return l
	}
	area := 1
	for _, p := range l.Patch {
		area *= max(1, p)
	}
	l.Channels = max(1, width/area)
	return l
}

// reconstructPanel lets the model fill in count examples of the batches that next gives. The
// seed decides what is hidden. At most keep of the examples stay in the panel.
func reconstructPanel(m *runtime.Machine, l report.Layout, next func(step int) (*data.Batch, error), count, keep int, seed uint64) (*report.Panel, error) {
	f := m.Program.Reconstruct
	p := &report.Panel{}
	var before, after tally
	for step := 0; p.Count < count; step++ {
		b, err := next(step)
		if err != nil {
			return nil, err
		}
		if err := train.Feed(m, f, b); err != nil {
			return nil, err
		}
		if err := m.Execute(f, seed, uint64(step)); err != nil {
			return nil, err
		}
		o, err := readReconstruction(m)
		if err != nil {
			return nil, err
		}
		p.Layout, p.Measure = fit(l, o.width), o.measure()
		for i := range min(b.Count, count-p.Count) {
			before.add(o, o.reconstruction, i)
			after.add(o, o.adapted, i)
			if p.Count < keep {
				p.Rows = append(p.Rows, o.example(i))
			}
			p.Count++
		}
	}
	p.Before, p.After = before.means(), after.means()
	return p, p.Check()
}

const (
	squaredError  = "mean squared error"
	tokenAccuracy = "token accuracy"
)

// reconstruction is one batch of a program's Reconstruct outputs.
type reconstruction struct {
	batch, tokens, width                  int
	target, mask, reconstruction, adapted []float32
	ids                                   []int32 // the target where it is tokens: the others are then scores of each
}

// readReconstruction checks the outputs' shapes: mask [B, L], reconstruction and adapted [B, L,
// P], and target the same. For tokens, P is the vocabulary and the predictions are scores; the
// target is rows that are 1 at the token and else 0, or ids i32 [B, L].
func readReconstruction(m *runtime.Machine) (*reconstruction, error) {
	f := m.Program.Reconstruct
	get := map[string]runtime.Tensor{}
	for _, name := range []string{"target", "mask", "reconstruction", "adapted"} {
		t, ok := f.Output(name)
		if !ok && name == "adapted" {
			t, ok = get["reconstruction"], true // a model without inner loop
		}
		if !ok || len(t.Shape) < 2 {
			return nil, fmt.Errorf("the model's reconstruct block gives no %q per token", name)
		}
		get[name] = t
	}
	r := &reconstruction{batch: get["mask"].Shape[0], tokens: get["mask"].Shape[1]}
	target, out := get["target"], get["reconstruction"]
	head := []int{r.batch, r.tokens}
	if !slices.Equal(out.Shape[:2], head) || !slices.Equal(get["adapted"].Shape, out.Shape) || !slices.Equal(target.Shape[:2], head) ||
		get["mask"].Len() != r.batch*r.tokens || (target.DType == runtime.F32 && target.Len() != out.Len()) {
		return nil, fmt.Errorf("the model's reconstruct block gives target %s, mask %s, reconstruction %s and adapted %s, which do not belong together",
			target.TypeString(), get["mask"].TypeString(), out.TypeString(), get["adapted"].TypeString())
	}
	r.mask, r.reconstruction, r.adapted = m.Floats(get["mask"]), m.Floats(out), m.Floats(get["adapted"])
	r.width = len(r.reconstruction) / (r.batch * r.tokens)
	switch {
	case target.DType == runtime.I32:
		r.ids = m.Ints(target)
	case m.Program.Modality.DType == runtime.I32 && r.width == m.Program.Modality.Vocab:
		r.ids = best(m.Floats(target), r.width)
	default:
		r.target = m.Floats(target)
	}
	return r, nil
}

// best are the positions of the largest value of each row.
func best(scores []float32, width int) []int32 {
	ids := make([]int32, len(scores)/width)
	for k := range ids {
		row := scores[k*width : (k+1)*width]
		for c, v := range row {
			if v > row[ids[k]] {
				ids[k] = int32(c)
			}
		}
	}
	return ids
}

func (r *reconstruction) measure() string {
	if r.ids != nil {
		return tokenAccuracy
	}
	return squaredError
}

// example copies example i for a panel. Visible tokens are shown as they are: the loss asks
// nothing of the model there.
func (r *reconstruction) example(i int) report.Example {
	first, end := i*r.tokens, (i+1)*r.tokens
	e := report.Example{Mask: slices.Clone(r.mask[first:end])}
	width := r.width
	if r.ids != nil {
		width = 1
		id := func(ids []int32) []float32 {
			out := make([]float32, len(ids))
			for k, v := range ids {
				out[k] = float32(v)
			}
			return out
		}
		scores := func(x []float32) []float32 { return id(best(x[first*r.width:end*r.width], r.width)) }
		e.Target, e.Reconstruction, e.Adapted = id(r.ids[first:end]), scores(r.reconstruction), scores(r.adapted)
	} else {
		cut := func(x []float32) []float32 { return slices.Clone(x[first*width : end*width]) }
		e.Target, e.Reconstruction, e.Adapted = cut(r.target), cut(r.reconstruction), cut(r.adapted)
	}
	for t, hidden := range e.Mask {
		if hidden <= 0.5 {
			lo, hi := t*width, (t+1)*width
			copy(e.Reconstruction[lo:hi], e.Target[lo:hi])
			copy(e.Adapted[lo:hi], e.Target[lo:hi])
		}
	}
	return e
}

// tally adds up a measure over visible [0] and hidden [1] tokens.
type tally struct{ sum, n [2]float64 }

// add scores example i.
func (t *tally) add(r *reconstruction, out []float32, i int) {
	width := r.width
	for k := i * r.tokens; k < (i+1)*r.tokens; k++ {
		where := 0
		if r.mask[k] > 0.5 {
			where = 1
		}
		row := out[k*width : (k+1)*width]
		if r.ids != nil {
			if best(row, width)[0] == r.ids[k] {
				t.sum[where]++
			}
			t.n[where]++
			continue
		}
		for j, v := range row {
			d := float64(v) - float64(r.target[k*width+j])
			t.sum[where] += d * d
		}
		t.n[where] += float64(width)
	}
}

// means are the measures, 0 where no token counted.
func (t *tally) means() [2]float64 {
	return [2]float64{t.sum[0] / max(1, t.n[0]), t.sum[1] / max(1, t.n[1])}
}
