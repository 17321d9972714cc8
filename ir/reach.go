package ir

// Reached marks what has a part in the gradient of out: the values from which a differentiable way leads to
// it. What lies behind stop_gradient or an operation without a derivative, such as a comparison, is not
// marked; what is multiplied by zero is.
func Reached(out *Value) map[*Value]bool {
	seen := map[*Value]bool{}
	var visit func(v *Value)
	visit = func(v *Value) {
		if seen[v] || v.Type.DType != F32 || v.Op == OpStopGradient || len(v.Args) > 0 && v.Op.Info().piecewiseConstant() {
			return
		}
		seen[v] = true
		for _, a := range v.Args {
			visit(a)
		}
	}
	visit(out)
	return seen
}
