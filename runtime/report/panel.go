package report

import (
	"encoding/json"
	"fmt"
	"slices"

	"mspecc/runtime/ckpt"
)

// What examples are shown as.
const (
	Image       = "image"
	Spectrogram = "spectrogram" // an image of time (to the right) and frequency (upwards, row 0 lowest)
	Series      = "series"
	Tokens      = "tokens"
	None        = "none" // by numbers alone
)

// Layout says how the tokens of an example make up what a person sees.
type Layout struct {
	Kind     string         `json:"kind"`
	Grid     []int          `json:"grid"`            // tokens per axis: [rows, columns] of images, [L] otherwise
	Patch    []int          `json:"patch"`           // extents of a token: [height, width] of images, [samples] of series
	Channels int            `json:"channels"`        // values at each of a token's places, next to each other
	Words    map[int]string `json:"words,omitempty"` // how token ids are written, where it is known
	Show     []int          `json:"show,omitempty"`  // channels of a series to draw; none for the first MaxChannels
}

// MaxChannels is the number of a series' channels that are shown where nobody chose any.
const MaxChannels = 3

// maxValues is more than an example has: beyond it products of extents may be no numbers of their own.
const maxValues = 1 << 40

// Shown are the channels of a series that are drawn.
func (l Layout) Shown() []int {
	if len(l.Show) > 0 {
		return l.Show
	}
	list := make([]int, min(l.Channels, MaxChannels))
	for c := range list {
		list[c] = c
	}
	return list
}

// Size is the number of tokens of an example.
func (l Layout) Size() int { return product(l.Grid) }

// Width is the number of values of a token: 1, the id, for Tokens.
func (l Layout) Width() int {
	if l.Kind == Tokens {
		return 1
	}
	return product(l.Patch) * l.Channels
}

func product(list []int) int {
	n := 1
	for _, d := range list {
		n *= d
	}
	return n
}

// check refuses what no example can look like.
func (l Layout) check() error {
	axes := 1
	switch l.Kind {
	case Image, Spectrogram:
		axes = 2
	case Series, Tokens, None:
	default:
		return fmt.Errorf("examples cannot be shown as %q, expected %s, %s, %s, %s or %s", l.Kind, Image, Spectrogram, Series, Tokens, None)
	}
	if len(l.Grid) != axes || slices.Min(l.Grid) < 1 || l.Kind != Tokens && (len(l.Patch) != axes || slices.Min(l.Patch) < 1 || l.Channels < 1) {
		return fmt.Errorf("tokens %v of patches %v with %d channels make no %s", l.Grid, l.Patch, l.Channels, l.Kind)
	}
	values := 1.0
	for _, n := range slices.Concat(l.Grid, l.Patch, []int{l.Channels}) {
		values *= float64(max(1, n))
	}
	if values > maxValues {
		return fmt.Errorf("tokens %v of patches %v with %d channels are more than an example can have", l.Grid, l.Patch, l.Channels)
	}
	for _, c := range l.Show {
		if c < 0 || c >= l.Channels {
			return fmt.Errorf("there is no channel %d, the examples have 0 to %d", c, l.Channels-1)
		}
	}
	return nil
}

// Example is what was shown, which tokens were hidden (1, else 0), and what the model made of
// it before and after adaptation: Target, Reconstruction and Adapted hold Size*Width values, NaN where no token
// lies; Mask holds Size, or one for each value where channels are hidden one by one. A model without an inner loop has
// nothing Adapted.
type Example struct {
	Target, Mask, Reconstruction, Adapted []float32
}

// Panel is a few examples that a model reconstructed. Of examples with several inputs it is the
// first one, and More holds the others.
type Panel struct {
	Layout
	Name    string    `json:"name,omitempty"`  // of the input, where there are several
	Step    int       `json:"step"`            // of the parameters
	Plain   bool      `json:"plain,omitempty"` // the model has no inner loop: After is Before, and nothing is Adapted
	Measure string    `json:"measure"`         // such as "mean squared error"
	Before  Errors    `json:"reconstruction"`  // over Count examples
	After   Errors    `json:"adapted"`
	Count   int       `json:"examples"`
	Rows    []Example `json:"-"`
	More    []*Panel  `json:"more,omitempty"`
}

// All are the panels of all inputs.
func (p *Panel) All() []*Panel { return append([]*Panel{p}, p.More...) }

// Check refuses a panel whose parts do not belong together.
func (p *Panel) Check() error {
	if err := p.check(); err != nil {
		return err
	}
	n, values := p.Size(), p.Size()*p.Width()
	for i, e := range p.Rows {
		adapted := values
		if p.Plain {
			adapted = 0
		}
		if len(e.Mask) != n && len(e.Mask) != values || len(e.Target) != values || len(e.Reconstruction) != values || len(e.Adapted) != adapted {
			return fmt.Errorf("example %d has %d values and %d mask entries, an example of this modality has %d and %d", i, len(e.Target), len(e.Mask), values, n)
		}
	}
	for _, q := range p.More {
		if len(q.Rows) != len(p.Rows) || len(q.More) > 0 {
			return fmt.Errorf("the input %s has %d examples, the first one %d", q.Name, len(q.Rows), len(p.Rows))
		}
		if err := q.Check(); err != nil {
			return fmt.Errorf("input %s: %w", q.Name, err)
		}
	}
	return nil
}

// parts are an example's tensors in a file.
func (e *Example) parts() map[string]*[]float32 {
	return map[string]*[]float32{"target": &e.Target, "mask": &e.Mask, "reconstruction": &e.Reconstruction, "adapted": &e.Adapted}
}

// partNames are those of a panel's examples, in the order of a file.
func (p *Panel) partNames() []string {
	if p.Plain {
		return []string{"target", "mask", "reconstruction"}
	}
	return []string{"target", "mask", "reconstruction", "adapted"}
}

// panelKey is where all but the values stands in the file's metadata.
const panelKey = "mspecc.panel"

// WriteFile stores a panel as safetensors: target, reconstruction and, after an inner loop, adapted [n, tokens, values], mask
// [n, tokens], or [n, tokens, values] where channels are hidden one by one; of further inputs target.NAME and so on.
func (p *Panel) WriteFile(name string) error {
	if err := p.Check(); err != nil {
		return err
	}
	head, err := json.Marshal(p)
	if err != nil {
		return err
	}
	f := &ckpt.File{Metadata: map[string]string{panelKey: string(head)}}
	for k, q := range p.All() {
		for _, part := range q.partNames() {
			var all []float32
			for i := range q.Rows {
				all = append(all, *q.Rows[i].parts()[part]...)
			}
			shape := []int{len(q.Rows), q.Size(), q.Width()}
			if part == "mask" && len(all) == len(q.Rows)*q.Size() {
				shape = shape[:2]
			}
			f.Tensors = append(f.Tensors, ckpt.Floats(tensorName(part, k, q), shape, all))
		}
	}
	return f.WriteFile(name)
}

// tensorName is the name of a part of input k.
func tensorName(part string, k int, p *Panel) string {
	if k == 0 {
		return part
	}
	return part + "." + p.Name
}

// ReadPanel reads what WriteFile wrote.
func ReadPanel(name string) (*Panel, error) {
	f, err := ckpt.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var p Panel
	if err := json.Unmarshal([]byte(f.Metadata[panelKey]), &p); err != nil {
		return nil, fmt.Errorf("%s: holds no reconstructions", name)
	}
	for k, q := range p.All() {
		for _, part := range q.partNames() {
			if err := q.read(f, part, tensorName(part, k, q)); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	if err := p.Check(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &p, nil
}

// read takes a part of all examples from a file's tensor.
func (p *Panel) read(f *ckpt.File, part, tensor string) error {
	t, ok := f.Find(tensor)
	if !ok || len(t.Shape) < 2 || t.Shape[0] < 1 {
		return fmt.Errorf("holds no %q of reconstructed examples", tensor)
	}
	values, err := t.Values()
	if err != nil {
		return err
	}
	if len(values) < t.Shape[0] {
		return fmt.Errorf("holds %d examples in %d values of %q", t.Shape[0], len(values), tensor)
	}
	n := len(values) / t.Shape[0]
	for i := range t.Shape[0] {
		if i == len(p.Rows) {
			p.Rows = append(p.Rows, Example{})
		}
		*p.Rows[i].parts()[part] = values[i*n : (i+1)*n]
	}
	return nil
}
