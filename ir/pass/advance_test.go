package pass

import (
	"testing"

	"mspecc/internal/progen"
	"mspecc/ir"
)

// A bias gradient of two parts of a step is summed part by part, the first one before the
// second is computed.
func TestAdvanceSumsInParts(t *testing.T) {
	b := ir.NewBuilder()
	x := b.Input("x", ir.F32, []int{32, 3})
	early, late := b.Unary(ir.Tanh, x), x
	for range farApart + 10 {
		late = b.Unary(ir.Sin, late)
	}
	near := b.Unary(ir.Cos, late)
	total := b.Binary(ir.Add, b.Binary(ir.Add, early, late), near)
	p := &Program{B: b, Outputs: []ir.Output{{Name: "db", Value: b.Sum(total, 0)}}}
	q := *p
	advance(&q, false)
	if err := ir.Verify(&q); err != nil {
		t.Fatal(err)
	}
	if msg := progen.Compare(progen.Feeds(1, p.Live()), p, &q, 1e-12); msg != "" {
		t.Error(msg)
	}
	var sums []*ir.Value
	for _, v := range q.Live() {
		if v.Op == ir.OpSum {
			sums = append(sums, v)
		}
	}
	if len(sums) != 2 || sums[0].ID > 5 {
		t.Errorf("%d sums, the first is value %d; there should be two, one of them at the start:\n%s", len(sums), sums[0].ID, &q)
	}
}
