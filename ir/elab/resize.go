package elab

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"mspecc/ir"
	"mspecc/spec"
)

// FeaturesAt elaborates features anew, for batches of another size: the setting batch has
// the given value, everything else is as it was. The error says why the model has no such
// features; a model may require a certain batch, or have parameters that depend on it.
func (v *Variant) FeaturesAt(batch int) (*Func, error) {
	switch {
	case v.Features == nil:
		return nil, errors.New("the model has no features")
	case v.build == nil || len(v.Modality.Inputs) == 0:
		return nil, errors.New("the features have no data input")
	case batch < 1:
		return nil, fmt.Errorf("a batch of %d examples", batch)
	}
	return v.build.featuresAt(batch)
}

func (vb *variantBuild) featuresAt(batch int) (*Func, error) {
	size := givenSet{"batch", &spec.Number{Text: strconv.Itoa(batch), Value: float64(batch), Whole: true}}
	c := &variantBuild{p: vb.p, model: vb.model, from: vb.from, modality: vb.modality, sets: append(slices.Clone(vb.sets), size),
		sites: map[string]paramSite{}, out: &Variant{Batch: batch, Params: vb.out.Params}}
	e := c.elab("settings", false)
	c.run(e, func() *scope { return c.environment(e, true) })
	var f *Func
	if !spec.HasErrors(c.diags) {
		f = c.entry(c.model.Features, "features", false)
	}
	for _, d := range c.diags {
		if d.Severity == spec.Error {
			return nil, fmt.Errorf("%s: %s", d.Pos, d.Msg)
		}
	}
	for _, p := range f.Params {
		i := slices.IndexFunc(vb.out.Params, func(q *ir.Value) bool { return q.Attr.Name == p.Attr.Name })
		if i < 0 || !p.Type.Equal(vb.out.Params[i].Type) {
			return nil, fmt.Errorf("the parameter %s depends on the batch: it would be %s", p.Attr.Name, p.Type)
		}
	}
	return f, nil
}
