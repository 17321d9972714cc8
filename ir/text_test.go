package ir_test

import (
	"strings"
	"testing"

	"mspecc/internal/fuzzing"
	"mspecc/internal/progen"
	"mspecc/ir"
	"mspecc/spec"
)

// compact drops what the outputs do not need, so that numbers have no gaps.
func compact(p *ir.Program) *ir.Program {
	q := &ir.Program{B: ir.NewBuilder()}
	to := map[*ir.Value]*ir.Value{}
	for _, v := range p.Live() {
		args := make([]*ir.Value, len(v.Args))
		for i, a := range v.Args {
			args[i] = to[a]
		}
		q.B.Pos, q.B.Label, q.B.Phase = v.Pos, v.Label, v.Phase
		to[v] = q.B.Copy(v, args)
	}
	for _, o := range p.Outputs {
		q.Outputs = append(q.Outputs, ir.Output{Name: o.Name, Value: to[o.Value]})
	}
	return q
}

// TestRoundTrip: parsing what was printed gives the same text again.
func TestRoundTrip(t *testing.T) {
	for _, seed := range progen.Seeds(t, 100) {
		p := compact(progen.Program(seed))
		text := p.String()
		q, err := ir.Parse("random.ir", text)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if got := q.String(); got != text {
			t.Fatalf("seed %d: printed\n%s\nafter parsing\n%s", seed, text, got)
		}
	}
}

// TestComments: positions, labels and phases survive, odd names too.
func TestComments(t *testing.T) {
	for _, label := range []string{"", "encoder.0", `a "b" c:1:2`, "x // y", `back\slash`} {
		for _, pos := range []spec.Pos{{}, {File: "a.mspec", Line: 42, Col: 5}, {File: "my models/a b.mspec", Line: 1, Col: 1},
			{File: "a\nb \"c\":1:2 \u2028.mspec", Line: 3, Col: 4}, {File: "\\\xff.mspec", Line: 5, Col: 6}} {
			for phase := ir.Forward; phase < ir.Phases; phase++ {
				b := ir.NewBuilder()
				b.Pos, b.Label, b.Phase = pos, label, phase
				p := &ir.Program{B: b, Outputs: []ir.Output{{Name: "a // b", Value: b.Input(`x "//"`, ir.F32, nil)}}}
				q, err := ir.Parse("x.ir", p.String())
				if err != nil {
					t.Fatalf("%s%v", p, err)
				}
				v := q.Outputs[0].Value
				if v.Pos != pos || v.Label != label || v.Phase != phase || q.String() != p.String() {
					t.Errorf("%sbecame %s", p, q)
				}
			}
		}
	}
}

// TestParseErrors: each wrong text names the line and what is wrong.
func TestParseErrors(t *testing.T) {
	const head = "%0: f32[2,3] = input {name: \"x\"}\n"
	for text, want := range map[string]string{
		"%1: f32[3] = sum %0 {axes: [1]}":                     "the type is written f32[3], but the arguments give f32[2]",
		"%1: f32[2] = sum %0":                                 `sum needs the attribute "axes"`,
		"%1: f32[2] = sum %0 {axes: [1], axes: [1]}":          `no attribute "axes", or has it twice`,
		"%1: f32[2] = sum %0 {axes: [2]}":                     "axes [2] of a tensor with 2 axes",
		"%1: f32[3] = sum %2 {axes: [0]}":                     "%2 is not defined above",
		"%0: f32[3] = sum %0 {axes: [0]}":                     "%0 is defined twice",
		"%1: f32[2,3] = sinus %0":                             `no operation is called "sinus"`,
		"%1: f32[2,3] = add %0":                               "add takes 2 arguments, not 1",
		"%1: f64[2,3] = neg %0":                               "expected f32, i32 or bf16x2",
		"%1: f32[2,3] = neg %0 extra":                         `unexpected "extra"`,
		"%1: f32[7] = reshape %0":                             "f32[2,3] does not reshape to f32[7]",
		"%1: f32[4,3] = broadcast %0":                         "does not broadcast",
		"%1: f32[2,3] = table {values: [1, 2]}":               "2 elements for f32[2,3]",
		"%1: f32[-1] = const {value: 1}":                      "negative extent",
		"%1: f32[2] = const {value: one}":                     "expected a number",
		"%1: f32[2,3] = neg %0  // a.mspec:1:2 sideways":      "must end with a phase",
		"%1: f32[2,3] = neg %0  // somewhere encoder forward": "expected file:line:column",
		"output \"y\" = %5":                                   "%5 is not defined above",
		"output \"y\" = %0\noutput \"y\" = %0":                "output names must be unique",
		"%1: f32[2] = input {name: \"x\"}":                    `"x" is f32[2] here but f32[2,3] before`,
		"1: f32[2]":                                           `expected "%"`,
	} {
		_, err := ir.Parse("t.ir", head+text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngives %v\nwant  %s", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("%0: f32[2,3] = input {name: \"x\"}\n%1: f32[2] = sum %0 {axes: [1]}  // a:1:2 b inner\noutput \"y\" = %1")
	for seed := range uint64(3) {
		f.Add(progen.Program(seed).String())
	}
	fuzzing.Bound(f)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ir.Parse("fuzz.ir", text)
		if err != nil {
			return
		}
		again, err := ir.Parse("printed.ir", p.String())
		if err != nil {
			t.Fatalf("%v in\n%s", err, p)
		}
		if len(again.Live()) != len(p.Live()) {
			t.Fatalf("%s\nbecame\n%s", p, again)
		}
	})
}
