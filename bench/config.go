package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mspecc/internal/refcase"
)

// The paper's network, and the small one of the first look.
var (
	paperEncoder = refcase.Net{Width: 256, Layers: 12, Heads: 8, MLPRatio: 2}
	paperDecoder = refcase.Net{Width: 128, Layers: 4, Heads: 4, MLPRatio: 2}
	smallEncoder = refcase.Net{Width: 128, Layers: 4, Heads: 4, MLPRatio: 2}
	smallDecoder = refcase.Net{Width: 64, Layers: 2, Heads: 2, MLPRatio: 2}
)

// configs are what is measured: the four of the table, and a small one to try the tool with.
func configs() []*refcase.Case {
	return []*refcase.Case{
		newCase("pamap2", refcase.Input{Kind: "series", Shape: []int{52, 320}, Patch: []int{5}}, 256, 0.85, 1),
		newCase("higgs", refcase.Input{Kind: "series", Shape: []int{1, 28}, Patch: []int{1}}, 256, 0.5, 0.1),
		newCase("imagenet32", refcase.Input{Kind: "image", Shape: []int{3, 32, 32}, Patch: []int{4, 4}}, 64, 0.75, 0.1),
		newCase("genomics", refcase.Input{Kind: "tokens", Shape: []int{4, 250}, Patch: []int{1}}, 32, 0.5, 0.1),
		fashionSmall(),
	}
}

func newCase(name string, in refcase.Input, batch int, mask, contrast float64) *refcase.Case {
	return &refcase.Case{
		Name: name, Seed: name, Input: in, Batch: batch, MaskRatio: mask, Steps: 1,
		Encoder: paperEncoder, Decoder: paperDecoder,
		Objective: refcase.Objective{Name: "metamae", InnerLR: 0.5, InnerSteps: 1, SupportRatio: 0.1, ContrastWeight: contrast, Temperature: 0.5},
		Optimizer: refcase.Optimizer{LR: 1e-4, WeightDecay: 1e-4},
	}
}

func fashionSmall() *refcase.Case {
	c := newCase("fashion_small", refcase.Input{Kind: "image", Shape: []int{1, 28, 28}, Patch: []int{4, 4}}, 64, 0.75, 0.1)
	c.Encoder, c.Decoder = smallEncoder, smallDecoder
	return c
}

func configNames() []string {
	var names []string
	for _, c := range configs() {
		names = append(names, c.Name)
	}
	return names
}

// defaultNames are the configurations of the table.
func defaultNames() []string { return configNames()[:4] }

// chosen are the configurations that the command line asks for.
func (b *bench) chosen() []*refcase.Case {
	return slices.DeleteFunc(configs(), func(c *refcase.Case) bool { return !contains(b.o.only, c.Name) })
}

// with is a copy of a configuration with changes.
func with(c *refcase.Case, change func(*refcase.Case)) *refcase.Case {
	d := *c
	change(&d)
	return &d
}

// plain is a configuration as plain MAE.
func plain(c *refcase.Case) *refcase.Case {
	return with(c, func(c *refcase.Case) { c.Objective.Name = "mae" })
}

// describe names what a configuration trains.
func describe(c *refcase.Case) string {
	switch o := c.Objective; {
	case o.Name != "metamae":
		return o.Name
	case o.FirstOrder:
		return "first-order metamae"
	case o.InnerSteps > 1:
		return fmt.Sprintf("metamae with %d inner steps", o.InnerSteps)
	}
	return "metamae"
}

// writeConfig writes what a peer reads: a file with the keys of testdata/cases.
func (b *bench) writeConfig(c *refcase.Case) (string, error) {
	f, err := os.CreateTemp(b.dir, c.Name+"-*.json")
	if err != nil {
		return "", err
	}
	defer f.Close()
	return f.Name(), writeJSON(f.Name(), c)
}

// build compiles a trainer for a configuration and a target, with settings beside those of the configuration.
func (b *bench) build(c *refcase.Case, target string, sets ...string) (string, error) {
	spec, all, err := b.spec(c, sets...)
	if err != nil {
		return "", err
	}
	bin := spec[:len(spec)-len(".mspec")]
	b.say("building the trainer of %s: %s", c.Name, strings.Join(append([]string{describe(c)}, sets...), ", "))
	_, err = b.command(buildArgs(b.mspecc, spec, bin, c.Name, target, all), nil)
	return bin, err
}

func buildArgs(mspecc, spec, bin, modality, target string, sets []string) []string {
	args := []string{mspecc, "build", spec, "--quiet", "--modality", modality, "--target", target, "-o", bin}
	for _, s := range sets {
		args = append(args, "--set", s)
	}
	return args
}

// spec writes a configuration as a program, and gives its settings.
func (b *bench) spec(c *refcase.Case, sets ...string) (file string, all []string, err error) {
	text, all, err := c.SpecFor()
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp(b.dir, c.Name+"-*")
	if err != nil {
		return "", nil, err
	}
	file = filepath.Join(dir, fmt.Sprintf("%s.mspec", c.Name))
	return file, append(append(all, sets...), b.o.set...), os.WriteFile(file, []byte(text), 0o644)
}

// trainers are our programs for a configuration, one for each setting.
func (b *bench) trainers(c *refcase.Case, settings ...string) ([]program, error) {
	var out []program
	for _, s := range settings {
		var sets []string
		if s != "" {
			sets = []string{s}
		}
		p, err := b.trainer(strings.TrimSuffix("mspecc "+s, " "), c, b.o.target, sets...)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// trainer is our program for a configuration and a target.
func (b *bench) trainer(label string, c *refcase.Case, target string, sets ...string) (program, error) {
	bin, err := b.build(c, target, sets...)
	return program{label: label, model: describe(c), args: []string{bin, "bench", "--json"}, work: productFLOPs(c)}, err
}
