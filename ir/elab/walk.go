package elab

import "mspecc/spec"

// walk visits an expression and all within it, outside first. Names of members, labels and
// arguments are no expressions.
func walk(x spec.Expr, visit func(spec.Expr)) {
	if x == nil {
		return
	}
	visit(x)
	for _, y := range children(x) {
		walk(y, visit)
	}
}

func children(x spec.Expr) []spec.Expr {
	switch x := x.(type) {
	case *spec.List:
		return x.Elems
	case *spec.Unary:
		return []spec.Expr{x.X}
	case *spec.Binary:
		return []spec.Expr{x.X, x.Y}
	case *spec.Cond:
		return []spec.Expr{x.C, x.X, x.Y}
	case *spec.Member:
		return []spec.Expr{x.X}
	case *spec.Call:
		out := []spec.Expr{x.Fn}
		for _, a := range x.Args {
			out = append(out, a.Value)
		}
		return out
	case *spec.Index:
		out := []spec.Expr{x.X}
		for _, s := range x.Subs {
			for _, y := range []spec.Expr{s.Lo, s.Hi, s.Step} {
				if y != nil {
					out = append(out, y)
				}
			}
		}
		return out
	case *spec.Label:
		var out []spec.Expr
		for _, p := range x.Path {
			if p.Index != nil {
				out = append(out, p.Index)
			}
		}
		return append(out, x.X)
	}
	return nil
}

// namesIn lists the names an expression uses, each once.
func namesIn(x spec.Expr) []string {
	var out []string
	seen := map[string]bool{}
	walk(x, func(x spec.Expr) {
		if id, ok := x.(*spec.Ident); ok && !seen[id.Name] {
			seen[id.Name] = true
			out = append(out, id.Name)
		}
	})
	return out
}
