package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"mspecc/internal/refcase"
)

// start is how long a program takes from the source of a model to the end of its first step.
type start struct {
	Data    string  `json:"data"`
	Model   string  `json:"model"`
	Program string  `json:"program"`
	Cold    float64 `json:"cold_s"`            // nothing compiled before
	Fresh   float64 `json:"fresh_s,omitempty"` // another model compiled before
	Warm    float64 `json:"warm_s"`            // the same model compiled before
	Others  float64 `json:"others"`
}

// firstStep measures the time to the first step: whole processes, from start to end, with one step.
func (b *bench) firstStep() error {
	t := table{head: []string{" data", " model", " program", "cold s", "another model before s", "again s", "others"}}
	var failed error
	for _, c := range b.chosen() {
		for _, d := range []*refcase.Case{c, plain(c)} {
			starts, err := b.starts(d)
			for _, s := range starts {
				b.report.Results = append(b.report.Results, s)
				fresh := seconds(s.Fresh)
				if s.Fresh == 0 {
					fresh = ""
				}
				t.add(s.Data, s.Model, s.Program, seconds(s.Cold), fresh, seconds(s.Warm), percent(s.Others))
			}
			if failed = err; err != nil {
				break
			}
		}
		if failed != nil {
			break
		}
	}
	if len(t.rows) > 0 {
		b.heading("Seconds from the source of a model to the end of its first training step")
		t.write(b.out)
		fmt.Fprintf(b.out, "\nCold: empty caches of Go, torch.compile and XLA. Ours is `mspecc build` and one step of the trainer.\n")
	}
	return failed
}

// starts measures all programs on one configuration.
func (b *bench) starts(c *refcase.Case) ([]*start, error) {
	ours, err := b.ourStart(c)
	if err != nil {
		return nil, err
	}
	out := []*start{ours}
	for _, p := range peers {
		if p.name == "torch-bf16" || !b.has(p, c.Objective.Name) {
			continue
		}
		run, err := b.peer(p, c)
		if err != nil {
			return out, err
		}
		dir, err := os.MkdirTemp(b.dir, "cache-*")
		if err != nil {
			return out, err
		}
		run.env = slices.Concat(run.env, cacheEnv(dir))
		s := &start{Data: c.Name, Model: c.Objective.Name, Program: p.label}
		for _, to := range []*float64{&s.Cold, &s.Warm} {
			if *to, err = b.oneStep(run, s); err != nil {
				return out, err
			}
		}
		b.say("%s %s, %s: first step after %s s, again %s s", s.Model, s.Data, s.Program, seconds(s.Cold), seconds(s.Warm))
		out = append(out, s)
	}
	return out, nil
}

// oneStep is the seconds of a process that takes one step.
func (b *bench) oneStep(p program, s *start) (float64, error) {
	one, err := b.take(p, 0, 1)
	if err != nil {
		return 0, err
	}
	s.Others = max(s.Others, one.others)
	return one.wall, nil
}

// ourStart builds and runs a trainer three times: with an empty build cache, changed after
// another was built, and unchanged.
func (b *bench) ourStart(c *refcase.Case) (*start, error) {
	cache, err := os.MkdirTemp(b.dir, "gocache-*")
	if err != nil {
		return nil, err
	}
	s := &start{Data: c.Name, Model: c.Objective.Name, Program: "mspecc"}
	spec, sets, err := b.spec(c)
	if err != nil {
		return nil, err
	}
	_, others, err := b.spec(with(c, func(c *refcase.Case) { c.Batch++ }))
	if err != nil {
		return nil, err
	}
	bin := filepath.Join(filepath.Dir(spec), "trainer")
	for _, turn := range []struct {
		sets []string
		to   *float64
	}{{others, &s.Cold}, {sets, &s.Fresh}, {sets, &s.Warm}} {
		out, err := b.command(buildArgs(b.mspecc, spec, bin, c.Name, b.o.target, turn.sets), []string{"GOCACHE=" + cache})
		if err != nil {
			return nil, err
		}
		b.report.Others, s.Others = max(b.report.Others, out.others), max(s.Others, out.others)
		step, err := b.oneStep(program{args: []string{bin, "bench", "--json"}}, s)
		if err != nil {
			return nil, err
		}
		*turn.to = out.wall + step
	}
	b.say("%s %s, mspecc: first step after %s s, of a new model %s s, again %s s", s.Model, s.Data, seconds(s.Cold), seconds(s.Fresh), seconds(s.Warm))
	return s, nil
}
