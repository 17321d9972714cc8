package main

import (
	"fmt"

	"mspecc/internal/refcase"
)

// orders are the three steps whose times --ratios compares.
var orders = []struct {
	name   string
	change func(*refcase.Case)
}{
	{"MAE", func(c *refcase.Case) { c.Objective.Name = "mae" }},
	{"first order", func(c *refcase.Case) { c.Objective.FirstOrder = true }},
	{"second order", func(*refcase.Case) {}},
}

// ratios compares the step of MetaMAE with that of its first-order form and of plain MAE, within each
// program.
func (b *bench) ratios() error {
	t := table{head: []string{" data", " program", "MAE s", "first order s", "second order s", "first / MAE", "second / first", "second / MAE"}}
	var failed error
	for _, c := range b.chosen() {
		results, err := b.ratiosOf(c)
		if err != nil {
			failed = err
			break
		}
		for i := 0; i < len(results); i += len(orders) {
			r := results[i : i+len(orders)]
			mae, first, second := r[0].Step.Median, r[1].Step.Median, r[2].Step.Median
			t.add(c.Name, r[0].Program, r[0].Step.String(), r[1].Step.String(), r[2].Step.String(), factor(first, mae), factor(second, first), factor(second, mae))
		}
		mae, first, second := results[0].FLOP, results[1].FLOP, results[2].FLOP
		gflop := func(v float64) string { return fmt.Sprintf("%.1f GFLOP", v/1e9) }
		t.add(c.Name, "matrix products", gflop(mae), gflop(first), gflop(second), factor(first, mae), factor(second, first), factor(second, mae))
	}
	if len(t.rows) > 0 {
		b.heading("Median seconds of a step (min to max)")
		t.write(b.out)
	}
	return failed
}

// ratiosOf measures the three steps with each program: results come program by program.
func (b *bench) ratiosOf(c *refcase.Case) ([]*result, error) {
	var programs []program
	for _, o := range orders {
		d := with(c, o.change)
		p, err := b.trainer("mspecc", d, b.o.target)
		if err != nil {
			return nil, err
		}
		programs = append(programs, p)
	}
	for _, p := range peers {
		if p.mae || !b.has(p, "metamae") || p.name == "torch-bf16" && !contains(b.o.peers, p.name) {
			continue
		}
		for _, o := range orders {
			run, err := b.peer(p, with(c, o.change))
			if err != nil {
				return nil, err
			}
			programs = append(programs, run)
		}
	}
	return b.alternate(c.Name, programs)
}
