package ir

import (
	"math/rand/v2"
	"testing"
)

// Origin says of every element what the interpreter makes of it, for every operation that keeps elements as they are.
func TestOrigin(t *testing.T) {
	b := NewBuilder()
	x := b.Input("x", F32, []int{2, 6, 4})
	ids := b.Input("ids", I32, []int{2, 5})
	w := b.Param("w", []int{4}, Init{})
	rows := b.Table(Type{I32, []int{4}}, []float64{5, 0, 3, 3})
	batched := b.Table(Type{I32, []int{2, 3}}, []float64{5, 0, 3, 1, 2, 4})
	values := []*Value{
		x, w, b.Reshape(x, []int{4, 12}), b.Transpose(b.Reshape(x, []int{2, 2, 3, 4}), 0, 2, 1, 3),
		b.Slice(x, []int{0, 1, 0}, []int{2, 6, 3}, []int{1, 2, 1}), b.Broadcast(w, []int{2, 3, 4}),
		b.Broadcast(b.Reshape(w, []int{4, 1}), []int{3, 4, 5}), b.Concat(1, x, b.Slice(x, []int{0, 0, 0}, []int{2, 2, 4}, nil), b.Splat(7, 2, 1, 4)),
		b.Pad(x, []int{0, 1, 0}, []int{0, 0, 2}), b.Gather(b.Transpose(x, 1, 0, 2), rows, 0), b.Gather(x, batched, 1),
		b.StopGradient(x), b.Float(ids), b.Iota([]int{2, 3, 4}, 1), b.Int(b.Iota([]int{5}, 0)), b.Int(b.Table(Type{F32, []int{2}}, []float64{2.75, -1.5})), b.Int(b.Float(ids)),
		b.Binary(Eq, b.Broadcast(b.Reshape(b.Float(ids), []int{2, 5, 1}), []int{2, 5, 3}), b.Iota([]int{2, 5, 3}, 2)),
		b.Binary(Eq, b.Iota([]int{2, 5}, 1), b.Float(ids)),
	}
	r := rand.New(rand.NewPCG(1, 1))
	feeds := map[string][]float64{}
	for _, v := range []*Value{x, ids, w} {
		list := make([]float64, v.Len())
		for i := range list {
			list[i] = float64(r.IntN(1000))
			if v == ids {
				list[i] = float64(r.IntN(4))
			}
		}
		feeds[v.Attr.Name] = list
	}
	for _, v := range values {
		got, err := Eval(feeds, v)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range got[0] {
			o, ok := v.Origin(i)
			if !ok {
				t.Fatalf("%s: element %d comes from nowhere", v, i)
			}
			is := o.Const
			switch {
			case o.Equal:
				is = 0
				if feeds[o.Leaf.Attr.Name][o.At] == o.Const {
					is = 1
				}
			case o.Leaf != nil:
				is = feeds[o.Leaf.Attr.Name][o.At]
			}
			if is != want {
				t.Fatalf("%s: element %d is %v, its origin %v", v, i, want, is)
			}
		}
	}
	for _, v := range []*Value{b.Unary(Exp, x), b.Binary(Add, x, x), b.Int(x), b.Sum(x, 0), b.Gather(x, ids, 1), b.ArgSort(x),
		b.Binary(Eq, x, x), b.Reshape(b.Unary(Neg, x), []int{48})} {
		if o, ok := v.Origin(0); ok {
			t.Errorf("%s: computed, but comes from %+v", v, o)
		}
	}
}
