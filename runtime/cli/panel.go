package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"mspecc/runtime"
	"mspecc/runtime/data"
	"mspecc/runtime/report"
	"mspecc/runtime/train"
)

// arrangements say how the inputs of a modality's examples are shown, one each; as, where it is not "", what the first is
// shown as instead.
func arrangements(m runtime.Modality, look data.Look, as string) ([]report.Arrangement, error) {
	var list []report.Arrangement
	if m.Layouts == nil { // of a program that an earlier compiler wrote
		for _, l := range layouts(m, look) {
			list = append(list, report.Arrangement{Layout: l})
		}
		if as != "" && len(list) > 0 && list[0].Kind != report.Tokens {
			list[0].Kind = as
		}
		return list, nil
	}
	for k, l := range m.Layouts {
		kind := l.As
		switch {
		case k == 0 && as != "" && kind != report.Tokens && kind != report.None:
			kind = as
		case kind == report.Image && look.Spectrogram:
			kind = report.Spectrogram
		}
		a, err := report.Arrange(kind, m.Inputs[k].Shape, l.Tokens, l.Values, l.Places())
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

// layouts say how the inputs of a modality's examples are shown, one each, by what a program of an earlier compiler says: the grid
// of the first.
func layouts(m runtime.Modality, look data.Look) []report.Layout {
	image := report.Image
	if look.Spectrogram || m.Kind == report.Spectrogram {
		image = report.Spectrogram
	}
	var list []report.Layout
	for k, in := range m.Inputs {
		l := report.Layout{Kind: report.Series, Grid: m.Grid, Patch: m.Patch, Channels: m.Channels}
		switch {
		case in.DType == runtime.I32:
			l = report.Layout{Kind: report.Tokens, Grid: in.Shape}
		case k > 0: // the grid is that of the first
			if l = (report.Layout{Kind: report.Series}); len(in.Shape) == 3 {
				l.Kind = image
			}
		case len(m.Grid) == 2:
			l.Kind = image
			if len(in.Shape) == 3 && (len(m.Patch) == 0 || m.Channels == 0) {
				l.Channels, l.Patch = in.Shape[0], []int{in.Shape[1] / m.Grid[0], in.Shape[2] / m.Grid[1]}
			}
		}
		list = append(list, l)
	}
	return list
}

// fit completes a layout by what is known of an input's tokens, of so many values each: where an
// input beyond the first has its tokens, and the channels, which a kind of the user's own need not name.
func fit(l report.Layout, in runtime.Input, tokens, width int) report.Layout {
	if l.Kind == report.Tokens {
		return l
	}
	if len(l.Grid) == 0 {
		l.Grid, l.Patch = divide(l.Kind, in.Shape, tokens)
	}
	if l.Channels == 0 {
		area := 1
		for _, p := range l.Patch {
			area *= max(1, p)
		}
		l.Channels = max(1, width/area)
	}
	return l
}

// divide cuts an input into so many equal patches, of images as square as can be.
func divide(kind string, shape []int, tokens int) (grid, patch []int) {
	if kind == report.Series {
		return []int{tokens}, []int{max(1, shape[len(shape)-1]/tokens)}
	}
	best := 0
	for rows := 1; rows <= tokens; rows++ {
		columns := tokens / rows
		if rows*columns != tokens || shape[1]%rows != 0 || shape[2]%columns != 0 {
			continue
		}
		height, breadth := shape[1]/rows, shape[2]/columns
		if off := max(height-breadth, breadth-height); len(grid) == 0 || off < best {
			grid, patch, best = []int{rows, columns}, []int{height, breadth}, off
		}
	}
	return grid, patch
}

// sample is what a panel is made of.
type sample struct {
	next        func(step int) (*data.Batch, error)
	layouts     []report.Arrangement // of each input
	words       []string             // of tokens
	count, keep int                  // examples that are measured, and how many of them stay in the panel
	seed        uint64               // decides what is hidden
}

// panel lets the model fill in the sample's examples.
func (s *sample) panel(ctx context.Context, m *runtime.Machine) (*report.Panel, error) {
	f := m.Program.Reconstruct
	var all []*report.Panel
	var sums [][2]tally
	for step, done := 0, 0; done < s.count; step++ {
		b, err := s.next(step)
		if err != nil {
			return nil, err
		}
		if err := train.Feed(m, f, b); err != nil {
			return nil, err
		}
		if err := m.ExecuteUntil(ctx, f, s.seed, uint64(step)); err != nil {
			return nil, err
		}
		streams, err := readReconstruction(m)
		if err != nil {
			return nil, err
		}
		if len(streams) > len(s.layouts) {
			return nil, fmt.Errorf("the model's reconstruct block gives %d streams of tokens, the examples have %d inputs", len(streams), len(s.layouts))
		}
		n := min(b.Count, s.count-done)
		for k, o := range streams {
			if k == len(all) {
				l := s.layouts[k].Layout
				if m.Program.Modality.Layouts == nil {
					l = fit(l, m.Program.Modality.Inputs[k], o.tokens, o.width)
				}
				all, sums = append(all, &report.Panel{Layout: l, Measure: o.measure(), Plain: o.plain}), append(sums, [2]tally{})
			}
			for i := range n {
				sums[k][0].add(o, o.reconstruction, i)
				sums[k][1].add(o, o.adapted, i)
				if done+i < s.keep {
					all[k].Rows = append(all[k].Rows, s.layouts[k].Example(o.example(i)))
				}
			}
		}
		done += n
	}
	for k, p := range all {
		p.Count, p.Before, p.After = s.count, sums[k][0].means(), sums[k][1].means()
		if len(all) > 1 {
			p.Name = m.Program.Modality.Inputs[k].Name
		}
		s.spell(p)
	}
	all[0].More = all[1:]
	return all[0], all[0].Check()
}

// spell gives a panel of tokens the words of those that occur.
func (s *sample) spell(p *report.Panel) {
	if p.Kind != report.Tokens || s.words == nil {
		return
	}
	p.Words = map[int]string{}
	for _, e := range p.Rows {
		for _, list := range [][]float32{e.Target, e.Reconstruction, e.Adapted} {
			for _, v := range list {
				if id := int(v); id < len(s.words) {
					p.Words[id] = s.words[id]
				}
			}
		}
	}
}

const (
	squaredError  = "mean squared error"
	tokenAccuracy = "token accuracy"
)

// reconstruction is one batch of a program's Reconstruct outputs, of one stream of tokens.
type reconstruction struct {
	batch, tokens, width            int
	first, all                      int       // the stream's first token among all of an example
	mask                            []float32 // of all tokens
	target, reconstruction, adapted []float32
	ids                             []int32 // the target where it is tokens: the others are then scores of each
	plain                           bool    // the model has no inner loop: what is adapted is the reconstruction
}

// readReconstruction checks the outputs' shapes: mask [B, L], reconstruction and adapted [B, L,
// P], and target the same. For tokens, P is the vocabulary and the predictions are scores; the
// target is rows that are 1 at the token and else 0, or ids i32 [B, L]. Where there are several
// streams, target.0, target.1 and so on are those of successive tokens.
func readReconstruction(m *runtime.Machine) ([]*reconstruction, error) {
	f := m.Program.Reconstruct
	mask, ok := f.Output("mask")
	if !ok || len(mask.Shape) != 2 {
		return nil, errors.New("the model's reconstruct block gives no mask of each token")
	}
	_, several := f.Output("target.0")
	var all []*reconstruction
	for first := 0; first < mask.Shape[1]; first += all[len(all)-1].tokens {
		suffix := ""
		if several {
			suffix = fmt.Sprint(".", len(all))
		}
		r, err := readStream(m, suffix, mask, first, len(all))
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// readStream reads the outputs of the stream whose names have the suffix; it belongs to the
// input of that number.
func readStream(m *runtime.Machine, suffix string, mask runtime.Tensor, first, input int) (*reconstruction, error) {
	f := m.Program.Reconstruct
	get, plain := map[string]runtime.Tensor{}, false
	for _, name := range []string{"target", "reconstruction", "adapted"} {
		t, ok := f.Output(name + suffix)
		if !ok && name == "adapted" {
			t, ok, plain = get["reconstruction"], true, true
		}
		if !ok || len(t.Shape) < 2 {
			return nil, fmt.Errorf("the model's reconstruct block gives no %q per token", name+suffix)
		}
		get[name] = t
	}
	target, out := get["target"], get["reconstruction"]
	r := &reconstruction{batch: mask.Shape[0], tokens: target.Shape[1], first: first, all: mask.Shape[1], mask: m.Floats(mask), plain: plain}
	head := []int{r.batch, r.tokens}
	if !slices.Equal(out.Shape[:2], head) || !slices.Equal(get["adapted"].Shape, out.Shape) || !slices.Equal(target.Shape[:2], head) ||
		r.tokens < 1 || first+r.tokens > r.all || suffix == "" && r.tokens != r.all || (target.DType == runtime.F32 && target.Len() != out.Len()) {
		return nil, fmt.Errorf("the model's reconstruct block gives target %s, mask %s, reconstruction %s and adapted %s, which do not belong together",
			target.TypeString(), mask.TypeString(), out.TypeString(), get["adapted"].TypeString())
	}
	r.reconstruction, r.adapted = m.Floats(out), m.Floats(get["adapted"])
	r.width = len(r.reconstruction) / (r.batch * r.tokens)
	inputs := m.Program.Modality.Inputs
	switch {
	case target.DType == runtime.I32:
		r.ids = m.Ints(target)
	case input < len(inputs) && inputs[input].DType == runtime.I32 && r.width == inputs[input].Vocab:
		r.ids = best(m.Floats(target), r.width)
	default:
		r.target = m.Floats(target)
	}
	return r, nil
}

// hidden is the mask of the stream's tokens of example i.
func (r *reconstruction) hidden(i int) []float32 {
	at := i*r.all + r.first
	return r.mask[at : at+r.tokens]
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
	e := report.Example{Mask: slices.Clone(r.hidden(i))}
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
	if r.plain {
		e.Adapted = nil
	}
	return e
}

// tally adds up a measure over visible [0] and hidden [1] tokens.
type tally struct{ sum, n [2]float64 }

// add scores example i.
func (t *tally) add(r *reconstruction, out []float32, i int) {
	width := r.width
	for token, hidden := range r.hidden(i) {
		k, where := i*r.tokens+token, 0
		if hidden > 0.5 {
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

// means are the measures.
func (t *tally) means() report.Errors {
	return report.Errors{t.sum[0] / t.n[0], t.sum[1] / t.n[1]}
}
