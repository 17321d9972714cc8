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

// layouts say how examples of a modality are shown, one for each input; a model without data has one, too.
func layouts(m runtime.Modality, reader string) []report.Layout {
	first := report.Layout{Kind: report.Series, Grid: m.Grid, Patch: m.Patch, Channels: m.Channels}
	switch {
	case m.Kind == report.Spectrogram:
		first.Kind = report.Spectrogram
	case len(m.Grid) == 2:
		first.Kind = report.Image
	}
	list := []report.Layout{first}
	for k, in := range m.Inputs {
		if k > 0 {
			list = append(list, report.Layout{Kind: report.Series})
		}
		l := &list[k]
		if in.DType != runtime.I32 {
			continue
		}
		l.Kind = report.Tokens
		if r, ok := findReader(reader); ok && r.Letters != "" {
			l.Letters = strings.Split(r.Letters, "")
		}
	}
	return list
}

// fit completes the layout of so many tokens of so many values: a kind of the user's own need
// not name channels, and only the first of several inputs has a grid.
func fit(l report.Layout, tokens, width int) report.Layout {
	if len(l.Grid) == 0 {
		l.Grid = []int{tokens}
	}
	if l.Kind == report.Tokens {
		return l
	}
	if len(l.Patch) == 0 {
		l.Patch = slices.Repeat([]int{1}, len(l.Grid))
	}
	area := 1
	for _, p := range l.Patch {
		area *= max(1, p)
	}
	if l.Channels < 1 {
		l.Channels = max(1, width/area)
	}
	return l
}

// stream adds up what becomes of one input's tokens.
type stream struct {
	*report.Panel
	before, after tally
}

// reconstructPanels lets the model fill in count examples of the batches that next gives. The
// seed decides what is hidden. There is a panel for each stream of tokens: one, or as many as
// the model has inputs. At most keep of the examples stay in each.
func reconstructPanels(m *runtime.Machine, l []report.Layout, next func(step int) (*data.Batch, error), count, keep int, seed uint64) ([]*report.Panel, error) {
	f := m.Program.Reconstruct
	var all []*stream
	for step, done := 0, 0; done < count; step++ {
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
		list, err := readReconstruction(m)
		if err != nil {
			return nil, err
		}
		n := min(b.Count, count-done)
		for k, o := range list {
			if k == len(all) {
				all = append(all, &stream{Panel: o.panel(l)})
			}
			all[k].add(o, n, keep)
		}
		done += n
	}
	var panels []*report.Panel
	for _, s := range all {
		s.Before, s.After = s.before.means(), s.after.means()
		if err := s.Check(); err != nil {
			return nil, err
		}
		panels = append(panels, s.Panel)
	}
	return panels, nil
}

// add takes the first n examples of a batch, and shows them while there are fewer than keep.
func (s *stream) add(o *reconstruction, n, keep int) {
	for i := range n {
		s.before.add(o, o.reconstruction, i)
		s.after.add(o, o.adapted, i)
		if s.Count < keep {
			s.Rows = append(s.Rows, o.example(i))
		}
		s.Count++
	}
}

const (
	squaredError  = "mean squared error"
	tokenAccuracy = "token accuracy"
)

// reconstruction is one batch of a program's Reconstruct outputs, of one stream of tokens.
type reconstruction struct {
	input                           int    // whose tokens they are, among the modality's
	name                            string // of the input, "" for the only one
	batch, tokens, width            int
	first, all                      int       // the stream's first token among all of an example
	mask                            []float32 // of all tokens
	target, reconstruction, adapted []float32
	ids                             []int32 // the target where it is tokens: the others are then scores of each
}

// readReconstruction checks the outputs' shapes: mask [B, L], reconstruction and adapted [B, L,
// P], and target the same. For tokens, P is the vocabulary and the predictions are scores; the
// target is rows that are 1 at the token and else 0, or ids i32 [B, L]. Where there are several
// streams, target.0, target.1 and so on are those of successive tokens, a stream for each input.
func readReconstruction(m *runtime.Machine) ([]*reconstruction, error) {
	f := m.Program.Reconstruct
	mask, ok := f.Output("mask")
	if !ok || len(mask.Shape) != 2 {
		return nil, fmt.Errorf("the model's reconstruct block gives no mask of each token")
	}
	_, several := f.Output("target.0")
	var all []*reconstruction
	for first := 0; first < mask.Shape[1]; first += all[len(all)-1].tokens {
		r := &reconstruction{input: len(all), batch: mask.Shape[0], first: first, all: mask.Shape[1], mask: m.Floats(mask)}
		suffix := ""
		if several {
			suffix = fmt.Sprint(".", len(all))
		}
		if err := r.read(m, suffix, mask); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// read takes the outputs of the stream whose names have the suffix.
func (r *reconstruction) read(m *runtime.Machine, suffix string, mask runtime.Tensor) error {
	f := m.Program.Reconstruct
	get := map[string]runtime.Tensor{}
	for _, name := range []string{"target", "reconstruction", "adapted"} {
		t, ok := f.Output(name + suffix)
		if !ok && name == "adapted" {
			t, ok = get["reconstruction"], true // a model without inner loop
		}
		if !ok || len(t.Shape) < 2 {
			return fmt.Errorf("the model's reconstruct block gives no %q per token", name+suffix)
		}
		get[name] = t
	}
	target, out := get["target"], get["reconstruction"]
	r.tokens = target.Shape[1]
	head := []int{r.batch, r.tokens}
	if !slices.Equal(out.Shape[:2], head) || !slices.Equal(get["adapted"].Shape, out.Shape) || !slices.Equal(target.Shape[:2], head) ||
		r.tokens < 1 || r.first+r.tokens > r.all || suffix == "" && r.tokens != r.all || (target.DType == runtime.F32 && target.Len() != out.Len()) {
		return fmt.Errorf("the model's reconstruct block gives target %s, mask %s, reconstruction %s and adapted %s, which do not belong together",
			target.TypeString(), mask.TypeString(), out.TypeString(), get["adapted"].TypeString())
	}
	r.reconstruction, r.adapted = m.Floats(out), m.Floats(get["adapted"])
	r.width = len(r.reconstruction) / (r.batch * r.tokens)
	var in runtime.Input
	if inputs := m.Program.Modality.Inputs; r.input < len(inputs) {
		in = inputs[r.input]
	}
	if suffix != "" {
		if r.name = in.Name; r.name == "" {
			r.name = fmt.Sprint(r.input + 1)
		}
	}
	switch {
	case target.DType == runtime.I32:
		r.ids = m.Ints(target)
	case in.DType == runtime.I32 && r.width == in.Vocab:
		r.ids = best(m.Floats(target), r.width)
	default:
		r.target = m.Floats(target)
	}
	return nil
}

// panel is an empty panel for the stream.
func (r *reconstruction) panel(l []report.Layout) *report.Panel {
	var own report.Layout
	switch {
	case r.input < len(l):
		own = l[r.input]
	case r.ids != nil:
		own.Kind = report.Tokens
	default:
		own.Kind = report.Series
	}
	return &report.Panel{Layout: fit(own, r.tokens, r.width), Input: r.name, Measure: r.measure()}
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
	return e
}

// tally adds up a measure over visible [0] and hidden [1] tokens.
type tally struct{ sum, n [2]float64 }

// add scores example i.
func (t *tally) add(r *reconstruction, out []float32, i int) {
	width := r.width
	for j, hidden := range r.hidden(i) {
		k, where := i*r.tokens+j, 0
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
		for c, v := range row {
			d := float64(v) - float64(r.target[k*width+c])
			t.sum[where] += d * d
		}
		t.n[where] += float64(width)
	}
}

// means are the measures, 0 where no token counted.
func (t *tally) means() [2]float64 {
	return [2]float64{t.sum[0] / max(1, t.n[0]), t.sum[1] / max(1, t.n[1])}
}
