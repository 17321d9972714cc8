// Package refcase reads the numeric reference cases in testdata/cases and repeats their
// deterministic draws, so that the compiler, its interpreter and its trainers can be compared
// with what a float64 reference implementation of MetaMAE computed.
package refcase

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Case is one reference case: a configuration and what the reference computed for it.
type Case struct {
	Name      string    `json:"-"`    // file name without .json
	Seed      string    `json:"seed"` // text that every draw starts from
	Input     Input     `json:"input"`
	Batch     int       `json:"batch"`
	MaskRatio float64   `json:"mask_ratio"`
	Encoder   Net       `json:"encoder"`
	Decoder   Net       `json:"decoder"`
	Objective Objective `json:"objective"`
	Optimizer Optimizer `json:"optimizer"`
	Steps     int       `json:"steps"` // training steps the reference took
	Expect    Expect    `json:"expect"`
}

// Input is the shape of one example: series [channels, length] with one patch size, image
// [channels, height, width] with two, or tokens [vocabulary, length].
type Input struct {
	Kind  string `json:"kind"`
	Shape []int  `json:"shape"`
	Patch []int  `json:"patch"`
}

// Net is the size of the encoder or the decoder.
type Net struct {
	Width    int `json:"width"`
	Layers   int `json:"layers"`
	Heads    int `json:"heads"`
	MLPRatio int `json:"mlp_ratio"` // hidden width over width
}

// Objective is the training loss: metamae or mae.
type Objective struct {
	Name           string  `json:"name"`
	InnerLR        float64 `json:"inner_lr"`
	InnerSteps     int     `json:"inner_steps"`
	FirstOrder     bool    `json:"first_order"`
	SupportRatio   float64 `json:"support_ratio"`
	ContrastWeight float64 `json:"contrast_weight"`
	Temperature    float64 `json:"temperature"`
}

// Optimizer is AdamW with betas 0.9 and 0.999 and eps 1e-8, its decay on every parameter.
type Optimizer struct {
	LR          float64 `json:"lr"`
	WeightDecay float64 `json:"weight_decay"`
}

// Expect is what the reference computed in float64.
type Expect struct {
	Steps          []map[string]float64 `json:"steps"`            // loss terms of every step, before its update
	GradNorm       map[string]float64   `json:"grad_norm"`        // Euclidean norm per parameter, first step
	GradProbe      map[string]float64   `json:"grad_probe"`       // dot product with Probe per parameter, first step
	FeatureMeanAbs float64              `json:"feature_mean_abs"` // mean absolute feature of the first batch after the last step
}

// root is the repository, found from the working folder upwards.
func root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod above the working folder; run inside the repository")
		}
		dir = up
	}
}

// Dir is the folder of the reference cases.
func Dir() (string, error) {
	dir, err := root()
	return filepath.Join(dir, "testdata", "cases"), err
}

// All loads every case, ordered by name.
func All() ([]*Case, error) {
	dir, err := Dir()
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s holds no case", dir)
	}
	sort.Strings(files)
	var cases []*Case
	for _, f := range files {
		c, err := Load(f)
		if err != nil {
			return nil, err
		}
		cases = append(cases, c)
	}
	return cases, nil
}

// Get loads the case of that name.
func Get(name string) (*Case, error) {
	dir, err := Dir()
	if err != nil {
		return nil, err
	}
	return Load(filepath.Join(dir, name+".json"))
}

// Load reads and checks one case file.
func Load(file string) (*Case, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	c := &Case{Name: strings.TrimSuffix(filepath.Base(file), ".json")}
	c.Encoder.MLPRatio, c.Decoder.MLPRatio, c.Objective.InnerSteps = 2, 2, 1
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(c); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

// check refuses configurations whose derived sizes would make no sense.
func (c *Case) check() error {
	axes := map[string]int{"series": 1, "image": 2, "tokens": 1}[c.Input.Kind]
	switch {
	case axes == 0:
		return fmt.Errorf("input.kind is %q, expected series, image or tokens", c.Input.Kind)
	case len(c.Input.Shape) != axes+1:
		return fmt.Errorf("input.shape is %v, expected %d numbers for %s", c.Input.Shape, axes+1, c.Input.Kind)
	case c.Input.Kind != "tokens" && len(c.Input.Patch) != axes:
		return fmt.Errorf("input.patch is %v, expected %d numbers for %s", c.Input.Patch, axes, c.Input.Kind)
	case c.Objective.Name != "metamae" && c.Objective.Name != "mae":
		return fmt.Errorf("objective.name is %q, expected metamae or mae", c.Objective.Name)
	}
	for _, n := range append([]int{c.Batch, c.Encoder.Width, c.Decoder.Width, c.Steps}, append(c.Input.Shape, c.Input.Patch...)...) {
		if n < 1 {
			return fmt.Errorf("a size is %d, expected at least 1", n)
		}
	}
	return nil
}

// Grid is the number of tokens along each axis.
func (c *Case) Grid() []int {
	if c.Input.Kind == "tokens" {
		return []int{c.Input.Shape[1]}
	}
	var grid []int
	for i, p := range c.Input.Patch {
		grid = append(grid, c.Input.Shape[i+1]/p)
	}
	return grid
}

// Tokens is L, the number of tokens of an example without the class token.
func (c *Case) Tokens() int { return product(c.Grid()) }

// Keep is the number of visible tokens, truncated as float64 arithmetic has it.
func (c *Case) Keep() int { return int(float64(c.Tokens()) * (1 - c.MaskRatio)) }

// Param is a trainable parameter.
type Param struct {
	Name  string
	Shape []int
}

// Size is the number of values of the parameter.
func (p Param) Size() int { return product(p.Shape) }

func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

// Params lists the trainable parameters in checkpoint order.
func (c *Case) Params() []Param {
	var out []Param
	add := func(name string, shape ...int) { out = append(out, Param{name, shape}) }
	linear := func(name string, to, from int) {
		add(name+".weight", to, from)
		add(name+".bias", to)
	}
	norm := func(name string, width int) {
		add(name+".weight", width)
		add(name+".bias", width)
	}
	blocks := func(part string, n Net) {
		for i := range n.Layers {
			p := fmt.Sprintf("%s.%d.", part, i)
			norm(p+"norm1", n.Width)
			add(p+"attn.qkv.weight", 3*n.Width, n.Width)
			linear(p+"attn.proj", n.Width, n.Width)
			norm(p+"norm2", n.Width)
			linear(p+"mlp.fc1", n.MLPRatio*n.Width, n.Width)
			linear(p+"mlp.fc2", n.Width, n.MLPRatio*n.Width)
		}
	}
	wide, narrow := c.Encoder.Width, c.Decoder.Width
	add("cls_token", 1, 1, wide)
	add("mask_token", 1, 1, narrow)
	head := wide
	if c.Input.Kind == "tokens" {
		add("patch_embed.proj.weight", c.Input.Shape[0], wide)
	} else {
		channels := c.Input.Shape[0]
		head = channels * product(c.Input.Patch)
		add("patch_embed.proj.weight", append([]int{wide, channels}, c.Input.Patch...)...)
		add("patch_embed.proj.bias", wide)
	}
	blocks("encoder", c.Encoder)
	norm("norm_enc", wide)
	linear("decoder_embed", narrow, wide)
	blocks("decoder", c.Decoder)
	norm("norm_dec", narrow)
	linear("decoder_head", head, narrow)
	if c.Objective.Name == "metamae" {
		add("projector.0.weight", 4*wide, wide)
		norm("projector.1", 4*wide)
		add("projector.3.weight", 128, 4*wide)
	}
	return out
}
