package elab

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mspecc/internal/refcase"
	"mspecc/ir"
)

// The examples agree with the float64 reference in losses, gradients and features, and
// have its parameters in its order.
func TestReference(t *testing.T) {
	cases, err := refcase.All()
	if err != nil {
		t.Fatal(err)
	}
	own, err := refcase.Load("testdata/cases/rectangle.json") // unequal sides and patches
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range append(cases, own) {
		t.Run(c.Name, func(t *testing.T) {
			full := strings.HasSuffix(c.Name, "_full")
			v := loadCase(t, c)
			checkParams(t, c, v)
			if full && os.Getenv("MSPECC_SLOW") == "" {
				return // the interpreter takes seconds
			}
			checkStep(t, c, v)
			if !full {
				checkFeatureShape(t, c, v)
			}
		})
	}
}

func loadCase(t *testing.T, c *refcase.Case) *Variant {
	t.Helper()
	text, sets, err := c.SpecFor()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), c.Name+".mspec")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	m := load(t, file, Options{Set: sets})
	if len(m.Variants) != 1 || m.Variants[0].Modality.Name != c.Name {
		t.Fatalf("variants %v", m.Variants)
	}
	return m.Variants[0]
}

func checkParams(t *testing.T, c *refcase.Case, v *Variant) {
	t.Helper()
	var got, want []string
	for _, p := range v.Params {
		got = append(got, p.Attr.Name+p.Type.String())
	}
	for _, p := range c.Params() {
		want = append(want, p.Name+ir.Type{Shape: p.Shape}.String())
	}
	if !slices.Equal(got, want) {
		t.Fatalf("parameters\n%v\nwant\n%v", got, want)
	}
}

func feeds(c *refcase.Case, step int) map[string][]float64 {
	out := map[string][]float64{}
	for _, p := range c.Params() {
		out[p.Name] = c.Values(p)
	}
	b := c.Step(step)
	out["x"], out["mask_noise"], out["support_noise"] = b.X, b.MaskNoise, b.SupportNoise
	for _, id := range b.Tokens {
		out["x"] = append(out["x"], float64(id))
	}
	return out
}

func checkStep(t *testing.T, c *refcase.Case, v *Variant) {
	t.Helper()
	f := v.Replay
	var want []*ir.Value
	for _, o := range f.Outputs {
		want = append(want, o.Value)
	}
	params := map[string]*ir.Value{}
	for _, p := range f.Params {
		params[p.Attr.Name] = p
	}
	var wrt []*ir.Value
	for _, p := range c.Params() {
		wrt = append(wrt, params[p.Name])
	}
	f.B.Phase = ir.Backward
	want = append(want, f.B.Grad(f.Outputs[0].Value, wrt...)...)
	got, err := ir.Eval(feeds(c, 0), want...)
	if err != nil {
		t.Fatal(err)
	}
	losses := map[string]float64{}
	for i, o := range f.Outputs {
		if o.Value.Rank() == 0 {
			losses[o.Name] = got[i][0]
		}
	}
	if err := c.CheckLosses(0, losses, c.F64()); err != nil {
		t.Error(err)
	}
	for i, p := range c.Params() {
		if err := c.CheckGrad(p, got[len(f.Outputs)+i], c.F64()); err != nil {
			t.Error(err)
		}
	}
}

func checkFeatureShape(t *testing.T, c *refcase.Case, v *Variant) {
	t.Helper()
	out := v.Features.Outputs[0].Value
	if !slices.Equal(out.Shape(), []int{c.Batch, c.Encoder.Width}) {
		t.Errorf("features are %s", out.Type)
	}
	got, err := ir.Eval(feeds(c, 0), out)
	if err != nil {
		t.Fatal(err)
	}
	if len(got[0]) != c.Batch*c.Encoder.Width {
		t.Errorf("%d features", len(got[0]))
	}
}
