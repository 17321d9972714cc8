package ir_test

import (
	"math"
	"slices"
	"testing"

	"mspecc/internal/progen"
	"mspecc/ir"
)

// meanings are worked examples: what an operation computes from small arguments. x is
// f32[2,3] = 1..6, y is f32[2,3] = 6..1, i is i32[2] = 2, 0.
var meanings = map[ir.Op]struct {
	text string // the result is %9
	want []float64
}{
	ir.OpConst:        {`%9: f32[2] = const {value: 3}`, []float64{3, 3}},
	ir.OpTable:        {`%9: f32[2] = table {values: [3, 4]}`, []float64{3, 4}},
	ir.OpParam:        {`%9: f32[2] = param {name: "p"}`, []float64{7, 8}},
	ir.OpInput:        {`%9: f32[2] = input {name: "p"}`, []float64{7, 8}},
	ir.OpUniform:      {`%9: f32[2] = uniform {name: "p"}`, []float64{7, 8}},
	ir.OpIota:         {`%9: f32[2,3] = iota {axis: 1}`, []float64{0, 1, 2, 0, 1, 2}},
	ir.Neg:            {`%9: f32[2,3] = neg %0`, []float64{-1, -2, -3, -4, -5, -6}},
	ir.Exp:            {`%9: f32[2] = exp %3`, []float64{math.Exp(2.5), math.Exp(-1.5)}},
	ir.Log:            {`%9: f32[2,3] = log %0`, []float64{0, math.Ln2, math.Log(3), math.Log(4), math.Log(5), math.Log(6)}},
	ir.Sqrt:           {`%9: f32[2,3] = sqrt %0`, []float64{1, math.Sqrt2, math.Sqrt(3), 2, math.Sqrt(5), math.Sqrt(6)}},
	ir.Tanh:           {`%9: f32[2] = tanh %3`, []float64{math.Tanh(2.5), -math.Tanh(1.5)}},
	ir.Erfc:           {`%9: f32[2] = erfc %3`, []float64{math.Erfc(2.5), math.Erfc(-1.5)}},
	ir.Erf:            {`%9: f32[2] = erf %3`, []float64{math.Erf(2.5), -math.Erf(1.5)}},
	ir.Sin:            {`%9: f32[2] = sin %3`, []float64{math.Sin(2.5), -math.Sin(1.5)}},
	ir.Cos:            {`%9: f32[2] = cos %3`, []float64{math.Cos(2.5), math.Cos(1.5)}},
	ir.Abs:            {`%9: f32[2] = abs %3`, []float64{2.5, 1.5}},
	ir.Sign:           {`%9: f32[2] = sign %3`, []float64{1, -1}},
	ir.Floor:          {`%9: f32[2] = floor %3`, []float64{2, -2}},
	ir.Add:            {`%9: f32[2,3] = add %0 %1`, []float64{7, 7, 7, 7, 7, 7}},
	ir.Sub:            {`%9: f32[2,3] = sub %0 %1`, []float64{-5, -3, -1, 1, 3, 5}},
	ir.Mul:            {`%9: f32[2,3] = mul %0 %1`, []float64{6, 10, 12, 12, 10, 6}},
	ir.Div:            {`%9: f32[2,3] = div %0 %1`, []float64{1. / 6, 0.4, 0.75, 4. / 3, 2.5, 6}},
	ir.Max:            {`%9: f32[2,3] = max %0 %1`, []float64{6, 5, 4, 4, 5, 6}},
	ir.Min:            {`%9: f32[2,3] = min %0 %1`, []float64{1, 2, 3, 3, 2, 1}},
	ir.Lt:             {`%9: f32[2,3] = lt %0 %1`, []float64{1, 1, 1, 0, 0, 0}},
	ir.Le:             {`%9: f32[2] = le %3 %3`, []float64{1, 1}},
	ir.Eq:             {`%9: f32[2] = eq %2 %2`, []float64{1, 1}},
	ir.OpSelect:       {`%9: f32[2,3] = select %4 %0 %1`, []float64{1, 5, 3, 3, 5, 1}},
	ir.OpFloat:        {`%9: f32[2] = float %2`, []float64{2, 0}},
	ir.OpInt:          {`%9: i32[2] = int %3`, []float64{2, -1}},
	ir.OpSum:          {`%9: f32[2] = sum %0 {axes: [1]}`, []float64{6, 15}},
	ir.OpSoftmax:      {`%9: f32[2] = softmax %3`, []float64{math.Exp(4) / (math.Exp(4) + 1), 1 / (math.Exp(4) + 1)}},
	ir.OpMax:          {`%9: f32[3] = maximum %1 {axes: [0]}`, []float64{6, 5, 4}},
	ir.OpReshape:      {`%9: f32[3,2] = reshape %0`, []float64{1, 2, 3, 4, 5, 6}},
	ir.OpTranspose:    {`%9: f32[3,2] = transpose %0 {perm: [1, 0]}`, []float64{1, 4, 2, 5, 3, 6}},
	ir.OpBroadcast:    {`%9: f32[2,2] = broadcast %5`, []float64{2.5, 2.5, -1.5, -1.5}},
	ir.OpSlice:        {`%9: f32[1,2] = slice %0 {lo: [1, 0], hi: [2, 3], step: [1, 2]}`, []float64{4, 6}},
	ir.OpPad:          {`%9: f32[6] = pad %3 {lo: [1], hi: [2], step: [2]}`, []float64{0, 2.5, 0, -1.5, 0, 0}},
	ir.OpConcat:       {`%9: f32[2,4] = concat %0 %5 {axis: 1}`, []float64{1, 2, 3, 2.5, 4, 5, 6, -1.5}},
	ir.OpMatMul:       {`%9: f32[2,1] = matmul %0 %6`, []float64{4, 10}},
	ir.OpGather:       {`%9: f32[2,2] = gather %7 %2 {batch: 0}`, []float64{3, 6, 1, 4}},
	ir.OpScatterAdd:   {`%9: f32[3] = scatter_add %3 %2 {batch: 0, rows: 3}`, []float64{-1.5, 0, 2.5}},
	ir.OpArgSort:      {`%9: i32[2,3] = argsort %8`, []float64{1, 2, 0, 1, 0, 2}},
	ir.OpStopGradient: {`%9: f32[2] = stop_gradient %3`, []float64{2.5, -1.5}},
}

const arguments = `
%0: f32[2,3] = input {name: "x"}
%1: f32[2,3] = input {name: "y"}
%2: i32[2] = input {name: "i"}
%3: f32[2] = table {values: [2.5, -1.5]}
%4: f32[2,3] = table {values: [1, 0, 1, 0, 1, 0]}
%5: f32[2,1] = reshape %3
%6: f32[3,1] = table {values: [1, 0, 1]}
%7: f32[3,2] = transpose %0 {perm: [1, 0]}
%8: f32[2,3] = select %4 %1 %0
`

// TestMeanings runs the worked examples, one for every operation.
func TestMeanings(t *testing.T) {
	feeds := map[string][]float64{"x": {1, 2, 3, 4, 5, 6}, "y": {6, 5, 4, 3, 2, 1}, "i": {2, 0}, "p": {7, 8}}
	for _, op := range ir.Ops() {
		m, ok := meanings[op]
		if !ok {
			t.Errorf("%s has no worked example", op)
			continue
		}
		p, err := ir.Parse(op.String(), arguments+m.text+"\noutput \"r\" = %9")
		if err != nil {
			t.Error(err)
			continue
		}
		out, err := ir.Eval(feeds, p.Roots()...)
		if err != nil {
			t.Errorf("%s: %v", op, err)
			continue
		}
		if p.Outputs[0].Value.Op != op || !slices.EqualFunc(out[0], m.want, func(x, y float64) bool { return math.Abs(x-y) < 1e-15 }) {
			t.Errorf("%s = %v, want %v", m.text, out[0], m.want)
		}
	}
}

// TestEvalErrors: what is missing or misshapen is named.
func TestEvalErrors(t *testing.T) {
	b := ir.NewBuilder()
	x := b.Input("x", ir.F32, []int{2})
	i := b.Input("i", ir.I32, []int{2})
	for _, feeds := range []map[string][]float64{{}, {"x": {1}}, {"x": {1, 2}, "i": {0, 2}}, {"x": {1, 2}, "i": {-1, 0}}} {
		if _, err := ir.Eval(feeds, b.Gather(x, i, 0)); err == nil {
			t.Errorf("%v is accepted", feeds)
		}
	}
}

// folded builds p again with the simplifications on.
func folded(p *ir.Program) *ir.Program {
	q := &ir.Program{B: ir.NewBuilder()}
	q.B.Fold = true
	to := map[*ir.Value]*ir.Value{}
	for _, v := range p.Live() {
		args := make([]*ir.Value, len(v.Args))
		for i, a := range v.Args {
			args[i] = to[a]
		}
		to[v] = q.B.Copy(v, args)
	}
	for _, o := range p.Outputs {
		q.Outputs = append(q.Outputs, ir.Output{Name: o.Name, Value: to[o.Value]})
	}
	return q
}

// TestFoldPrograms: the simplifications change no number of a random program and never
// lengthen it much.
func TestFoldPrograms(t *testing.T) {
	for _, seed := range progen.Seeds(t, 300) {
		p := progen.Program(seed)
		q := folded(p)
		if err := ir.Verify(q); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if msg := progen.Compare(progen.Feeds(seed, p.Live()), p, q, 1e-9); msg != "" {
			t.Fatalf("seed %d: %s", seed, msg)
		}
	}
}
