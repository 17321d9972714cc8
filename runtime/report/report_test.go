package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func record(step int, loss float64) Record {
	return Record{Step: step, Names: []string{"loss", "inner_loss"}, Values: []float64{loss, loss / 2}, LR: 0.1, Rate: 5, Wait: 0.25, Seconds: 1, LeftOut: step / 2}
}

func TestLogDropsWhatComesAfterTheCheckpoint(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log.jsonl")
	l, _, err := OpenLog(name, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	for step := 1; step <= 5; step++ {
		if err := l.Add(record(step, 1/float64(step))); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Add(Record{Step: 6, Names: []string{"loss"}, Values: []float64{math.NaN()}}); err != nil {
		t.Fatal(err)
	}
	l.file.WriteAt([]byte(`{"step":7,"lo`), l.size)
	l.Close()
	for _, keep := range []int{6, 3} {
		if l, _, err = OpenLog(name, keep, []string{"loss", "inner_loss"}); err != nil {
			t.Fatal(err)
		}
		l.Close()
		text, _ := os.ReadFile(name)
		if n := strings.Count(string(text), "\n"); n != keep || len(l.Records()) != keep || strings.Contains(string(text), "lo\n") {
			t.Errorf("kept %d lines, %d records, expected %d:\n%s", n, len(l.Records()), keep, text)
		}
	}
	if r := l.Records()[2]; r.Step != 3 || r.Values[1] != 1.0/6 || r.Rate != 5 || r.Wait != 0.25 || r.LeftOut != 1 {
		t.Errorf("read back %+v", r)
	}
	text, _ := os.ReadFile(name)
	if want := `{"step":1,"loss":1,"inner_loss":0.5,"lr":0.1,"examples_per_second":5,"data_wait":0.25,"seconds":1}` + "\n"; !strings.HasPrefix(string(text), want) {
		t.Errorf("log begins %s", text)
	}
}

// Lines that the disk does not take come with the next ones.
func TestLogWaitsForTheDisk(t *testing.T) {
	name := filepath.Join(t.TempDir(), "metrics.jsonl")
	l, _, err := OpenLog(name, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	sound := l.file
	if err := l.Add(record(1, 1)); err != nil {
		t.Fatal(err)
	}
	if l.file, err = os.Open(name); err != nil { // not for writing
		t.Fatal(err)
	}
	for step := 2; step <= 3; step++ {
		if err := l.Add(record(step, 1)); err == nil || !strings.Contains(err.Error(), "the metrics cannot be written") {
			t.Error(err)
		}
	}
	l.file.Close()
	l.file = sound
	if err := l.Add(record(4, 1)); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(name)
	if n := strings.Count(string(whole), "\n"); n != 4 || err != nil {
		t.Errorf("%d lines, %v:\n%s", n, err, whole)
	}
	// A file that was removed is written again, and goes on.
	again := filepath.Join(t.TempDir(), "metrics.jsonl")
	if err := l.Rewrite(again); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(again); string(got) != string(whole) {
		t.Errorf("written again:\n%s", got)
	}
	if err := errors.Join(l.Add(record(5, 1)), l.Close()); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(again); strings.Count(string(got), "\n") != 5 {
		t.Errorf("went on:\n%s", got)
	}
}

// A log of any length takes bounded memory, and what is kept of it is evenly spread.
func TestLongLog(t *testing.T) {
	name := filepath.Join(t.TempDir(), "metrics.jsonl")
	l, _, err := OpenLog(name, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	const n = 5*maxRecords + 3
	for step := 1; step <= n; step++ {
		if err := l.Add(record(step, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again, _, err := OpenLog(name, n, []string{"loss", "inner_loss"})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	read, _, err := ReadRecords(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range [][]Record{l.Records(), again.Records(), read} {
		if len(list) > maxRecords+1 || len(list) < maxRecords/2 {
			t.Errorf("%d records are kept", len(list))
		}
		for i, r := range list[:len(list)-1] {
			if r.Step != 1+8*i {
				t.Fatalf("record %d is of step %d", i, r.Step)
			}
		}
		if r := list[len(list)-1]; r.Step != n {
			t.Errorf("the last record is of step %d", r.Step)
		}
	}
	raw, err := os.ReadFile(name)
	if lines := strings.Count(string(raw), "\n"); lines != n || err != nil {
		t.Errorf("the file has %d lines, %v", lines, err)
	}
}

func TestCurve(t *testing.T) {
	name := filepath.Join(t.TempDir(), "curve.png")
	for _, records := range [][]Record{
		{record(1, 3)},
		{record(1, 100), record(2, math.Inf(1)), record(3, 0.01)},
		{record(1, 0), record(2, 0)},
		{record(1, math.NaN())},
	} {
		if err := Curve(name, "tiny", records); err != nil {
			t.Fatal(err)
		}
		if f, err := os.Open(name); err != nil {
			t.Fatal(err)
		} else if _, err := png.Decode(f); err != nil {
			t.Fatal(err)
		}
	}
}

func TestImages(t *testing.T) {
	name := filepath.Join(t.TempDir(), "grid.png")
	p := Panel{Layout: Layout{Kind: Image, Grid: []int{2, 3}, Patch: []int{2, 2}, Channels: 3}}
	size := p.Size() * p.Width()
	target := make([]float32, size)
	target[p.at(3, 5)] = 1 // the last pixel's red
	e := Example{Target: target, Mask: []float32{0, 1, 0, 0, 0, 0}, Reconstruction: make([]float32, size), Adapted: target}
	if p.at(3, 5) != size-3 {
		t.Fatalf("last pixel at %d of %d", p.at(3, 5), size)
	}
	p.Rows = []Example{e, e}
	if err := p.WritePicture(name); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	const zoom = 128 / 6
	pixel := func(column, y, x int) color.Color {
		return img.At(gap+column*(6*zoom+gap)+x*zoom+3, gap+y*zoom+3)
	}
	red, black, grey := color.RGBA{255, 0, 0, 255}, color.RGBA{0, 0, 0, 255}, color.RGBA{128, 128, 128, 255}
	for i, want := range []color.Color{red, red, black, red} {
		if got := pixel(i, 3, 5); got != want {
			t.Errorf("column %d: %v, expected %v", i, got, want)
		}
	}
	if got := pixel(1, 1, 2); got != grey {
		t.Errorf("hidden token is %v", got)
	}
	if got := pixel(1, 2, 2); got != black {
		t.Errorf("visible token is %v", got)
	}
	p.Rows[1].Mask = nil
	if err := p.WritePicture(name); err == nil {
		t.Error("a wrong mask was accepted")
	}
}

// One damaged line costs one line, wherever it stands and whatever it looks like then: it is set aside
// with the whole file, which is said.
func TestLogKeepsWhatIsSound(t *testing.T) {
	sound := ""
	for step := 10; step <= 90; step += 10 {
		line, err := json.Marshal(record(step, 1/float64(step)))
		if err != nil {
			t.Fatal(err)
		}
		sound += string(line) + "\n"
	}
	lines := strings.SplitAfter(strings.TrimSuffix(sound, "\n"), "\n")
	const last = 70
	for what, x := range map[string]struct {
		at      int // of the line that is damaged
		by      string
		damaged int
	}{
		"nothing":               {-1, "", 0},
		"a brace":               {1, strings.Replace(lines[1], "{", "[", 1), 1},
		"a quote":               {1, strings.Replace(lines[1], `"loss"`, `"loss`, 1), 1},
		"zeros":                 {2, strings.Repeat("\x00", 50) + "\n", 1},
		"the end of the line":   {1, strings.Replace(lines[1], "\n", " ", 1), 1},
		"an end too many":       {1, strings.Replace(lines[1], ",", "\n", 1), 2},
		"another step, beyond":  {1, strings.Replace(lines[1], `"step":20`, `"step":90`, 1), 1},
		"another step, higher":  {1, strings.Replace(lines[1], `"step":20`, `"step":60`, 1), 1},
		"another step, lower":   {4, strings.Replace(lines[4], `"step":50`, `"step":10`, 1), 1},
		"no whole step":         {1, strings.Replace(lines[1], `"step":20`, `"step":20.5`, 1), 1},
		"a negative step":       {1, strings.Replace(lines[1], `"step":20`, `"step":-2`, 1), 1},
		"a step without bounds": {1, strings.Replace(lines[1], `"step":20`, `"step":2e99`, 1), 1},
		"the first line":        {0, "x" + lines[0], 1},
		"the last line":         {6, "x" + lines[6], 1},
		"a line without end":    {3, strings.Repeat("x", 3<<20) + "\n", 1},
	} {
		t.Run(what, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "metrics.jsonl")
			want := slices.Clone(lines[:last/10])
			text := slices.Clone(lines)
			if x.at >= 0 {
				text[x.at] = x.by
				want[x.at] = ""
			}
			if strings.HasSuffix(what, "end of the line") {
				want[x.at+1] = "" // it is part of the line before
			}
			whole := strings.Join(text, "")
			if err := os.WriteFile(name, []byte(whole), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, damaged, err := ReadRecords(name); err != nil || damaged != x.damaged {
				t.Errorf("%d damaged lines are read, %v", damaged, err)
			}
			l, note, err := OpenLog(name, last, []string{"loss"})
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(l.Add(record(80, 0.5)), l.Close()); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(name)
			added, _ := json.Marshal(record(80, 0.5))
			if err != nil || string(got) != strings.Join(want, "")+string(added)+"\n" {
				t.Errorf("%v: left is\n%s", err, got)
			}
			if x.damaged == 0 {
				if note != "" {
					t.Errorf("it is said: %s", note)
				}
				return
			}
			if !strings.Contains(note, fmt.Sprintf("metrics.jsonl: %d damaged lines are left out; the file as it was is kept as metrics.jsonl.damaged", x.damaged)) {
				t.Errorf("it is said: %s", note)
			}
			if aside, err := os.ReadFile(name + ".damaged"); err != nil || string(aside) != whole {
				t.Errorf("set aside is, %v\n%s", err, aside)
			}
		})
	}
}
