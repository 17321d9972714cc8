package refcase

import (
	"fmt"
	"path/filepath"
	"strconv"
)

// SpecFor writes the case as a program: a modality named after the case on top of
// examples/metamae.mspec or examples/mae.mspec, and the settings, as NAME=VALUE, that make the
// model the case's. The import is absolute, so the text may be saved anywhere. Optimiser
// settings are not among them: all cases use the examples' own.
func (c *Case) SpecFor() (text string, sets []string, err error) {
	dir, err := root()
	if err != nil {
		return "", nil, err
	}
	model := filepath.ToSlash(filepath.Join(dir, "examples", c.Objective.Name+".mspec"))
	text = fmt.Sprintf("import %s\n\nmodality %s = %s\n", strconv.Quote(model), c.Name, c.modality())
	return text, c.settings(), nil
}

// modality is the case's input as a call of a modality kind.
func (c *Case) modality() string {
	shape := c.Input.Shape
	switch c.Input.Kind {
	case "series":
		return fmt.Sprintf("series(channels: %d, samples: %d, patch: %d)", shape[0], shape[1], c.Input.Patch[0])
	case "image":
		return fmt.Sprintf("image(channels: %d, height: %d, breadth: %d, patch: [%d, %d])",
			shape[0], shape[1], shape[2], c.Input.Patch[0], c.Input.Patch[1])
	}
	return fmt.Sprintf("tokens(vocab: %d, length: %d)", shape[0], shape[1])
}

// settings are the model's settings that the case decides. No case has dropout.
func (c *Case) settings() []string {
	var out []string
	set := func(name string, value any) { out = append(out, fmt.Sprintf("%s=%v", name, value)) }
	set("batch", c.Batch)
	set("mask_ratio", decimal(c.MaskRatio))
	set("dropout", 0)
	for part, n := range [...]Net{c.Encoder, c.Decoder} {
		prefix := [...]string{"enc_", "dec_"}[part]
		set(prefix+"width", n.Width)
		set(prefix+"layers", n.Layers)
		set(prefix+"heads", n.Heads)
		set(prefix+"mlp", n.MLPRatio)
	}
	if o := c.Objective; o.Name == "metamae" {
		set("inner_lr", decimal(o.InnerLR))
		set("inner_steps", o.InnerSteps)
		set("first_order", o.FirstOrder)
		set("support_ratio", decimal(o.SupportRatio))
		set("contrast_weight", decimal(o.ContrastWeight))
		set("temperature", decimal(o.Temperature))
	}
	return out
}

// decimal writes a number without an exponent.
func decimal(v float64) string {
	return strconv.FormatFloat(v, 'f', -1, 64)
}
