package runtime

// Numerics is what the bits of a program's numbers depend on, beside the spec, its settings, the
// seed and the data. They do not depend on the number of threads, nor on the operating system,
// GOARCH or GOAMD64 that the trainer was built for.
type Numerics struct {
	Target   string   `json:"target"`            // that the kernels were made for
	Kernels  string   `json:"kernels,omitempty"` // names the kernels of a training step: those of another compiler may round otherwise
	Format   string   `json:"format"`            // of numbers
	Products string   `json:"products"`          // how a product and a sum are rounded
	CPU      []string `json:"cpu,omitempty"`     // instructions that the kernels are made of
}

// Numerics says it of a program on this machine.
func (p *Program) Numerics() Numerics {
	n := Numerics{Target: p.Target, Kernels: p.Kernels, CPU: p.needs(), Format: "float32", Products: "rounded before they are added"}
	if p.Train.Precision == "bf16" {
		n.Format = "float32, operands of matrix products rounded to bfloat16"
	}
	if p.Fused || p.CPU == nil && len(p.needs()) > 0 {
		n.Products = "fused with the sum they are added to"
	}
	return n
}

// Differs says how the numbers of a run that was computed so far with n change when it goes on with now; ""
// if they have the same bits, as far as is known.
func (n Numerics) Differs(now Numerics) string {
	switch {
	case n.Target != now.Target:
		return "the run was computed with " + n.Target + " kernels, this session has " + now.Target + ": the last digits may differ"
	case n.Format != "" && n.Format != now.Format:
		return "the run was computed in " + n.Format + ", this session computes in " + now.Format
	case n.Kernels != "" && now.Kernels != "" && n.Kernels != now.Kernels:
		return "the run was computed with other " + n.Target + " kernels (" + n.Kernels + ") than this trainer has (" + now.Kernels +
			"), of another version of mspecc or of other settings: the last digits may differ from those of a run that was not interrupted"
	}
	return ""
}
