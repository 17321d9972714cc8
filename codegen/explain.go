package codegen

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"mspecc/codegen/fuse"
	"mspecc/ir"
)

// Report is what explain shows of one compiled function.
type Report struct {
	Modality string       `json:"modality"`
	Function string       `json:"function"`
	Target   string       `json:"target"`
	Launches int          `json:"launches"`
	Memory   Memory       `json:"memory_bytes"`
	Again    int          `json:"recomputed_values"` // computed a second time to save memory
	Phases   []PhaseCost  `json:"phases"`
	Kernels  []KernelCost `json:"kernels"`
	Calls    []CallCost   `json:"launches_in_order"`
}

// Memory is the arena in bytes.
type Memory struct {
	Parameters int `json:"parameters"`
	Optimiser  int `json:"optimiser"`
	Gradients  int `json:"gradients"`
	Constants  int `json:"constants"`
	Temporary  int `json:"temporary"`
	Total      int `json:"total"`
}

// PhaseCost sums the launches of one phase.
type PhaseCost struct {
	Phase       string `json:"phase"`
	Launches    int    `json:"launches"`
	MatrixFlops int    `json:"matrix_flop"`
	OtherFlops  int    `json:"other_flop"`
	Bytes       int    `json:"bytes"`
	Time
}

// KernelCost sums the launches of one kernel.
type KernelCost struct {
	Kernel   string   `json:"kernel"`
	Launches int      `json:"launches"`
	Flops    int      `json:"flop"`
	Bytes    int      `json:"bytes"`
	Computes []string `json:"computes"`
	Time
}

// Time is that of one step: predicted from work, traffic and rates, and measured by a
// trainer's bench --profile, 0 where that is not known.
type Time struct {
	Predicted float64 `json:"predicted_s"`
	Measured  float64 `json:"measured_s,omitempty"`
}

// CallCost is one launch.
type CallCost struct {
	Kernel string `json:"kernel"`
	Phase  string `json:"phase"`
	Value  string `json:"value"`
	Type   string `json:"type"`
	Flops  int    `json:"flop"`
	Bytes  int    `json:"bytes"`
	Why    string `json:"why,omitempty"`
}

// Explain reports the cost of a compiled function.
func (t *Target) Explain(p *Program, fn *Function, rates Rates) Report {
	computes := map[string][]string{}
	for _, k := range t.Kernels {
		computes[k.Name] = k.Doc
	}
	r := Report{Modality: p.Variant.Modality.Name, Function: fn.Name, Target: t.Name, Launches: len(fn.Calls), Again: fn.Again}
	constants := 0
	for _, c := range p.Constants {
		constants += len(c.Values)
	}
	r.Memory = Memory{4 * p.Region, 4 * len(p.State) * p.Region, 4 * p.Region, 4 * constants, 4 * (fn.Floats - (p.gradients()+1)*p.Region), 4 * (fn.Floats + constants)}
	kernels := map[string]int{}
	r.Phases = make([]PhaseCost, ir.Optimiser+1)
	for i := range r.Phases {
		r.Phases[i].Phase = ir.Phase(i).String()
	}
	for _, c := range fn.Calls {
		l := c.Launch
		ph := &r.Phases[l.Main().Phase]
		ph.Launches++
		names := c.names()
		for i, s := range l.Kernels() {
			ph := &r.Phases[s.Main().Phase]
			ph.Bytes += s.Bytes
			if s.Kind == fuse.MatMulKind {
				ph.MatrixFlops += s.Flops
			} else {
				ph.OtherFlops += s.Flops
			}
			k, ok := kernels[names[i]]
			if !ok {
				k = len(r.Kernels)
				kernels[names[i]] = k
				r.Kernels = append(r.Kernels, KernelCost{Kernel: names[i], Computes: computes[names[i]]})
			}
			seconds := rates.seconds(s)
			ph.Predicted += seconds
			r.Kernels[k].Predicted += seconds
			r.Kernels[k].Launches++
			r.Kernels[k].Flops += s.Flops
			r.Kernels[k].Bytes += s.Bytes
		}
		name := l.Kind.String()
		if c.Driver != nil {
			name = c.Driver.Title()
		}
		r.Calls = append(r.Calls, CallCost{name, l.Main().Phase.String(), place(l.Main()), l.Main().Type.String(), l.Flops, l.Bytes, l.Note})
	}
	slices.SortStableFunc(r.Kernels, func(a, b KernelCost) int {
		return cmp.Or(cmp.Compare(b.Predicted, a.Predicted), cmp.Compare(b.Flops, a.Flops))
	})
	return r
}

// Measure puts the times of phases and kernels, in seconds, beside the predictions.
func (r *Report) Measure(phases, kernels map[string]float64) {
	for i := range r.Phases {
		r.Phases[i].Measured = phases[r.Phases[i].Phase]
	}
	for i := range r.Kernels {
		r.Kernels[i].Measured = kernels[r.Kernels[i].Kernel]
	}
}

// ms is a time in milliseconds for a table, "-" where there is none.
func ms(seconds float64) string {
	if seconds == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3f", 1e3*seconds)
}

// Write prints the report; verbose adds every launch in order.
func (r Report) Write(w io.Writer, verbose bool) {
	fmt.Fprintf(w, "%s, %s for %s: %d launches of %d kernels\n\n", r.Modality, r.Function, r.Target, r.Launches, len(r.Kernels))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "phase\tlaunches\tmatrix GFLOP\tother GFLOP\tMB\tpredicted ms\tmeasured ms\t")
	sum := PhaseCost{Phase: "total"}
	for _, p := range append(r.Phases, sum) {
		if p.Phase == "total" {
			p = sum
		} else if p.Launches == 0 && p.Bytes == 0 {
			continue
		}
		sum.Launches += p.Launches
		sum.MatrixFlops += p.MatrixFlops
		sum.OtherFlops += p.OtherFlops
		sum.Bytes += p.Bytes
		sum.Predicted += p.Predicted
		sum.Measured += p.Measured
		fmt.Fprintf(t, "%s\t%d\t%.3f\t%.3f\t%.1f\t%s\t%s\t\n", p.Phase, p.Launches, float64(p.MatrixFlops)/1e9, float64(p.OtherFlops)/1e9, float64(p.Bytes)/1e6, ms(p.Predicted), ms(p.Measured))
	}
	t.Flush()
	m := r.Memory
	fmt.Fprintf(w, "\nmemory: %.1f MB = parameters %.1f, optimiser %.1f, gradients %.1f, constants %.1f, temporary %.1f (at its peak)\n",
		float64(m.Total)/1e6, float64(m.Parameters)/1e6, float64(m.Optimiser)/1e6, float64(m.Gradients)/1e6, float64(m.Constants)/1e6, float64(m.Temporary)/1e6)
	if r.Again > 0 {
		fmt.Fprintf(w, "to save memory, %d values are computed a second time\n", r.Again)
	}
	fmt.Fprintln(w)
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "kernel\tlaunches\tGFLOP\tMB\tpredicted ms\tmeasured ms\tcomputes")
	for _, k := range r.Kernels {
		first := ""
		if len(k.Computes) > 0 {
			first = k.Computes[0]
		}
		if len(first) > 90 {
			first = first[:87] + "..."
		}
		fmt.Fprintf(t, "%s\t%d\t%.3f\t%.1f\t%s\t%s\t%s\n", k.Kernel, k.Launches, float64(k.Flops)/1e9, float64(k.Bytes)/1e6, ms(k.Predicted), ms(k.Measured), first)
	}
	if verbose {
		fmt.Fprintln(t, "\nlaunch\tphase\tvalue\ttype\tMFLOP\tKB\twhy")
		for _, c := range r.Calls {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.2f\t%.1f\t%s\n", c.Kernel, c.Phase, c.Value, c.Type, float64(c.Flops)/1e6, float64(c.Bytes)/1e3, c.Why)
		}
	}
	t.Flush()
	fmt.Fprintln(w)
}
