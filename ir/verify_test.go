package ir

import (
	"strings"
	"testing"
)

// TestVerify breaks a valid graph in each way that Verify knows.
func TestVerify(t *testing.T) {
	for want, corrupt := range map[string]func(p *Program, x, y *Value){
		"stands at place":              func(_ *Program, x, _ *Value) { x.ID = 9 },
		"not an earlier value":         func(_ *Program, x, y *Value) { y.Args[0] = y },
		"the arguments give f32[2]":    func(_ *Program, _, y *Value) { y.Type.Shape = []int{3} },
		"attributes that sum does not": func(_ *Program, _, y *Value) { y.Attr.Rows = 4 },
		"axes [0 0]":                   func(_ *Program, _, y *Value) { y.Attr.Axes = []int{0, 0} },
		"phase 9":                      func(_ *Program, _, y *Value) { y.Phase = 9 },
		"no such operation":            func(_ *Program, _, y *Value) { y.Op = opCount },
		"not a value of this graph":    func(p *Program, _, _ *Value) { p.Outputs[0].Value = NewBuilder().Const(1) },
		"unique and not empty":         func(p *Program, _, _ *Value) { p.Outputs[0].Name = "" },
		"needs a name":                 func(_ *Program, x, _ *Value) { x.Attr.Name = "" },
		"is no integer":                func(p *Program, _, _ *Value) { p.B.SplatInt(1).Attr.Const = 0.5 },
		"is the input x too":           func(p *Program, _, _ *Value) { p.B.Input("z", F32, nil).Attr.Name = "x" },
	} {
		b := NewBuilder()
		x := b.Input("x", F32, []int{2, 3})
		p := &Program{B: b, Outputs: []Output{{"y", b.Sum(x, 1)}}}
		if err := Verify(p); err != nil {
			t.Fatal(err)
		}
		corrupt(p, x, p.Outputs[0].Value)
		if err := Verify(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
