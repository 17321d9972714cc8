package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mspecc/runtime"
	"mspecc/runtime/data"
	"mspecc/runtime/report"
)

// What reconstruct cannot draw is wrong usage, said before anything is computed; numbers have no limit.
func TestReconstructFlags(t *testing.T) {
	series := report.Layout{Kind: report.Series, Grid: []int{4}, Patch: []int{2}, Channels: 3}
	unknown := report.Layout{Kind: report.Series}
	words := report.Layout{Kind: report.Tokens, Grid: []int{4}}
	for _, c := range []struct {
		f     reconstructFlags
		l     report.Layout
		wrong string // part of the message, "" where all is well
	}{
		{reconstructFlags{count: report.MaxDrawn}, series, ""},
		{reconstructFlags{count: report.MaxDrawn + 1}, series, "at most 100 examples; lower it"},
		{reconstructFlags{count: 100000, out: "a.png"}, series, "--count is 100000"},
		{reconstructFlags{count: 100000, out: "a.safetensors"}, series, ""},
		{reconstructFlags{count: 100000}, words, ""},
		{reconstructFlags{count: 1, channels: []int{0, 2}}, series, ""},
		{reconstructFlags{count: 1, channels: []int{0, 3}}, series, "--channels has 3, expected channels from 0 to 2"},
		{reconstructFlags{count: 1, channels: []int{-1}}, unknown, "--channels has -1"},
		{reconstructFlags{count: 1, channels: []int{9}}, unknown, ""},
	} {
		err := c.f.check(c.l)
		var usage usageError
		switch {
		case c.wrong == "" && err != nil:
			t.Errorf("%+v: %v", c.f, err)
		case c.wrong != "" && (!errors.As(err, &usage) || !strings.Contains(err.Error(), c.wrong)):
			t.Errorf("%+v: %v, expected a usage error with %q", c.f, err, c.wrong)
		}
	}
}

func TestLayoutFollowsTheModality(t *testing.T) {
	values := func(shape ...int) runtime.Input { return runtime.Input{Name: "image", Shape: shape} }
	words := runtime.Input{Name: "text", Shape: []int{7}, DType: runtime.I32, Vocab: 5}
	for _, c := range []struct {
		m    runtime.Modality
		look data.Look
		want []string
	}{
		{runtime.Modality{Kind: "image", Grid: []int{2, 2}, Patch: []int{4, 4}, Channels: 1, Inputs: []runtime.Input{values(1, 8, 8)}}, data.Look{}, []string{"image [2 2] [4 4] 1"}},
		{runtime.Modality{Kind: "image", Grid: []int{2, 2}, Patch: []int{4, 4}, Channels: 1, Inputs: []runtime.Input{values(1, 8, 8)}}, data.Look{Spectrogram: true}, []string{"spectrogram [2 2] [4 4] 1"}},
		{runtime.Modality{Kind: "spectrogram", Grid: []int{2, 2}, Inputs: []runtime.Input{values(1, 8, 6)}}, data.Look{}, []string{"spectrogram [2 2] [4 3] 1"}},
		{runtime.Modality{Kind: "record", Grid: []int{28}, Patch: []int{1}, Inputs: []runtime.Input{values(28)}}, data.Look{}, []string{"series [28] [1] 0"}},
		{runtime.Modality{Kind: "tokens", Grid: []int{7}, Inputs: []runtime.Input{words}}, data.Look{}, []string{"tokens [7] [] 0"}},
		{runtime.Modality{Kind: "image_text", Grid: []int{2, 2}, Inputs: []runtime.Input{values(3, 8, 8), words}}, data.Look{}, []string{"image [2 2] [4 4] 3", "tokens [7] [] 0"}},
		{runtime.Modality{Kind: "two", Grid: []int{2, 2}, Patch: []int{4, 4}, Channels: 3, Inputs: []runtime.Input{values(3, 8, 8), values(1, 16, 8), values(6, 12)}}, data.Look{},
			[]string{"image [2 2] [4 4] 3", "image [] [] 0", "series [] [] 0"}},
	} {
		var got []string
		for _, l := range layouts(c.m, c.look) {
			got = append(got, fmt.Sprintf("%s %v %v %d", l.Kind, l.Grid, l.Patch, l.Channels))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s is shown as %q, expected %q", c.m.Kind, got, c.want)
		}
	}
	for _, c := range []struct {
		l             report.Layout
		shape         []int
		tokens, width int
		want          string
	}{
		{report.Layout{Kind: report.Series, Grid: []int{4}, Patch: []int{5}}, []int{3, 20}, 4, 15, "[4] [5] 3"},
		{report.Layout{Kind: report.Series}, []int{6, 12}, 4, 18, "[4] [3] 6"},
		{report.Layout{Kind: report.Series}, []int{28}, 28, 1, "[28] [1] 1"},
		{report.Layout{Kind: report.Image}, []int{1, 16, 8}, 8, 16, "[4 2] [4 4] 1"},
		{report.Layout{Kind: report.Spectrogram}, []int{2, 6, 9}, 6, 18, "[2 3] [3 3] 2"},
		{report.Layout{Kind: report.Image}, []int{1, 4, 4}, 3, 5, "[] [] 5"},
	} {
		l := fit(c.l, runtime.Input{Shape: c.shape}, c.tokens, c.width)
		if got := fmt.Sprint(l.Grid, l.Patch, l.Channels); got != c.want {
			t.Errorf("%v in %d tokens of %d values is laid out as %s, expected %s", c.shape, c.tokens, c.width, got, c.want)
		}
	}
}

// What the compiler says of an input goes before the grid; what a reader knows, and the flag --as, go before that.
func TestArrangements(t *testing.T) {
	shown := func(as string, shape ...int) runtime.Modality {
		n := 1
		for _, e := range shape {
			n *= e
		}
		return runtime.Modality{Kind: "own", Grid: []int{2, 2}, Inputs: []runtime.Input{{Shape: shape}}, Layouts: []runtime.Layout{{As: as, Tokens: n, Values: 1, Extents: []int{n}, Strides: []int{1}}}}
	}
	for _, c := range []struct {
		m    runtime.Modality
		look data.Look
		as   string
		want string
	}{
		{shown("series", 2, 3), data.Look{}, "", "series [3] [1] 2"},
		{shown("image", 2, 3), data.Look{}, "", "image [2 3] [1 1] 1"},
		{shown("image", 2, 3), data.Look{Spectrogram: true}, "", "spectrogram [2 3] [1 1] 1"},
		{shown("image", 2, 3), data.Look{}, "series", "series [3] [1] 2"},
		{shown("image", 1, 2, 3), data.Look{}, "series", "an input [1 2 3] cannot be shown as series"},
		{shown("table", 3), data.Look{}, "", "series [3] [1] 1"},
		{shown("none", 5), data.Look{}, "", "none [5] [1] 1"},
		{shown("none", 5), data.Look{}, "series", "none [5] [1] 1"},
	} {
		list, err := arrangements(c.m, c.look, c.as)
		got := fmt.Sprint(err)
		if err == nil {
			got = fmt.Sprint(list[0].Kind, " ", list[0].Grid, " ", list[0].Patch, " ", list[0].Channels)
		}
		if got != c.want {
			t.Errorf("%v as %q is shown as %s, expected %s", c.m.Layouts, c.as, got, c.want)
		}
	}
}

// Of a large vocabulary a panel keeps the words that occur.
func TestSpell(t *testing.T) {
	s := sample{words: []string{"a", "b", "c"}}
	p := &report.Panel{Layout: report.Layout{Kind: report.Tokens}, Rows: []report.Example{{Target: []float32{2}, Reconstruction: []float32{0}, Adapted: []float32{9}}}}
	s.spell(p)
	if want := map[int]string{0: "a", 2: "c"}; !maps.Equal(p.Words, want) {
		t.Errorf("words %v, expected %v", p.Words, want)
	}
}

// The std library's kind of tokens gives rows that are 1 at the token; visible tokens are put in.
func TestTokensFromScores(t *testing.T) {
	tensor := func(name string, off int, shape ...int) runtime.Tensor {
		return runtime.Tensor{Name: name, Shape: shape, Offset: off}
	}
	f := &runtime.Function{Outputs: []runtime.Tensor{tensor("target", 0, 1, 3, 2), tensor("mask", 16, 1, 3),
		tensor("reconstruction", 32, 1, 3, 2), tensor("adapted", 48, 1, 3, 2)}}
	p := &runtime.Program{Floats: 64, Batch: 1, Reconstruct: f, Modality: runtime.Modality{Inputs: []runtime.Input{{DType: runtime.I32, Vocab: 2}}}}
	m, err := runtime.NewMachine(p, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	copy(m.Floats(f.Outputs[0]), []float32{0, 1, 1, 0, 0, 1})
	copy(m.Floats(f.Outputs[1]), []float32{1, 0, 1})
	copy(m.Floats(f.Outputs[2]), []float32{0.9, 0.1, 0.2, 0.8, 0.3, 0.7})
	copy(m.Floats(f.Outputs[3]), []float32{0.4, 0.6, 0.2, 0.8, 0.3, 0.7})
	all, err := readReconstruction(m)
	if err != nil || len(all) != 1 || all[0].measure() != tokenAccuracy {
		t.Fatal(all, err)
	}
	r := all[0]
	e := r.example(0)
	if !slices.Equal(e.Target, []float32{1, 0, 1}) || !slices.Equal(e.Reconstruction, []float32{0, 0, 1}) || !slices.Equal(e.Adapted, []float32{1, 0, 1}) {
		t.Errorf("tokens %v became %v and %v", e.Target, e.Reconstruction, e.Adapted)
	}
	var before tally
	before.add(r, r.reconstruction, 0)
	if before.means() != [2]float64{0, 0.5} {
		t.Errorf("accuracy %v", before.means())
	}
}

// Tokens are printed where no file was asked for; with a file, the errors and its name are enough.
func TestTokensArePrintedOrWritten(t *testing.T) {
	p := &report.Panel{Layout: report.Layout{Kind: report.Tokens, Grid: []int{2}}, Count: 1, Measure: tokenAccuracy,
		Rows: []report.Example{{Target: []float32{0, 1}, Mask: []float32{0, 1}, Reconstruction: []float32{0, 1}, Adapted: []float32{0, 1}}}}
	name := filepath.Join(t.TempDir(), "tokens.txt")
	for _, c := range []struct {
		out     string
		printed bool
	}{{"", true}, {name, false}, {name + ".safetensors", false}} {
		var said strings.Builder
		if err := (&app{out: &said, err: io.Discard}).showPanel(p, c.out); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(said.String(), "original") != c.printed || !strings.Contains(said.String(), "1 examples, token accuracy") || !strings.Contains(said.String(), c.out) {
			t.Errorf("with --out %q: %s", c.out, said.String())
		}
	}
	if text, err := os.ReadFile(name); err != nil || !strings.Contains(string(text), "original") {
		t.Errorf("%s, %v", text, err)
	}
}

// Of no token there is no error: it is no number, and null in JSON.
func TestErrorOfNoToken(t *testing.T) {
	var sum tally
	sum.sum[1], sum.n[1] = 3, 4
	p := report.Panel{Layout: report.Layout{Kind: report.Series, Grid: []int{1}, Patch: []int{1}, Channels: 1}, Before: sum.means(), After: sum.means()}
	text, err := json.Marshal(&p)
	if err != nil || !strings.Contains(string(text), `"reconstruction":[null,0.75]`) {
		t.Errorf("%s, %v", text, err)
	}
	var back report.Panel
	if err := json.Unmarshal(text, &back); err != nil || !math.IsNaN(back.Before[0]) || back.Before[1] != 0.75 {
		t.Errorf("read back: %v, %v", back.Before, err)
	}
	var b strings.Builder
	writePanel(&b, &p, "", false)
	if !strings.Contains(b.String(), "reconstruction         -       0.75\n") {
		t.Errorf("it says\n%s", b.String())
	}
}
