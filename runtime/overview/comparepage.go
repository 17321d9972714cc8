package overview

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"mspecc/runtime/ckpt"
	"mspecc/runtime/report"
)

// comparePage is what the page of a comparison shows.
type comparePage struct {
	shell
	Heading string
	Runs    []compareHead
	Groups  []compareGroup
	Charts  []figure
	Tiles   []compareTiles
	Panels  []comparePanel
	Notes   []string
}

type (
	compareHead  struct{ Name, Dir, State string }
	compareGroup struct {
		Name string
		Rows []CompareRow
	}
	compareTiles struct{ Pictures []picture }
	comparePanel struct {
		Name  string
		Panel *panelView
	}
)

// WritePage writes the comparison as one HTML file that needs nothing else.
func (c *Comparison) WritePage(name string) error {
	var names []string
	for _, r := range c.Runs {
		names = append(names, r.Name())
	}
	sh, err := newShell(strings.Join(names, ", "))
	if err != nil {
		return err
	}
	page := &comparePage{shell: sh, Heading: fmt.Sprintf("%d runs side by side", len(c.Runs)), Charts: c.charts()}
	for _, r := range c.Runs {
		page.Runs = append(page.Runs, compareHead{r.Name(), string(r.Dir), r.State})
		page.Notes = append(page.Notes, r.Notes...)
	}
	for _, row := range c.Rows {
		if n := len(page.Groups); n == 0 || page.Groups[n-1].Name != row.Group {
			page.Groups = append(page.Groups, compareGroup{Name: row.Group})
		}
		g := &page.Groups[len(page.Groups)-1]
		g.Rows = append(g.Rows, row)
	}
	if page.Tiles, page.Panels, err = c.panels(); err != nil {
		return err
	}
	return ckpt.Atomic(name, func(w io.Writer) error { return pages.ExecuteTemplate(w, "compare.html", page) })
}

// charts draw every scalar of all runs over the steps.
func (c *Comparison) charts() []figure {
	var list []figure
	for k, n := range c.Names() {
		f := figure{Title: strings.ReplaceAll(n, "_", " "), Wide: k == 0}
		ch := &chart{label: n + " of all runs over the steps", width: 360, height: 180, log: true}
		if k == 0 {
			ch.width, ch.height = 1060, 280
		}
		for i, r := range c.Runs {
			x, y := r.values(func(rec report.Record) float64 { return rec.Value(n) })
			ch.lines = append(ch.lines, smoothed(r.Name(), x, y, i)...)
			if k == 0 {
				f.Legend = append(f.Legend, legendEntry{r.Name(), i % colours})
			}
		}
		f.Chart = ch.svg()
		list = append(list, f)
	}
	return list
}

// panels show what the runs make of the same examples, input by input: pictures side by side
// where they have the same originals, else one panel after another.
func (c *Comparison) panels() ([]compareTiles, []comparePanel, error) {
	var names []string
	newest := map[string][]runPanel{} // by input
	for _, r := range c.Runs {
		for _, p := range r.newest() {
			if len(newest[p.Input]) == 0 {
				names = append(names, p.Input)
			}
			newest[p.Input] = append(newest[p.Input], runPanel{r, p})
		}
	}
	var tiles []compareTiles
	var panels []comparePanel
	for _, n := range names {
		list := newest[n]
		if !slices.ContainsFunc(list, func(p runPanel) bool { return !sameImages(list[0].Panel, p.Panel) }) {
			rows, err := sideBySide(list)
			if err != nil {
				return nil, nil, err
			}
			tiles = append(tiles, rows...)
			continue
		}
		for _, p := range list {
			v, err := viewPanel(p.Panel)
			if err != nil {
				return nil, nil, err
			}
			name := p.run.Name()
			if n != "" {
				name += ": " + n
			}
			panels = append(panels, comparePanel{name, v})
		}
	}
	return tiles, panels, nil
}

// runPanel is a panel of a run.
type runPanel struct {
	run *Run
	*report.Panel
}

// sameImages says whether two panels show the same originals.
func sameImages(a, b *report.Panel) bool {
	if a.Kind != b.Kind || a.Kind != report.Image && a.Kind != report.Spectrogram || len(a.Rows) != len(b.Rows) {
		return false
	}
	for i := range a.Rows {
		if !slices.Equal(a.Rows[i].Target, b.Rows[i].Target) {
			return false
		}
	}
	return slices.Equal(a.Grid, b.Grid) && slices.Equal(a.Patch, b.Patch)
}

func sideBySide(list []runPanel) ([]compareTiles, error) {
	var out []compareTiles
	first := list[0]
	for i := range min(len(first.Rows), shownExamples) {
		original, err := dataURL(first.Tiles(first.Rows[i])[0])
		if err != nil {
			return nil, err
		}
		row := compareTiles{[]picture{{Data: original, Alt: fmt.Sprintf("example %d: original", i+1), Caption: "original"}}}
		for _, p := range list {
			data, err := dataURL(p.Tiles(p.Rows[i])[3])
			if err != nil {
				return nil, err
			}
			row.Pictures = append(row.Pictures, picture{data, fmt.Sprintf("example %d: reconstruction of %s", i+1, p.run.Name()), p.run.Name()})
		}
		out = append(out, row)
	}
	return out, nil
}
