package report

import (
	"image/color"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// ramp is a series of two channels, 0..11 and its negative, the second of three patches hidden.
func ramp() *Panel {
	p := &Panel{Layout: Layout{Kind: Series, Grid: []int{3}, Patch: []int{4}, Channels: 2}, Step: 7, Measure: "mean squared error",
		Before: [2]float64{0, 4}, After: [2]float64{0, 1}, Count: 1}
	e := Example{Mask: []float32{0, 1, 0}}
	for t := range 12 {
		e.Target = append(e.Target, float32(t), -float32(t))
		e.Reconstruction = append(e.Reconstruction, float32(t)+2, -float32(t))
		e.Adapted = append(e.Adapted, float32(t)+1, float32(math.NaN()))
	}
	p.Rows = []Example{e}
	return p
}

func TestPanelFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "p.safetensors")
	p := ramp()
	clear(p.Rows[0].Adapted)
	p.Rows = append(p.Rows, p.Rows[0])
	if err := p.WriteFile(name); err != nil {
		t.Fatal(err)
	}
	second := ramp()
	second.Rows = append(second.Rows, second.Rows[0])
	second.Name, second.Rows[0].Adapted, second.Rows[1].Adapted = "text", p.Rows[0].Adapted, p.Rows[0].Adapted
	p.More = []*Panel{second}
	if err := p.WriteFile(name); err != nil {
		t.Fatal(err)
	}
	got, err := ReadPanel(name)
	if err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("read back %+v, %v", got, err)
	}
	raw, _ := os.ReadFile(name)
	for _, c := range []struct{ from, to string }{{`[3]`, `[4]`}, {`"target"`, `"tarXet"`}, {"series", "serial"}, {"mspecc.panel", "mspecc.banal"}, {"mask.text", "mask.tent"}} {
		bad := strings.Replace(string(raw), c.from, c.to, 1)
		if err := os.WriteFile(name, []byte(bad), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadPanel(name); err == nil || !strings.Contains(err.Error(), "p.safetensors") {
			t.Errorf("%s for %s: error %v", c.to, c.from, err)
		}
	}
}

// Every input of an example has a file of its own.
func TestSeveralInputs(t *testing.T) {
	p := &Panel{Layout: Layout{Kind: Image, Grid: []int{1, 2}, Patch: []int{1, 1}, Channels: 1}}
	p.Rows = []Example{{Target: []float32{0, 1}, Mask: []float32{0, 1}, Reconstruction: []float32{0, 1}, Adapted: []float32{0, 1}}}
	q := &Panel{Layout: Layout{Kind: Tokens, Grid: []int{2}}, Name: "text", Rows: p.Rows}
	p.More = []*Panel{q}
	dir := t.TempDir()
	if err := p.WritePicture(filepath.Join(dir, "step-1.png")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"step-1.png", "step-1-text.txt"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	q.Rows = nil
	if p.Check() == nil {
		t.Error("inputs with different numbers of examples were accepted")
	}
}

func TestSeries(t *testing.T) {
	p := ramp()
	if got := p.Hidden(p.Rows[0], 1); !reflect.DeepEqual(got, []Span{{4, 7}}) {
		t.Errorf("hidden are %v", got)
	}
	if got := p.Hidden(Example{Mask: []float32{1, 1, 0}}, 0); !reflect.DeepEqual(got, []Span{{0, 7}}) {
		t.Errorf("hidden are %v", got)
	}
	one := *p
	one.Show = []int{1}
	if err := one.Check(); err != nil || len(one.Shown()) != 1 || len(p.Shown()) != 2 {
		t.Errorf("channels %v and %v are shown, %v", one.Shown(), p.Shown(), err)
	}
	if one.Show = []int{2}; one.Check() == nil {
		t.Error("a channel that is not there is shown")
	}
	if got := p.Channel(p.Rows[0].Target, 1); got[11] != -11 {
		t.Errorf("channel 1 is %v", got)
	}
	m, err := p.Picture()
	if err != nil {
		t.Fatal(err)
	}
	// Every line and the shade are there.
	found := map[color.RGBA]int{}
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			r, g, b, _ := m.At(x, y).RGBA()
			found[color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 255}]++
		}
	}
	for _, ink := range []color.Color{shade, targetLine.Color, beforeLine.Color, adaptedLine.Color} {
		if found[ink.(color.RGBA)] < 20 {
			t.Errorf("the picture has %d points of %v", found[ink.(color.RGBA)], ink)
		}
	}
	for i := range p.Rows[0].Target {
		p.Rows[0].Target[i], p.Rows[0].Reconstruction[i], p.Rows[0].Adapted[i] = float32(math.NaN()), float32(math.Inf(1)), float32(math.NaN())
	}
	if _, err := p.Picture(); err == nil {
		t.Error("a series without a finite value was drawn")
	}
}

func TestSpectrogramStandsOnItsFeet(t *testing.T) {
	p := &Panel{Layout: Layout{Kind: Spectrogram, Grid: []int{2, 1}, Patch: []int{1, 1}, Channels: 1}}
	e := Example{Target: []float32{1, 0}, Mask: []float32{0, 1}, Reconstruction: []float32{1, 0}, Adapted: []float32{1, 0}}
	tiles := p.Tiles(e)
	yellow, violet := color.RGBA{253, 231, 37, 255}, color.RGBA{68, 1, 84, 255}
	if got := tiles[0].RGBAAt(0, 1); got != yellow {
		t.Errorf("row 0, the lowest frequency, is %v at the bottom", got)
	}
	if got := tiles[0].RGBAAt(0, 0); got != violet {
		t.Errorf("silence is %v", got)
	}
	if got := tiles[1].RGBAAt(0, 0); got != hiddenGrey {
		t.Errorf("hidden is %v", got)
	}
}

func TestTokenText(t *testing.T) {
	p := &Panel{Layout: Layout{Kind: Tokens, Grid: []int{6}, Words: map[int]string{0: "A", 1: "C", 2: "G", 3: "T"}}}
	p.Rows = []Example{{Target: []float32{0, 1, 2, 3, 0, 1}, Mask: []float32{0, 1, 1, 0, 0, 1},
		Reconstruction: []float32{3, 1, 0, 0, 0, 2}, Adapted: []float32{3, 1, 2, 0, 0, 1}}}
	var b strings.Builder
	if err := p.Text(&b, 80, nil); err != nil {
		t.Fatal(err)
	}
	want := `example 1
original          ACGTAC
visible           A··TA·
reconstruction    ACATAG
                    ^  ^
after adaptation  ACGTAC

`
	if b.String() != want {
		t.Errorf("got\n%s\nexpected\n%s", b.String(), want)
	}
	b.Reset()
	p.Words = map[int]string{0: "a", 1: "word"}
	if err := p.Text(&b, 18+3*5, Terminal); err != nil {
		t.Fatal(err)
	}
	want = `example 1
original          a    word 2
visible           a    ` + "\x1b[2m·   \x1b[0m \x1b[2m·   \x1b[0m" + `
reconstruction    a    ` + "\x1b[32mword\x1b[0m \x1b[31ma   \x1b[0m" + `
                            ^
after adaptation  a    ` + "\x1b[32mword\x1b[0m \x1b[32m2   \x1b[0m" + `

original          3    a    word
visible           3    a    ` + "\x1b[2m·   \x1b[0m" + `
reconstruction    3    a    ` + "\x1b[31m2   \x1b[0m" + `
                            ^
after adaptation  3    a    ` + "\x1b[32mword\x1b[0m" + `

`
	if b.String() != want {
		t.Errorf("got\n%s\nexpected\n%s", b.String(), want)
	}
	if _, err := p.Picture(); err == nil {
		t.Error("tokens gave a picture")
	}
}
