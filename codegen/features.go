package codegen

import (
	"fmt"
	"slices"

	"mspecc/ir"
	"mspecc/ir/elab"
)

// entry is a function of a variant that is to be compiled.
type entry struct {
	name string
	fn   *elab.Func
}

// smallBatches are the sizes, beside the model's own, that features are compiled for: a
// request for one embedding need not pay for a whole batch.
var smallBatches = []int{1, 8}

// pullbackBatch bounds the batch of the pullback, which keeps every intermediate value of
// the encoder: gradients of larger batches are sums over several calls.
const pullbackBatch = 32

// smallName is the name of the features for a smaller batch.
const smallName = "Features"

// entries lists the entry points of the spec and what follows from its features: their
// pullback, by which a trainer tunes the encoder, and the same for smaller batches.
func entries(v *elab.Variant) []entry {
	all := []entry{{"Step", v.Objective}, {"Replay", v.Replay}, {"Features", v.Features}, {"Reconstruct", v.Reconstruct}}
	all = slices.DeleteFunc(all, func(e entry) bool { return e.fn == nil })
	for _, n := range smallBatches {
		// A model that cannot have such a batch does without; info lists those there are.
		if f, err := v.FeaturesAt(n); err == nil && 2*n <= v.Batch {
			all = append(all, entry{fmt.Sprint(smallName, n), f})
		}
	}
	if f, err := v.FeaturesAt(min(v.Batch, pullbackBatch)); err == nil && len(tunable(f)) > 0 {
		all = append(all, entry{"Pullback", f})
	}
	return all
}

// pulled are the outputs of features that a loss may be of: the vectors of the examples and, where
// they are exposed, those of their tokens; with the name of the input that holds the derivative by each.
func pulled(f *elab.Func) (values []*ir.Value, cotangents []string) {
	values, cotangents = []*ir.Value{f.Outputs[0].Value}, []string{"cotangent"}
	for _, o := range f.Outputs[1:] {
		if o.Name == "tokens" && len(o.Value.Shape()) == 3 {
			values, cotangents = append(values, o.Value), append(cotangents, "cotangent.tokens")
		}
	}
	return values, cotangents
}

// tunable lists the parameters that features depend on in a differentiable way, in the
// order of their first use.
func tunable(f *elab.Func) []*ir.Value {
	values, _ := pulled(f)
	return slices.DeleteFunc(slices.Clone(f.Params), func(p *ir.Value) bool {
		return !slices.ContainsFunc(values, func(v *ir.Value) bool {
			ok, _ := f.B.GradPath(v, p)
			return ok
		})
	})
}

// pullback adds the gradient of the sum of cotangent [B, D] times features to a graph, and of
// cotangent.tokens [B, L, D] times the vectors of the tokens: one output for each parameter that
// they depend on. With the derivative of any loss by the features as the cotangent it is the
// derivative of that loss by the parameters.
func pullback(f *elab.Func) []ir.Output {
	b := f.B
	values, names := pulled(f)
	var loss *ir.Value
	for i, v := range values {
		axes := []int{0, 1, 2}[:len(v.Shape())]
		part := b.Sum(b.Binary(ir.Mul, v, b.Input(names[i], ir.F32, v.Shape())), axes...)
		if loss != nil {
			part = b.Binary(ir.Add, loss, part)
		}
		loss = part
	}
	ir.MarkInner([]*ir.Value{loss})
	b.Phase = ir.Backward
	wrt := tunable(f)
	var grads []ir.Output
	for i, g := range b.Grad(loss, wrt...) {
		grads = append(grads, ir.Output{Name: "grad." + wrt[i].Attr.Name, Value: g})
	}
	return grads
}
