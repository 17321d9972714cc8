// Package pass rewrites tensor programs: one list of passes, one file for each.
//
// A pass never changes a Value; it builds the graph anew (see Rebuild) and leaves a
// program that ir.Verify accepts and that computes the same numbers.
package pass

import (
	"fmt"
	"slices"
	"strings"

	"mspecc/ir"
)

// Program is what passes rewrite: a graph and its named outputs.
type Program = ir.Program

// Options choose what Run does.
type Options struct {
	Disable []string                             // optional passes to leave out, by name
	Observe func(stage string, p *Program)       // called with the program as it is given ("elaborated" or "input") and after each pass; may be nil
	Check   bool                                 // verify after each pass
	BF16    bool                                 // matrix products take bf16
	Fired   func(pass string, before, after int) // number of live values around each pass; may be nil
}

// pass is one entry of the list.
type pass struct {
	name     string
	doc      string
	required bool // later stages rely on it
	run      func(p *Program, fold bool)
	bf16     bool // for that precision only
	first    bool // before the gradient of the objective is taken; see Prepare
}

// passes run in this order.
var passes = []pass{
	{name: "rows", doc: "rows looked up in a table are worked on there, rows that nobody reads are left out", run: rows, first: true},
	{name: "erase-stop-gradient", doc: "stop_gradient becomes its argument", required: true, run: eraseStopGradient},
	{name: "empty", doc: "tensors without elements are gone", required: true, run: empty},
	{name: "open", doc: "softmax becomes its definition", required: true, run: open},
	{name: "simplify", doc: "local rules and common subexpressions, until nothing changes", run: simplify},
	{name: "terms", doc: "equal terms of a sum are added up, pads that fit together are joined", run: terms},
	{name: "hoist", doc: "views and divisions move to where there is less to do", run: hoist},
	{name: "const-fold", doc: "what depends on no input is computed now", run: constFold},
	{name: "split-reduce", doc: "each reduction covers one block of axes, large ones in two steps", required: true, run: splitReduce},
	{name: "bf16", doc: "with precision bf16, matrix products take operands rounded to it", required: true, run: bf16, bf16: true},
	{name: "advance", doc: "small results of large values are computed as soon as these are there", run: advance},
	{name: "phases", doc: "forward values that only the inner gradient needs count as inner", run: phases},
	{name: "dce", doc: "only what the outputs need stays", required: true, run: dce},
}

// order says which pass must come before which, and why.
var order = []struct{ before, after, why string }{
	{"empty", "simplify", "no rule has to think of them"},
	{"open", "simplify", "its result is simplified with the rest"},
	{"rows", "erase-stop-gradient", "gradients are taken after it"},
	{"erase-stop-gradient", "simplify", "the rules see through what is no longer there"},
	{"erase-stop-gradient", "const-fold", "a stopped constant is a constant"},
	{"simplify", "terms", "terms are compared by identity, which common subexpressions give them"},
	{"simplify", "hoist", "its rules expect simple arguments"},
	{"hoist", "const-fold", "small constants are made before they are repeated"},
	{"simplify", "split-reduce", "it would undo nothing, but must not see split sums as new work"},
	{"hoist", "split-reduce", "a moved transpose changes which axes a sum covers"},
	{"const-fold", "split-reduce", "reductions of constants are gone"},
	{"split-reduce", "phases", "new values get their phase there"},
	{"hoist", "bf16", "operands are packed below views that do not move any more"},
	{"const-fold", "bf16", "constants are made in full precision"},
	{"bf16", "phases", "new values get their phase there"},
	{"bf16", "advance", "operands are packed"},
	{"advance", "phases", "that pass may as well be left out"},
	{"phases", "dce", "dce is last, so that the result has no gaps"},
}

// Pass describes one entry of the list to users.
type Pass struct {
	Name, Doc string
	Required  bool
}

// List returns the passes in the order in which they run.
func List() []Pass {
	list := make([]Pass, len(passes))
	for i, p := range passes {
		list[i] = Pass{p.name, p.doc, p.required}
	}
	return list
}

// Prepare applies the passes that come before the gradient of an objective is taken. Errors are those
// of Run.
func Prepare(p *Program, opt Options) error {
	return run(p, opt, "elaborated", true)
}

// Run applies all other passes that are not disabled to p. The error names the pass at fault, or
// a pass in Disable that does not exist or is required.
func Run(p *Program, opt Options) error {
	return run(p, opt, "input", false)
}

func run(p *Program, opt Options, start string, first bool) error {
	if err := checkDisabled(opt.Disable); err != nil {
		return err
	}
	observe := func(stage string) error {
		if opt.Observe != nil {
			opt.Observe(stage, p)
		}
		if opt.Check {
			if err := ir.Verify(p); err != nil {
				return fmt.Errorf("after pass %q: %w", stage, err)
			}
		}
		return nil
	}
	if err := observe(start); err != nil {
		return err
	}
	fold := !slices.Contains(opt.Disable, "simplify")
	for _, s := range passes {
		if s.first != first || slices.Contains(opt.Disable, s.name) || s.bf16 && !opt.BF16 {
			continue
		}
		before := len(p.Live())
		if err := ir.Try(func() { s.run(p, fold) }); err != nil {
			return fmt.Errorf("pass %q: %w", s.name, err)
		}
		if opt.Fired != nil {
			opt.Fired(s.name, before, len(p.Live()))
		}
		if err := observe(s.name); err != nil {
			return err
		}
	}
	return nil
}

func checkDisabled(names []string) error {
	for _, n := range names {
		i := slices.IndexFunc(passes, func(p pass) bool { return p.name == n })
		if i < 0 || passes[i].required {
			var optional []string
			for _, p := range passes {
				if !p.required {
					optional = append(optional, p.name)
				}
			}
			return fmt.Errorf("pass %q cannot be disabled; these can: %s", n, strings.Join(optional, ", "))
		}
	}
	return nil
}

// Rewrite gives another value, built in b, for v of the old graph; nil leaves v as it is.
// to leads from values of the old graph to what they became.
type Rewrite func(b *ir.Builder, v *ir.Value, to func(old *ir.Value) *ir.Value) *ir.Value

// Rebuild copies what p's outputs need into a new builder, which folds if fold is set;
// rewrite may be nil. Position, label and phase go over to all that replaces a value.
func Rebuild(p *Program, fold bool, rewrite Rewrite) {
	b := ir.NewBuilder()
	b.Fold = fold
	became := map[*ir.Value]*ir.Value{}
	to := func(old *ir.Value) *ir.Value { return became[old] }
	for _, v := range p.Live() {
		b.Pos, b.Label, b.Phase = v.Pos, v.Label, v.Phase
		var w *ir.Value
		if rewrite != nil {
			w = rewrite(b, v, to)
		}
		if w == nil {
			args := make([]*ir.Value, len(v.Args))
			for i, a := range v.Args {
				args[i] = to(a)
			}
			w = b.Copy(v, args)
		}
		if !w.Type.Equal(v.Type) {
			panic(&ir.Error{Op: v.Op.String(), Msg: fmt.Sprintf("a rewrite turned %s into %s", v.Type, w.Type), Args: v.Args})
		}
		became[v] = w
	}
	outputs := make([]ir.Output, len(p.Outputs))
	for i, o := range p.Outputs {
		outputs[i] = ir.Output{Name: o.Name, Value: to(o.Value)}
	}
	p.B, p.Outputs = b, outputs
}

// users lists, for every value of a graph, the values that have it as an argument.
func users(values []*ir.Value) map[*ir.Value][]*ir.Value {
	u := map[*ir.Value][]*ir.Value{}
	for _, v := range values {
		for i, a := range v.Args {
			if slices.Index(v.Args, a) == i {
				u[a] = append(u[a], v)
			}
		}
	}
	return u
}
