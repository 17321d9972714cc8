package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"mspecc/codegen"
	"mspecc/ir/elab"
	"mspecc/kernels/gen"
	"mspecc/runtime/report"
	"mspecc/spec"
)

// modalitySpec has a modality for each case of modalityCases and one that they differ from. A kind whose target is no
// part of the input says by grid and patch how its tokens lie.
const modalitySpec = `
import "std/modality"

kind picture(side, across, channels) {
    input f32[channels, side, side]
    let grid   = [side / across, side / across]
    let patch  = across
    let length = side * side / (across * across)
    let width  = channels * across * across
    fn target(x) = 0.5 * reshape(x, [dim(x, 0), length, width])
}
kind lead(leads, samples) {
    input f32[leads, samples] as series
    let length = leads
    let width  = samples
    fn target(x) = x
}
kind number(leads, samples) {
    input f32[leads, samples] as none
    let length = leads
    let width  = samples
    fn target(x) = x * x
}
kind two(n, vocab) {
    input values f32[n] as none
    input ids i32[n] < vocab as none
    let length = n
    let width  = 1
    fn target(x) = reshape(x[0], [dim(x[0], 0), length, 1]) + embedding(iota([vocab, 1]), x[1])
}

modality base = series(2, 4, patch: 2) {
    data csv(columns: "a..h", label: "kind", window: 0)
    sample "data"
    set batch = 8
}
modality reshaped = series(4, 2, patch: 2) { data csv(columns: "a..h", label: "kind", window: 0)  sample "data"  set batch = 8 }
modality other = series(2, 4, patch: 2) { data csv(columns: "h..o", label: "kind", window: 0)  sample "data"  set batch = 8 }
modality unsampled = series(2, 4, patch: 2) { data csv(columns: "a..h", label: "kind", window: 0)  set batch = 8 }
modality scored = series(2, 4, patch: 2) { data csv(columns: "a..h", label: "kind", window: 0)  sample "data"  metric "weighted_f1"  set batch = 8 }
modality settings = series(2, 4, patch: 2) { data csv(columns: "a..h", label: "kind", window: 0)  sample "data"  set batch = 4, width = 3 }
modality tasked = series(2, 4, patch: 2) {
    data csv(columns: "a..h", label: "kind", window: 0)
    sample "data"
    task "size" { data csv(columns: "a..h", label: "size", classes: 1, window: 0)  metric "pearson" }
    task "kind" { data csv(columns: "a..h", label: "kind", window: 0) }
    set batch = 8
}
modality pictures = picture(4, 2, 1) { data csv(columns: "a..p", window: 0)  sample "data" }
modality ids = tokens(vocab: 40, length: 1) { data csv(columns: "h", tokens: "numbers")  sample "data" }
modality fewids = tokens(vocab: 3, length: 1) { data csv(columns: "h", tokens: "numbers")  sample "data" }
modality both = two(4, 5)
modality leads = lead(2, 4) { data csv(columns: "a..h", window: 0)  sample "data" }
modality numbers = number(2, 4) { data csv(columns: "a..h", window: 0)  sample "data" }

model m(d: modality) {
    set batch = 8, width = 2
    param w [d.width] = 0.5
    param u [width] = 0.5
    objective(x) {
        let p = d.target(x) * w
        return mean((p - d.target(x)) * (p - d.target(x))) + sum(u * u)
    }
    features(x) { return mean(d.target(x) * w, 1) }
    reconstruct(x) {
        let t = d.target(x)
        expose target = t, mask = iota([batch, d.length], 1) < 1, reconstruction = t * w
    }
}
train { steps 2 }
`

// modalityCases prove of each part of a modality, a task and an input that it does something. Each is told the trainer.
var modalityCases = map[string]func(m *modalityTrainer) bool{
	"Modality.Name": func(m *modalityTrainer) bool { return m.fails("info", "nosuch") && !m.fails("info", "base") },
	"Modality.Kind": func(m *modalityTrainer) bool {
		return m.shape("reshaped", "x") == "[8 4 2]" && m.shape("base", "x") == "[8 2 4]"
	},
	"Modality.Data": func(m *modalityTrainer) bool {
		return m.says("other", "data", "check") != m.says("base", "data", "check")
	},
	"Modality.Sample": func(m *modalityTrainer) bool { return m.fails("train", "unsampled") && !m.fails("train", "base") },
	"Modality.Metric": func(m *modalityTrainer) bool {
		return strings.Contains(m.eval("scored"), "weighted f1") && strings.Contains(m.eval("base"), "accuracy")
	},
	"Modality.Tasks": func(m *modalityTrainer) bool {
		return strings.Contains(m.eval("tasked", "--task", "size"), "pearson") && m.fails("eval", "base", "--task", "size")
	},
	"Modality.Sets": func(m *modalityTrainer) bool {
		return m.shape("settings", "x") == "[4 2 4]" && m.param("settings", "u") == "[3]" && m.param("base", "u") == "[2]"
	},
	"Task.Name": func(m *modalityTrainer) bool { return m.fails("eval", "tasked", "--task", "nosuch") },
	"Task.Data": func(m *modalityTrainer) bool {
		return m.says("tasked", "data", "check", "--task", "size") != m.says("tasked", "data", "check", "--task", "kind")
	},
	"Task.Metric": func(m *modalityTrainer) bool {
		return strings.Contains(m.eval("tasked", "--task", "size"), "pearson") && strings.Contains(m.eval("tasked", "--task", "kind"), "accuracy")
	},
	"Input.Name": func(m *modalityTrainer) bool {
		return m.shape("both", "x.values") == "[8 4]" && m.shape("base", "x.values") == ""
	},
	"Input.DType": func(m *modalityTrainer) bool {
		return m.dtype("both", "x.ids") == "i32" && m.dtype("both", "x.values") == "f32"
	},
	"Input.Shape": func(m *modalityTrainer) bool { return m.shape("base", "x") == "[8 2 4]" },
	"Input.As": func(m *modalityTrainer) bool {
		return m.refuses("input f32[channels, side, side]", "input f32[channels, side, side] as series") &&
			m.drawn("leads") == "series, hidden [{0 3}] []" && m.drawn("numbers") == "none" && m.fails("reconstruct", "numbers", "--checkpoint", "runs/numbers", "--out", "p.png")
	},
	"Input.Below": func(m *modalityTrainer) bool { return m.fails("data check", "fewids") && !m.fails("data check", "ids") },
	// What a kind tells by names, not by declarations.
	"kind grid": func(m *modalityTrainer) bool {
		return m.refuses("grid   = [side / across, side / across]", "grid   = [side, side]")
	},
	"kind patch": func(m *modalityTrainer) bool { return m.refuses("patch  = across", "patch  = 1") },
}

// TestModality: every part of a modality does something, and every setting that the compiler gives a meaning to.
func TestModality(t *testing.T) {
	for _, x := range []any{spec.Modality{}, spec.Task{}, spec.Input{}} {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(x)) {
			name := reflect.TypeOf(x).Name() + "." + f.Name
			if len(f.Index) == 1 && f.Name != "Range" && modalityCases[name] == nil {
				t.Errorf("%s: nothing proves that it does something; add a case to modalityCases", name)
			}
		}
	}
	m := newModalityTrainer(t)
	for name, proof := range modalityCases {
		if !proof(m) {
			t.Errorf("%s does nothing", name)
		}
	}
}

// modalityTrainer is the trainer of modalitySpec.
type modalityTrainer struct {
	t        *testing.T
	dir, bin string
	mod      *codegen.Module
}

func newModalityTrainer(t *testing.T) *modalityTrainer {
	t.Helper()
	m := &modalityTrainer{t: t, dir: t.TempDir()}
	var rows strings.Builder
	rows.WriteString("a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,kind,size\n")
	for i := range 60 {
		for j := range 16 {
			fmt.Fprintf(&rows, "%d,", (i*7+j*j*3)%11)
		}
		fmt.Fprintf(&rows, "%s,%d\n", []string{"one", "two", "three"}[i%3], i*i%17)
	}
	for name, text := range map[string]string{"m.mspec": modalitySpec, "data/rows.csv": rows.String()} {
		file := filepath.Join(m.dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	model, diags := elab.Load(filepath.Join(m.dir, "m.mspec"), elab.Options{})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	portable, err := gen.Select("portable", "")
	if err != nil {
		t.Fatal(err)
	}
	if m.mod, err = codegen.Compile(model, codegen.Options{Targets: portable}); err != nil {
		t.Fatal(err)
	}
	m.bin = buildModule(t, m.mod, m.dir, "package main\n")
	return m
}

func (m *modalityTrainer) run(args ...string) (string, error) {
	cmd := exec.Command(m.bin, args...)
	cmd.Dir = m.dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// says is what a command says, which must succeed.
func (m *modalityTrainer) says(modality string, args ...string) string {
	m.t.Helper()
	out, err := m.run(append(args, "--modality", modality)...)
	if err != nil {
		m.t.Errorf("%v of %s: %v\n%s", args, modality, err, out)
	}
	return strings.ReplaceAll(out, modality, "")
}

// fails reports whether a command fails.
func (m *modalityTrainer) fails(command, modality string, more ...string) bool {
	args := append(strings.Fields(command), "--modality", modality)
	if command == "train" {
		args = append(args, "--out", filepath.Join("fails", modality))
	}
	_, err := m.run(append(args, more...)...)
	return err != nil
}

// refuses reports whether check refuses the spec with another text in its first kind.
func (m *modalityTrainer) refuses(old, new string) bool {
	m.t.Helper()
	file := filepath.Join(m.dir, "other.mspec")
	if err := os.WriteFile(file, []byte(strings.Replace(modalitySpec, old, new, 1)), 0o644); err != nil {
		m.t.Fatal(err)
	}
	_, diags := elab.Load(file, elab.Options{Modalities: []string{"pictures"}})
	return spec.HasErrors(diags)
}

// drawn is what examples are shown as, and what is hidden of each channel of a series; a model without an inner loop has nothing adapted.
func (m *modalityTrainer) drawn(modality string) string {
	m.t.Helper()
	m.says(modality, "train", "--out", filepath.Join("runs", modality))
	file := modality + ".safetensors"
	said := m.says(modality, "reconstruct", "--checkpoint", filepath.Join("runs", modality), "--out", file)
	p, err := report.ReadPanel(filepath.Join(m.dir, file))
	if err != nil {
		m.t.Fatal(err)
	}
	if !p.Plain || strings.Contains(said, "adapt") {
		m.t.Errorf("%s has no inner loop, reconstruct says %s", modality, said)
	}
	if p.Kind != report.Series {
		return p.Kind
	}
	m.says(modality, "reconstruct", "--checkpoint", filepath.Join("runs", modality), "--out", modality+".png")
	return fmt.Sprint(p.Kind, ", hidden ", p.Hidden(p.Rows[0], 0), " ", p.Hidden(p.Rows[0], 1))
}

func (m *modalityTrainer) eval(modality string, more ...string) string {
	m.t.Helper()
	out := filepath.Join("runs", modality)
	if _, err := os.Stat(filepath.Join(m.dir, out)); err != nil {
		m.says(modality, "train", "--out", out)
	}
	return m.says(modality, append([]string{"eval", "--checkpoint", out, "--methods", "knn", "--k", "3", "--baselines", "none"}, more...)...)
}

func (m *modalityTrainer) program(modality string) *codegen.Program {
	all := m.mod.Targets[0].Programs
	return all[slices.IndexFunc(all, func(p *codegen.Program) bool { return p.Variant.Modality.Name == modality })]
}

func (m *modalityTrainer) input(modality, name string) (codegen.Tensor, bool) {
	in := m.program(modality).Functions[0].Inputs
	i := slices.IndexFunc(in, func(x codegen.Tensor) bool { return x.Name == name })
	if i < 0 {
		return codegen.Tensor{}, false
	}
	return in[i], true
}

// shape is that of an input of the training step, "" where there is none.
func (m *modalityTrainer) shape(modality, name string) string {
	if x, ok := m.input(modality, name); ok {
		return fmt.Sprint(x.Type.Shape)
	}
	return ""
}

func (m *modalityTrainer) dtype(modality, name string) string {
	x, _ := m.input(modality, name)
	return x.Type.DType.String()
}

func (m *modalityTrainer) param(modality, name string) string {
	for _, p := range m.program(modality).Variant.Params {
		if p.Attr.Name == name {
			return fmt.Sprint(p.Shape())
		}
	}
	return ""
}
