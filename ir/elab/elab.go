package elab

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"mspecc/ir"
	"mspecc/spec"
)

// What elaboration may use up; far above any real model.
const (
	maxSteps  = 3_000_000 // statements and expressions evaluated per function
	maxValues = 300_000   // values of one graph
	maxCalls  = 64        // calls inside each other
	maxLen    = 1 << 31   // elements of one tensor
	maxErrors = 20
)

// elab elaborates one entry point of a model (objective, features, ...) into a graph.
type elab struct {
	v        *variantBuild
	b        *ir.Builder
	training bool
	fn       *Func

	at      spec.Range // what is being evaluated, for errors of the builder
	frames  []frame
	labels  []label
	steps   int
	unnamed map[string]int // random streams without a name, by label path
	streams map[string]streamName
	outputs map[string]spec.Range // where each is named
	holds   ir.Bounds             // the numbers that tensors can hold
	diags   []spec.Diagnostic
}

// frame is a call that has not returned.
type frame struct {
	fn   *spec.Func
	call spec.Range
}

// label is one part of the path that names parameters.
type label struct {
	text string
	pos  spec.Pos
}

// failure is a diagnostic on its way to the statement that recovers it; a failure without
// message comes from a value that was poisoned by an earlier one.
type failure struct{ spec.Diagnostic }

func (e *elab) fail(at spec.Range, code, format string, args ...any) {
	e.failWith(at, code, nil, format, args...)
}

func (e *elab) failWith(at spec.Range, code string, notes []spec.Note, format string, args ...any) {
	panic(failure{spec.Diagnostic{Pos: at.Pos, End: at.End, Code: code, Msg: fmt.Sprintf(format, args...), Notes: notes}})
}

// stopped ends the elaboration of an entry point after too many errors or steps.
var errStopped = errors.New("stopped")

// guard runs f; if it fails, the diagnostic is kept and false returned. This is the one
// place where errors of the spec and of the tensor builder end.
func (e *elab) guard(f func()) (ok bool) {
	frames, labels := len(e.frames), len(e.labels)
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		var d spec.Diagnostic
		switch r := r.(type) {
		case failure:
			d = r.Diagnostic
		case *ir.Error:
			d = e.builderError(r)
		default:
			panic(r)
		}
		if d.Msg != "" {
			e.diags = append(e.diags, e.located(d))
		}
		e.frames, e.labels = e.frames[:frames], e.labels[:labels]
		e.setLabel()
		if len(e.diags) >= maxErrors || d.Code == "E081" {
			panic(errStopped)
		}
	}()
	f()
	return true
}

// builderError turns an error of the tensor builder into a diagnostic with the shapes of
// the arguments and where they come from.
func (e *elab) builderError(err *ir.Error) spec.Diagnostic {
	d := spec.Diagnostic{Pos: e.at.Pos, End: e.at.End, Code: "E032", Msg: err.Op + ": " + err.Msg}
	if err.Op == "grad" {
		d.Code = "E050"
	}
	for i, a := range err.Args {
		what := "the argument"
		switch {
		case err.Op == "param" || err.Op == "uniform":
			what = "the first"
		case len(err.Args) > 1:
			what = fmt.Sprintf("argument %d", i+1)
		}
		d.Notes = append(d.Notes, spec.Note{Pos: a.Pos, Msg: fmt.Sprintf("%s is %s", what, a.Type)})
	}
	return d
}

// located moves an error inside the standard library to the call in the user's file, and
// adds the calls that led there.
func (e *elab) located(d spec.Diagnostic) spec.Diagnostic {
	calls := e.frames
	if strings.HasPrefix(d.Pos.File, "--set ") {
		d.Pos.Line, d.End = 0, spec.Pos{}
		return d
	}
	if isStd(d.Pos) {
		for i := len(calls) - 1; i >= 0; i-- {
			if !isStd(calls[i].call.Pos) && calls[i].call.Pos.Known() {
				d.Notes = append(d.Notes, spec.Note{Pos: d.Pos, Msg: "found in " + calls[len(calls)-1].fn.Name.Text})
				d.Pos, d.End = calls[i].call.Pos, calls[i].call.End
				calls = calls[:i]
				break
			}
		}
	}
	for i := len(calls) - 1; i >= 0 && i >= len(calls)-4; i-- {
		if calls[i].call.Pos.Known() {
			d.Notes = append(d.Notes, spec.Note{Pos: calls[i].call.Pos, Msg: "called here: " + calls[i].fn.Name.Text})
		}
	}
	return d
}

// step counts work, so that no program runs on for ever.
func (e *elab) step(at spec.Range) {
	if e.steps++; e.steps > maxSteps {
		e.fail(at, "E081", "the program is too large: more than %d operations at compile time", maxSteps)
	}
}

// tensor checks a tensor that was just made against the limits.
func (e *elab) tensor(v *ir.Value) *ir.Value {
	if v.Len() > maxLen {
		e.fail(e.at, "E081", "the tensor %s has more than %d elements", v.Type, maxLen)
	}
	if len(e.b.Values()) > maxValues {
		e.fail(e.at, "E081", "the model is too large: more than %d tensor operations", maxValues)
	}
	e.checkWhole(v)
	return v
}

// maxWhole is the largest magnitude up to which kernels compute with whole numbers: they do so in f32, which
// skips odd numbers beyond it.
const maxWhole = 1 << 24

// checkWhole refuses whole numbers whose arithmetic can leave what kernels compute exactly.
func (e *elab) checkWhole(v *ir.Value) {
	if v.Type.DType != ir.I32 || v.Op == ir.OpInt || len(v.Args) > 0 && v.Op.Class() != ir.Elementwise && v.Op != ir.OpArgSort {
		return // only cut off, addressed in another way, or picked: nothing is computed
	}
	got := e.holds.Of(v)
	if got.Within(-maxWhole, maxWhole) {
		return
	}
	var notes []spec.Note
	for i, a := range v.Args {
		b := e.holds.Of(a)
		notes = append(notes, spec.Note{Pos: a.Pos, Msg: fmt.Sprintf("argument %d is %s, %s", i+1, a.Type, span(b))})
	}
	if len(v.Args) > 0 {
		notes = append(notes, spec.Note{Msg: "int(min(max(x, 0.0), n)) bounds a number before it becomes a whole one"})
	}
	e.failWith(e.at, "E036", notes, "the whole numbers of %s can be %s: arithmetic with them is exact up to %d", v.Type, span(got), maxWhole)
}

// span words an interval.
func span(i ir.Interval) string {
	if math.IsInf(i.Lo, -1) && math.IsInf(i.Hi, 1) {
		return "of any size"
	}
	return fmt.Sprintf("from %.17g to %.17g", i.Lo, i.Hi)
}

func (e *elab) labelPath() string {
	parts := make([]string, len(e.labels))
	for i, l := range e.labels {
		parts[i] = l.text
	}
	return strings.Join(parts, ".")
}

func (e *elab) setLabel() { e.b.Label = e.labelPath() }

// focus makes r the place of values and errors from here on.
func (e *elab) focus(r spec.Range) {
	e.at, e.b.Pos = r, r.Pos
}

// focusUser makes the innermost call in a file of the user's own the place of what comes now: an index that is
// out of range at run time is named by its line.
func (e *elab) focusUser() {
	if !isStd(e.at.Pos) {
		return
	}
	for i := len(e.frames) - 1; i >= 0; i-- {
		if at := e.frames[i].call; !isStd(at.Pos) && at.Pos.Known() {
			e.focus(at)
			return
		}
	}
}

// param declares a trained tensor below the current labels.
func (e *elab) param(p *spec.Param, env *scope) value {
	shape := e.shapeOf(p.Shape, env)
	in := e.initial(e.eval(p.Init, env), p.Init.Where(), shape)
	name := p.Name.Text
	if path := e.labelPath(); path != "" {
		name = path + "." + name
	}
	site := p.Pos.String()
	for _, l := range e.labels {
		site += " " + l.pos.String()
	}
	e.focus(p.Range)
	e.register(name, site, p)
	v := e.tensor(e.b.Param(name, shape, in))
	if !slices.Contains(e.fn.Params, v) {
		e.fn.Params = append(e.fn.Params, v)
	}
	return v
}

// register makes sure that a name always means the same declaration under the same labels.
func (e *elab) register(name, site string, p *spec.Param) {
	at := p.Pos
	if len(e.labels) > 0 {
		at = e.labels[len(e.labels)-1].pos
	}
	known, ok := e.v.sites[name]
	if !ok {
		e.v.sites[name] = paramSite{site, p.Pos, at}
		return
	}
	if known.site != site {
		notes := []spec.Note{{Pos: known.at, Msg: "it has this name here first"}, {Pos: at, Msg: "and here again"}}
		e.failWith(p.Range, "E040", append(notes, spec.Note{Msg: "give one of them another label"}),
			"two different parameters are named %s", name)
	}
}

// paramSite is where a parameter got its name.
type paramSite struct {
	site     string
	decl, at spec.Pos
}

// initial completes an initialisation for a shape.
func (e *elab) initial(v value, at spec.Range, shape []int) ir.Init {
	if b, ok := v.(*builtin); ok {
		switch b.name {
		case "zeros", "ones":
			v = map[string]int{"zeros": 0, "ones": 1}[b.name]
		default:
			if b.group == "initialisation" {
				v = e.callBuiltin(b, nil, at)
			}
		}
	}
	if x, ok := number(v); ok {
		return ir.Init{Kind: "const", A: x}
	}
	in, ok := v.(initial)
	if !ok {
		e.fail(at, "E031", "a parameter is initialised by a number or an initialisation such as xavier_uniform, not %s", describe(v))
	}
	// The last axes of [out, in, ...] are what one output sums over.
	fanOut, fanIn := 1, 1
	if len(shape) > 0 {
		fanOut = shape[0]
		for _, n := range shape[1:] {
			fanIn *= n
		}
	}
	if in.FanIn == 0 {
		in.FanIn = fanIn
	}
	if in.FanOut == 0 {
		in.FanOut = fanOut
	}
	if in.fanIn {
		bound := 1 / sqrt(float64(in.FanIn))
		return ir.Init{Kind: "uniform", A: -bound, B: bound}
	}
	if in.Kind != "xavier_uniform" {
		in.FanIn, in.FanOut = 0, 0
	}
	return in.Init
}
