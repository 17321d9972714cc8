package report

import (
	"errors"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func record(step int, loss float64) Record {
	return Record{Step: step, Names: []string{"loss", "inner_loss"}, Values: []float64{loss, loss / 2}, LR: 0.1, Rate: 5, Wait: 0.25, Seconds: 1, LeftOut: step / 2}
}

func TestLogDropsWhatComesAfterTheCheckpoint(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log.jsonl")
	l, err := OpenLog(name, 0, nil)
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
		if l, err = OpenLog(name, keep, []string{"loss", "inner_loss"}); err != nil {
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
	l, err := OpenLog(name, 0, nil)
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
	l, err := OpenLog(name, 0, nil)
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
	again, err := OpenLog(name, n, []string{"loss", "inner_loss"})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	read, err := ReadRecords(name)
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
