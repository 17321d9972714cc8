package refcase

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mspecc/parser"
)

func cases(t *testing.T) []*Case {
	t.Helper()
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestUniform(t *testing.T) {
	want := []float64{0.682373046875, 0.62243270874023438, 0.49307733774185181, 0.94207239151000977}
	if got := Uniform("series_small/param/cls_token", 4); !slices.Equal(got, want) {
		t.Errorf("got %v, expected %v", got, want)
	}
}

// draws are sums over the reference's own draws: all parameter values times their probes, and step 1's
// input, masking noise and support noise, element i (from 1) divided by i.
var draws = []struct {
	name                     string
	parameters               int
	probe, x, masks, support float64
}{
	{"cifar10_full", 7292464, 48.104585132652019, 0.40251294064679255, 3.2591997667422046, 3.2635519176187699},
	{"first_order_small", 43423, -4.0747311005395472, 2.4770206932350196, 2.0411389254210546, 3.0137607517702572},
	{"genomics_full", 7307776, 92.071540918143839, 10.036601699761539, 3.2041268497955109, 3.1604439372519471},
	{"image_small", 45040, 15.284134319306595, 1.2001375547245823, 1.8804377169917474, 2.6653915478576304},
	{"mae_small", 24304, 4.6037760791416931, -0.015108798901447867, 2.4222886910690442, 2.616770233511426},
	{"odd_sizes", 46439, -6.072130527977432, 1.3221110739884274, 1.729098094124448, 2.043974477514189},
	{"pamap2_full", 7374084, 51.009761414961538, -1.4300292480881249, 3.7996365081619379, 3.6005318808046409},
	{"series_small", 43423, -10.348529931374072, -0.18360512854396963, 2.3691043977765736, 2.0772573409692883},
	{"tabular_small", 42737, -8.49136458126649, -0.96103096732090754, 2.0170854196283248, 2.5523062195160158},
	{"tokens_small", 43424, -0.18617548168003339, 17.946794758273214, 2.8053228462353936, 2.8047417237074348},
	{"two_inner_steps_small", 43424, -11.895331162411189, 18.837121860641354, 3.132116029134342, 2.8374470457424339},
}

func TestDraws(t *testing.T) {
	harmonic := func(values []float64) (sum float64) {
		for i, v := range values {
			sum += v / float64(i+1)
		}
		return sum
	}
	for _, d := range draws {
		c, err := Get(d.name)
		if err != nil {
			t.Fatal(err)
		}
		n, probe := 0, 0.0
		for _, p := range c.Params() {
			n += p.Size()
			values := c.Values(p)
			for i, u := range c.Probe(p) {
				probe += values[i] * u
			}
		}
		b := c.Step(1)
		x := b.X
		for _, k := range b.Tokens {
			x = append(x, float64(k))
		}
		if n != d.parameters {
			t.Errorf("%s: %d parameters, expected %d", d.name, n, d.parameters)
		}
		for _, v := range []struct {
			what      string
			got, want float64
		}{{"parameters", probe, d.probe}, {"input", harmonic(x), d.x}, {"masking noise", harmonic(b.MaskNoise), d.masks},
			{"support noise", harmonic(b.SupportNoise), d.support}} {
			if RelError(v.got, v.want) > 1e-8 {
				t.Errorf("%s: sum over %s is %.12g, expected %.12g", d.name, v.what, v.got, v.want)
			}
		}
	}
}

// TestOrder checks names and order of the parameters against the order of the recorded gradients.
func TestOrder(t *testing.T) {
	dir, err := Dir()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases(t) {
		text, err := os.ReadFile(filepath.Join(dir, c.Name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var raw struct{ Expect map[string]json.RawMessage }
		if err := json.Unmarshal(text, &raw); err != nil {
			t.Fatal(err)
		}
		var want []string
		d := json.NewDecoder(bytes.NewReader(raw.Expect["grad_norm"]))
		for tok, err := d.Token(); err == nil; tok, err = d.Token() {
			if name, ok := tok.(string); ok {
				want = append(want, name)
			}
		}
		var got []string
		for _, p := range c.Params() {
			got = append(got, p.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: parameters %v, expected %v", c.Name, got, want)
		}
	}
}

func TestKeep(t *testing.T) {
	for _, k := range []struct {
		tokens int
		ratio  float64
		keep   int
	}{{250, 0.9, 24}, {250, 0.8, 49}, {64, 0.85, 9}, {28, 0.75, 7}, {11, 0.7, 3}} {
		c := &Case{Input: Input{Kind: "tokens", Shape: []int{4, k.tokens}}, MaskRatio: k.ratio}
		if c.Keep() != k.keep {
			t.Errorf("%d of %d tokens stay visible at %v, expected %d", c.Keep(), k.tokens, k.ratio, k.keep)
		}
	}
}

func TestReplay(t *testing.T) {
	for _, c := range cases(t) {
		for _, tensor := range c.Replay(0) {
			if n := len(tensor.F32) + len(tensor.I32); n != product(tensor.Shape) {
				t.Errorf("%s: %s%v has %d values", c.Name, tensor.Name, tensor.Shape, n)
			}
		}
	}
}

func TestChecks(t *testing.T) {
	c, err := Get("series_small")
	if err != nil {
		t.Fatal(err)
	}
	tol := c.F32()
	losses := map[string]float64{}
	for k, v := range c.Expect.Steps[0] {
		losses[k] = v * (1 + 5e-6)
	}
	if err := c.CheckLosses(0, losses, tol); err != nil {
		t.Error(err)
	}
	losses["outer_loss"] *= 1 + 1e-4
	if c.CheckLosses(0, losses, tol) == nil {
		t.Error("a wrong loss passes")
	}
	losses["outer_loss"] = math.NaN()
	if c.CheckLosses(0, losses, tol) == nil {
		t.Error("a loss that is not a number passes")
	}
	delete(losses, "outer_loss")
	if c.CheckLosses(0, losses, tol) == nil || c.CheckLosses(99, losses, tol) == nil {
		t.Error("a missing loss or step passes")
	}

	p := c.Params()[0]
	grad := gradient(c, p)
	if err := c.CheckGrad(p, grad, tol); err != nil {
		t.Error(err)
	}
	grad[0], grad[1] = grad[1], grad[0]
	if c.CheckGrad(p, grad, tol) == nil {
		t.Error("a gradient in the wrong order passes")
	}
	grad[0] = math.NaN()
	if c.CheckGrad(p, grad, tol) == nil || c.CheckGrad(p, grad[1:], tol) == nil {
		t.Error("a gradient that is not a number, or too short, passes")
	}
	if c.CheckGrad(Param{Name: "nothing"}, nil, tol) == nil {
		t.Error("an unknown parameter passes")
	}
	one := []float64{-c.Expect.FeatureMeanAbs}
	if err := c.CheckFeatures(one, tol); err != nil {
		t.Error(err)
	}
	if c.CheckFeatures(nil, tol) == nil {
		t.Error("no features pass")
	}
}

// gradient makes a vector with the recorded norm and probe: along the probe, and along one
// direction orthogonal to it.
func gradient(c *Case, p Param) []float64 {
	d := c.Probe(p)
	var dd float64
	for _, v := range d {
		dd += v * v
	}
	along := c.Expect.GradProbe[p.Name] / dd
	across := math.Sqrt(math.Pow(c.Expect.GradNorm[p.Name], 2)-along*along*dd) / math.Hypot(d[0], d[1])
	g := make([]float64, len(d))
	for i, v := range d {
		g[i] = along * v
	}
	g[0] += across * d[1]
	g[1] -= across * d[0]
	return g
}

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"syntax":  "{",
		"unknown": `{"sed": 1}`,
		"kind":    `{"input": {"kind": "video"}}`,
		"shape":   `{"input": {"kind": "series", "shape": [3]}}`,
		"patch":   `{"input": {"kind": "image", "shape": [3, 8, 8], "patch": [2]}}`,
		"name":    `{"input": {"kind": "tokens", "shape": [3, 8]}, "objective": {"name": "gan"}}`,
		"size":    `{"input": {"kind": "tokens", "shape": [3, 8]}, "objective": {"name": "mae"}}`,
	} {
		file := filepath.Join(dir, name+".json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(file); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
	if _, err := Get("nothing"); err == nil {
		t.Error("a missing case is accepted")
	}
}

func TestSpecFor(t *testing.T) {
	kinds := map[string]string{
		"series_small": "modality series_small = series(channels: 3, samples: 40, patch: 5)",
		"mae_small":    "modality mae_small = image(channels: 3, height: 16, breadth: 16, patch: [4, 4])",
		"tokens_small": "modality tokens_small = tokens(vocab: 7, length: 30)",
	}
	for _, c := range cases(t) {
		text, sets, err := c.SpecFor()
		if err != nil {
			t.Fatal(err)
		}
		if _, diags := parser.Parse(c.Name+".mspec", []byte(text)); len(diags) > 0 {
			t.Errorf("%s: %v", text, diags)
		}
		if !strings.Contains(text, kinds[c.Name]) || !strings.Contains(text, "examples/"+c.Objective.Name+".mspec") {
			t.Errorf("%s gives %s", c.Name, text)
		}
		if meta := slices.ContainsFunc(sets, func(s string) bool { return strings.HasPrefix(s, "inner_lr=") }); meta != (c.Objective.Name == "metamae") {
			t.Errorf("%s: settings %v", c.Name, sets)
		}
	}
	c, err := Get("odd_sizes")
	if err != nil {
		t.Fatal(err)
	}
	_, sets, _ := c.SpecFor()
	want := "batch=3 mask_ratio=0.7 dropout=0 enc_width=36 enc_layers=1 enc_heads=3 enc_mlp=2 dec_width=20 dec_layers=3 dec_heads=5 dec_mlp=2" +
		" inner_lr=5 inner_steps=1 first_order=false support_ratio=0.3 contrast_weight=1 temperature=0.5"
	if got := strings.Join(sets, " "); got != want {
		t.Errorf("settings %s, expected %s", got, want)
	}
}
