package main

import (
	"fmt"
	"strings"

	"mspecc/internal/refcase"
	"mspecc/kernels/gen"
)

// portable is the target that others are held against.
const portable = "portable"

// compare is the table of training steps.
func (b *bench) compare() error {
	var all [][]*result
	var failed error
	for _, c := range b.chosen() {
		results, err := b.compareOne(c)
		if err != nil {
			failed = err
			break
		}
		all = append(all, results)
	}
	b.printSteps(all) // what has been measured is not lost
	return failed
}

func (b *bench) compareOne(c *refcase.Case) ([]*result, error) {
	if b.o.model == "mae" {
		c = plain(c)
	}
	ours, err := b.trainers(c, "", "precision=bf16", "recompute=all")
	if err != nil {
		return nil, err
	}
	if b.o.target != gen.Auto && b.o.target != portable {
		p, err := b.trainer("mspecc "+portable, c, portable)
		if err != nil {
			return nil, err
		}
		ours = append(ours, p)
	}
	theirs, err := b.wanted(c)
	if err != nil {
		return nil, err
	}
	return b.alternate(c.Name, append(ours, theirs...))
}

// printSteps writes one table for all configurations. The first two results of each are ours, in
// float32 and bf16; ratios say how many times as long as ours a step takes, and memory is that of
// PyTorch in float32 where it ran.
func (b *bench) printSteps(all [][]*result) {
	if len(all) == 0 {
		return
	}
	name := map[string]string{"metamae": "MetaMAE, exact second order", "mae": "MAE"}[b.o.model]
	b.heading("Seconds of a training step of " + name)
	t := table{head: []string{" data", " program", "median s (min to max)", "quartiles", "/ ours", "/ ours bf16", "memory MB", "of PyTorch's", "GFLOP/s", "of FMA peak", "others", " variant"}}
	for _, results := range all {
		var torch float64
		for _, r := range results {
			r.sum(b.report.Peak, b.o.noise) // the peak is the best of the whole run
			if r.Program == "PyTorch" {
				torch = r.Memory
			}
		}
		for _, r := range results {
			variant := r.Variant
			if r.Busy {
				variant = strings.TrimPrefix(variant+", busy", ", ")
			}
			t.add(r.Data, r.Program, r.Step.String(), r.Step.quartiles(),
				factor(r.Step.Median, results[0].Step.Median), factor(r.Step.Median, results[1].Step.Median),
				megabytes(r.Memory), factor(r.Memory, torch), fmt.Sprintf("%.0f", r.Rate), fmt.Sprintf("%.0f %%", 100*r.Peak), percent(r.Others), variant)
		}
	}
	t.write(b.out)
	fmt.Fprintf(b.out, "\nGFLOP/s and the share of the float32 FMA peak count the matrix products of the step, nothing left out,\nthe same for all programs of a configuration.\n")
}
