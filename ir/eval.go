package ir

import "fmt"

// Eval is the float64 interpreter, the meaning of every program: it computes the wanted
// values from feeds (inputs, parameters and random streams by name), row-major. A value's
// array is freed after its last use.
func Eval(feeds map[string][]float64, want ...*Value) ([][]float64, error) {
	uses, order := countUses(want)
	got := make(map[*Value][]float64, len(order))
	var failed error
	err := Try(func() {
		for _, v := range order {
			args := make([][]float64, len(v.Args))
			for i, a := range v.Args {
				args[i] = got[a]
			}
			switch v.Op {
			case OpParam, OpInput, OpUniform:
				x, ok := feeds[v.Attr.Name]
				if !ok || len(x) != v.Len() {
					failed = fmt.Errorf("%s %q: got %d elements, it is %s", v.Op, v.Attr.Name, len(x), v.Type)
					return
				}
				got[v] = x
			default:
				got[v] = v.Op.Info().eval(v, args)
			}
			for _, a := range v.Args {
				if uses[a]--; uses[a] == 0 {
					delete(got, a)
				}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if failed != nil {
		return nil, failed
	}
	out := make([][]float64, len(want))
	for i, w := range want {
		out[i] = got[w]
	}
	return out, nil
}

// countUses lists what the wanted values need, arguments first, and how often each is
// used; a wanted value counts one use more, so that it is kept.
func countUses(want []*Value) (map[*Value]int, []*Value) {
	uses := map[*Value]int{}
	order := Reachable(want)
	for _, v := range order {
		for _, a := range v.Args {
			uses[a]++
		}
	}
	for _, w := range want {
		uses[w]++
	}
	return uses, order
}

// Reachable lists the values that roots are computed from, and roots, arguments first,
// in the order of their IDs.
func Reachable(roots []*Value) []*Value {
	top := -1
	for _, r := range roots {
		top = max(top, r.ID)
	}
	found := make([]*Value, top+1)
	stack := append([]*Value(nil), roots...)
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if found[v.ID] == nil {
			found[v.ID] = v
			stack = append(stack, v.Args...)
		}
	}
	order := found[:0]
	for _, v := range found {
		if v != nil {
			order = append(order, v)
		}
	}
	return order
}
