package main

import (
	"fmt"
	"strings"

	"mspecc/internal/refcase"
)

// cliff is the factor between the rates of neighbouring sizes that is marked.
const cliff = 1.5

// axis is a size that grows while the others stay.
type axis struct {
	name  string
	sizes []int
	set   func(c *refcase.Case, n int)
}

// axes are the sizes of --sweep.
var axes = []axis{
	{"batch", []int{1, 2, 3, 4, 8, 16, 32, 64, 128, 256, 500, 1000}, func(c *refcase.Case, n int) { c.Batch = n }},
	{"sequence", []int{17, 33, 64, 65, 100, 129, 200, 257, 400, 513, 700, 1025}, func(c *refcase.Case, n int) {
		c.Input.Shape, c.Batch = []int{8, n - 1}, max(1, 64*65/n) // about as many tokens; n counts the class token
	}},
	{"width", []int{64, 96, 128, 192, 256, 384, 512, 768, 1024}, func(c *refcase.Case, n int) {
		c.Encoder.Width, c.Encoder.Heads = n, n/32
		c.Decoder.Width, c.Decoder.Heads = n/2, max(1, n/64)
	}},
	{"depth", []int{1, 2, 3, 4, 6, 8, 12, 16, 24}, func(c *refcase.Case, n int) { c.Encoder.Layers, c.Decoder.Layers = n, (n+2)/3 }},
}

// sweepCase is the middle of all axes: series of 64 tokens, encoder of 4 blocks 256 wide, decoder of 2
// blocks 128 wide, full second order.
func sweepCase() *refcase.Case {
	c := newCase("sweep", refcase.Input{Kind: "series", Shape: []int{8, 64}, Patch: []int{1}}, 64, 0.75, 0.1)
	c.Encoder.Layers, c.Decoder.Layers = 4, 2
	return c
}

// sized is one point of a sweep.
type sized struct {
	*result
	Axis   string  `json:"axis"`
	Size   int     `json:"size"`
	Batch  int     `json:"batch"`
	Tokens int     `json:"tokens"`                // of a step, with class tokens
	Change float64 `json:"rate_change,omitempty"` // rate over that of the size before
}

// perToken is the microseconds of a step for each token.
func (s *sized) perToken() float64 { return 1e6 * s.Step.Median / float64(s.Tokens) }

// steep tells whether the rate differs by more than the factor that is marked.
func (s *sized) steep() bool { return s.Change > 0 && (s.Change > cliff || s.Change < 1/cliff) }

// sweep measures our trainer as each size grows, in float32.
func (b *bench) sweep() error {
	for _, a := range axes {
		if len(b.o.axes) > 0 && !contains(b.o.axes, a.name) {
			continue
		}
		points, err := b.sweepAxis(a)
		if len(points) > 0 {
			b.heading("Training steps of MetaMAE, exact second order, as the " + a.name + " grows")
			b.printSweep(a, points)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func axisNames() []string {
	var names []string
	for _, a := range axes {
		names = append(names, a.name)
	}
	return names
}

func (b *bench) sweepAxis(a axis) ([]*sized, error) {
	var points []*sized
	for _, n := range a.sizes {
		c := with(sweepCase(), func(c *refcase.Case) {
			c.Name = fmt.Sprintf("%s%d", a.name, n)
			a.set(c, n)
		})
		p, err := b.trainer("mspecc", c, b.o.target)
		if err != nil {
			return points, err
		}
		r, err := b.steady(c, p)
		if err != nil {
			return points, err
		}
		s := &sized{result: r, Axis: a.name, Size: n, Batch: c.Batch, Tokens: c.Batch * (c.Tokens() + 1)}
		if len(points) > 0 {
			s.Change = s.Rate / points[len(points)-1].Rate
		}
		points = append(points, s)
		b.report.Results = append(b.report.Results, s)
		b.say("%s %d: %s s a step, %.0f %% of peak%s", a.name, n, seconds(s.Step.Median), 100*s.Peak, b.mark(s.Others))
	}
	return points, nil
}

// steady runs a program for about a second at least, so that steps of a millisecond are not judged
// by a handful.
func (b *bench) steady(c *refcase.Case, p program) (*result, error) {
	r := &result{Data: c.Name, Model: p.model, Program: p.label, FLOP: p.work}
	first, err := b.take(p, 1, 1)
	if err != nil {
		return nil, err
	}
	steps := max(b.o.steps, min(500, int(1/first.Seconds[0])))
	for range b.o.rounds {
		s, err := b.take(p, b.o.warmup, steps)
		if err != nil {
			return nil, err
		}
		r.add(s)
	}
	if err := b.probe(); err != nil {
		return nil, err
	}
	r.sum(b.report.Peak, b.o.noise)
	return r, nil
}

func (b *bench) printSweep(a axis, points []*sized) {
	t := table{head: []string{a.name, "batch", "tokens", "median s (min to max)", "us per token", "GFLOP/s", "of FMA peak", "rate / before", "memory MB", " marks"}}
	for _, s := range points {
		s.sum(b.report.Peak, b.o.noise) // the peak is the best of the whole run
		var marks []string
		change := ""
		if s.Change > 0 {
			change = digits(s.Change, 3)
		}
		if s.steep() {
			marks = append(marks, fmt.Sprintf("factor above %.1f", cliff))
		}
		if s.Busy {
			marks = append(marks, "busy")
		}
		t.add(fmt.Sprint(s.Size), fmt.Sprint(s.Batch), fmt.Sprint(s.Tokens), s.Step.String(), digits(s.perToken(), 3),
			fmt.Sprintf("%.0f", s.Rate), fmt.Sprintf("%.0f %%", 100*s.Peak), change, megabytes(s.Memory), strings.Join(marks, ", "))
	}
	t.write(b.out)
	fmt.Fprintln(b.out)
}
