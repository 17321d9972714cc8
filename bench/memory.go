package main

import (
	"fmt"

	"mspecc/internal/refcase"
)

// innerSteps are the numbers of inner steps whose memory is measured.
var innerSteps = []int{1, 2, 4, 8}

// memory shows how peak memory grows with the number of inner steps.
func (b *bench) memory() error {
	t := table{head: []string{" data", " program", "inner steps", "memory MB", "growth per inner step MB", "of its activations", "s a step"}}
	var failed error
	for _, c := range b.chosen() {
		if failed = b.memoryOf(c, &t); failed != nil {
			break
		}
	}
	if len(t.rows) > 0 {
		b.heading("Peak memory of a process by inner steps")
		t.write(b.out)
		fmt.Fprintf(b.out, "\nThe activations of an inner step are what the decoder's blocks compute in its forward pass.\n")
	}
	return failed
}

func (b *bench) memoryOf(c *refcase.Case, t *table) error {
	last := map[string]*result{}
	for i, steps := range innerSteps {
		d := with(c, func(c *refcase.Case) { c.Objective.InnerSteps = steps })
		programs, err := b.trainers(d, "", "recompute=all")
		if err != nil {
			return err
		}
		if p := peers[0]; b.has(p, "metamae") {
			run, err := b.peer(p, d)
			if err != nil {
				return err
			}
			run.choice = nil // memory is measured, not speed
			programs = append(programs, run)
		}
		results, err := b.alternate(c.Name, programs)
		if err != nil {
			return err
		}
		for _, r := range results {
			growth, share := "", ""
			if before := last[r.Program]; before != nil {
				g := (r.Memory - before.Memory) / float64(steps-innerSteps[i-1])
				growth, share = megabytes(g), percent(g/innerActivations(c))
			}
			last[r.Program] = r
			t.add(c.Name, r.Program, fmt.Sprint(steps), megabytes(r.Memory), growth, share, r.Step.String())
		}
	}
	return nil
}
