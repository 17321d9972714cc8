package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"

	"mspecc/internal/refcase"
)

// checked is what a peer says of a configuration when it is checked.
type checked struct {
	Steps     []map[string]float64 `json:"steps"`
	GradNorm  map[string]float64   `json:"grad_norm"`
	GradProbe map[string]float64   `json:"grad_probe"`
	FLOP      float64              `json:"flop"`
}

// check holds the peers against the reference cases in float64: all loss terms of all steps and all
// gradients of the first. PyTorch's operations are held against those that the tables count.
func (b *bench) check() error {
	cases, err := refcase.All()
	if err != nil {
		return err
	}
	ran, wrong := false, 0
	for _, p := range peers {
		if len(p.args) > 0 || !b.has(p, "metamae") {
			continue
		}
		ran = true
		for _, c := range cases {
			file := filepath.Join(b.root, "testdata", "cases", c.Name+".json")
			wrong += b.verdict(p.label+" "+c.Name, b.checkCase(p, c, file))
		}
	}
	if !ran {
		return errors.New("no peer is there to be checked")
	}
	if b.report.PyTorch != "" {
		for _, c := range configs() {
			for _, o := range orders {
				d := with(c, o.change)
				d.Batch = 4
				wrong += b.verdict("products of "+c.Name+", "+o.name, b.checkProducts(d))
			}
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%d comparisons failed", wrong)
	}
	return nil
}

// verdict writes a line for one comparison; it gives the number of failures, 0 or 1.
func (b *bench) verdict(what string, err error) int {
	if err != nil {
		fmt.Fprintf(b.out, "%s: %v\n", what, err)
		return 1
	}
	fmt.Fprintf(b.out, "%s: ok\n", what)
	return 0
}

func (b *bench) ask(p peer, file, what string) (*checked, error) {
	out, err := b.command([]string{b.o.python, filepath.Join(b.root, "bench", "peers", p.script), file, what}, b.peerEnv())
	if err != nil {
		return nil, err
	}
	got := &checked{}
	return got, json.Unmarshal(out.stdout, got)
}

func (b *bench) checkCase(p peer, c *refcase.Case, file string) error {
	got, err := b.ask(p, file, "--check")
	if err != nil {
		return err
	}
	return got.compare(c)
}

// compare holds what a peer computed against the reference.
func (got *checked) compare(c *refcase.Case) error {
	if len(got.Steps) != c.Steps {
		return fmt.Errorf("%d steps, expected %d", len(got.Steps), c.Steps)
	}
	tol := c.F64()
	for k, terms := range got.Steps {
		if err := c.CheckLosses(k, terms, tol); err != nil {
			return err
		}
	}
	for _, p := range c.Params() {
		norm, ok := got.GradNorm[p.Name]
		want := c.Expect.GradNorm[p.Name]
		off := math.Abs(got.GradProbe[p.Name]-c.Expect.GradProbe[p.Name]) / math.Max(want, math.SmallestNonzeroFloat64)
		if e := math.Max(refcase.RelError(norm, want), off); !ok || !(e <= tol.Grad) {
			return fmt.Errorf("the gradient of %s differs by %.2g of its norm, at most %.2g is allowed", p.Name, e, tol.Grad)
		}
	}
	return nil
}

func (b *bench) checkProducts(c *refcase.Case) error {
	file, err := b.writeConfig(c)
	if err != nil {
		return err
	}
	got, err := b.ask(peers[0], file, "--products")
	if err != nil {
		return err
	}
	if want := productFLOPs(c); got.FLOP != want {
		return fmt.Errorf("PyTorch counts %.0f operations, the tables %.0f", got.FLOP, want)
	}
	return nil
}
