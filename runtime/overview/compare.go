package overview

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"mspecc/runtime/report"
)

// Comparison lays runs side by side.
type Comparison struct {
	Runs []*Run
	Rows []CompareRow
}

// CompareRow is one thing that runs are compared by: a text for each run, "" where a run has
// nothing to say, and which of them are best (none where there is no better and worse).
type CompareRow struct {
	Group string   `json:"group"` // "run", "result", "evaluation" or "settings"
	Name  string   `json:"name"`
	Text  []string `json:"text"`
	Best  []bool   `json:"best"`
	Note  string   `json:"note,omitempty"` // why none is best, or not of all
}

// Compare lays runs side by side; all says whether settings that are the same everywhere are
// wanted too.
func Compare(list []*Run, all bool) *Comparison {
	c := &Comparison{Runs: list}
	c.row("run", "state", func(r *Run) string { return r.State })
	c.row("run", "step", func(r *Run) string { return fmt.Sprintf("%s of %s", count(r.Step()), count(r.Manifest.Options.Steps)) })
	c.row("run", "parameters", func(r *Run) string { return count(r.Manifest.Parameters) })
	c.results()
	c.evaluations()
	c.settings(all)
	return c
}

// row adds a row of texts, unless no run has any.
func (c *Comparison) row(group, name string, text func(r *Run) string) {
	row := CompareRow{Group: group, Name: name, Best: make([]bool, len(c.Runs))}
	for _, r := range c.Runs {
		row.Text = append(row.Text, text(r))
	}
	if slices.ContainsFunc(row.Text, func(t string) bool { return t != "" }) {
		c.Rows = append(c.Rows, row)
	}
}

// Which of several numbers is best.
const (
	lower   = -1
	neither = 0
	higher  = 1
)

// numbers adds a row of numbers, NaN where a run has none. Of those with the same basis, which on gives, the best is marked.
func (c *Comparison) numbers(group, name string, better int, on func(r *Run) basis, value func(r *Run) float64, text func(v float64) string) {
	before := len(c.Rows)
	c.row(group, name, func(r *Run) string {
		if v := value(r); finite(v) {
			return text(v)
		}
		return ""
	})
	if len(c.Rows) > before && better != neither {
		c.mark(&c.Rows[before], better, on, value)
	}
}

// mark marks the best of the numbers that have the same basis, where there are several.
func (c *Comparison) mark(row *CompareRow, better int, on func(r *Run) basis, value func(r *Run) float64) {
	same := map[string][]int{}
	var all []basis
	for i, r := range c.Runs {
		if finite(value(r)) {
			b := on(r)
			all, same[b.key()] = append(all, b), append(same[b.key()], i)
		}
	}
	for _, runs := range same {
		best := math.NaN()
		for _, i := range runs {
			if v := value(c.Runs[i]); !(float64(better)*v <= float64(better)*best) {
				best = v
			}
		}
		for _, i := range runs {
			row.Best[i] = len(runs) > 1 && value(c.Runs[i]) == best
		}
	}
	switch why := strings.Join(differences(all), ", "); {
	case len(all) < 2 || len(same) == 1:
	case len(same) == len(all):
		row.Note = "not comparable, they differ in " + why
	default:
		row.Note = "comparable in part, they differ in " + why
	}
}

// Names are the scalars of all runs, each once, in order.
func (c *Comparison) Names() []string {
	var names []string
	for _, r := range c.Runs {
		for _, n := range r.Names() {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	return names
}

func (c *Comparison) results() {
	plain := func(v float64) string { return fmt.Sprintf("%.5g", v) }
	if at, same := c.common(); !same {
		c.numbers("result", "loss at step "+count(at), lower, (*Run).lossBasis, func(r *Run) float64 { return r.lossAt(at) }, plain)
	}
	c.numbers("result", "loss", lower, (*Run).lossBasis, func(r *Run) float64 { last, _, _ := r.Loss(); return last }, plain)
	c.numbers("result", "lowest loss", lower, (*Run).lossBasis, func(r *Run) float64 { _, best, _ := r.Loss(); return best }, plain)
	for i, n := range c.Names() {
		if i > 0 {
			c.numbers("result", strings.ReplaceAll(n, "_", " "), neither, nil, func(r *Run) float64 {
				_, y := r.values(func(rec report.Record) float64 { return rec.Value(n) })
				_, last := ends(y)
				return last
			}, plain)
		}
	}
	c.panelErrors(plain)
	c.numbers("result", "examples per second", higher, (*Run).speedBasis, (*Run).Rate, short)
	c.numbers("result", "time", neither, nil, func(r *Run) float64 {
		if s := r.Seconds(); s > 0 {
			return s
		}
		return nan
	}, span)
}

// panelErrors compares the errors on hidden tokens of each input.
func (c *Comparison) panelErrors(text func(float64) string) {
	type input struct{ measure, name string }
	find := func(r *Run, in input) *report.Panel {
		if n := len(r.Panels); n > 0 {
			for _, p := range r.Panels[n-1].All() {
				if in == (input{p.Measure, p.Name}) {
					return p
				}
			}
		}
		return nil
	}
	var inputs []input
	for _, r := range c.Runs {
		if n := len(r.Panels); n > 0 {
			for _, p := range r.Panels[n-1].All() {
				if in := (input{p.Measure, p.Name}); !slices.Contains(inputs, in) {
					inputs = append(inputs, in)
				}
			}
		}
	}
	for _, in := range inputs {
		name, better := in.measure+" on hidden tokens", lower
		if in.name != "" {
			name += " of " + in.name
		}
		if in.measure == "token accuracy" {
			better = higher
		}
		when := []string{", before adaptation", ", after adaptation"}
		if !slices.ContainsFunc(c.Runs, func(r *Run) bool { p := find(r, in); return p != nil && !p.Plain }) {
			when = []string{""}
		}
		for k, when := range when {
			c.numbers("result", name+when, better, (*Run).lossBasis, func(r *Run) float64 {
				if p := find(r, in); p != nil && (k == 0 || !p.Plain) {
					return [2]float64{p.Before[1], p.After[1]}[k]
				}
				return nan
			}, text)
		}
	}
}

// common is the last step that all runs have metrics of, and whether it is the last of each.
func (c *Comparison) common() (step int, same bool) {
	step, same = math.MaxInt, true
	for _, r := range c.Runs {
		step = min(step, r.Step())
	}
	for _, r := range c.Runs {
		same = same && r.Step() == step
	}
	return step, same
}

// lossAt is the loss of the last line of metrics up to a step, NaN where there is none.
func (r *Run) lossAt(step int) float64 {
	v := nan
	for _, rec := range r.Records {
		if rec.Step <= step && len(rec.Values) > 0 {
			v = rec.Values[0]
		}
	}
	return v
}

// evaluations compares what the newest evaluations of each run say of the trained encoder.
func (c *Comparison) evaluations() {
	var names []string
	scores := map[*Run]map[string]*Scored{}
	for _, r := range c.Runs {
		own, byName := r.scores()
		scores[r] = byName
		for _, n := range own {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	for _, name := range names {
		before := len(c.Rows)
		c.row("evaluation", name, func(r *Run) string {
			if s := scores[r][name]; s != nil {
				return Score(s.Metric, s.Test)
			}
			return ""
		})
		c.mark(&c.Rows[before], higher, func(r *Run) basis { return evaluationBasis(scores[r][name].Evaluation, scores[r][name].Result) }, func(r *Run) float64 {
			if s := scores[r][name]; s != nil {
				return s.Test.Mean
			}
			return nan
		})
	}
}

// settings adds those that differ, or all.
func (c *Comparison) settings(all bool) {
	var names []string
	lists := make([]map[string]string, len(c.Runs))
	for i, r := range c.Runs {
		lists[i] = map[string]string{}
		for _, f := range slices.Concat(r.training(), r.model(), r.machine()) {
			value := f.Value
			if f.Name == "learning rate" {
				value += ", " + f.Note
			}
			lists[i][f.Name] = value
			if !slices.Contains(names, f.Name) {
				names = append(names, f.Name)
			}
		}
	}
	for _, name := range names {
		same := true
		for _, l := range lists {
			same = same && l[name] == lists[0][name]
		}
		if name == "steps" || name == "parameters" || same && !all {
			continue // above already
		}
		i := -1
		c.row("settings", name, func(*Run) string { i++; return lists[i][name] })
	}
}
