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
	Adapted bool // at least one of the models has an inner loop
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
		page.Adapted = page.Adapted || len(r.Panels) > 0 && !r.Panels[len(r.Panels)-1].Plain
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

// panels show what the runs make of the same examples: pictures side by side where they have
// the same originals, else one panel after another.
func (c *Comparison) panels() ([]compareTiles, []comparePanel, error) {
	var with []*Run
	for _, r := range c.Runs {
		if len(r.Panels) > 0 {
			with = append(with, r)
		}
	}
	if len(with) == 0 {
		return nil, nil, nil
	}
	last := func(r *Run) *report.Panel { return r.Panels[len(r.Panels)-1] }
	first := last(with[0])
	if !slices.ContainsFunc(with, func(r *Run) bool { return !sameImages(first, last(r)) }) {
		tiles, err := sideBySide(with, last)
		return tiles, nil, err
	}
	var list []comparePanel
	for _, r := range with {
		v, err := viewPanel(last(r))
		if err != nil {
			return nil, nil, err
		}
		list = append(list, comparePanel{r.Name(), v})
	}
	return nil, list, nil
}

// sameImages says whether two panels show the same originals.
func sameImages(a, b *report.Panel) bool {
	if a.Kind != b.Kind || a.Kind != report.Image && a.Kind != report.Spectrogram || len(a.Rows) != len(b.Rows) {
		return false
	}
	for i := range a.Rows {
		if !slices.EqualFunc(a.Rows[i].Target, b.Rows[i].Target, func(x, y float32) bool { return x == y || x != x && y != y }) {
			return false
		}
	}
	return slices.Equal(a.Grid, b.Grid) && slices.Equal(a.Patch, b.Patch)
}

func sideBySide(list []*Run, panel func(*Run) *report.Panel) ([]compareTiles, error) {
	var out []compareTiles
	for i := range min(len(panel(list[0]).Rows), shownExamples) {
		original, err := dataURL(panel(list[0]).Tiles(panel(list[0]).Rows[i])[0])
		if err != nil {
			return nil, err
		}
		row := compareTiles{[]picture{{Data: original, Alt: fmt.Sprintf("example %d: original", i+1), Caption: "original"}}}
		for _, r := range list {
			data, err := dataURL(final(panel(r), i))
			if err != nil {
				return nil, err
			}
			row.Pictures = append(row.Pictures, picture{data, fmt.Sprintf("example %d: reconstruction of %s", i+1, r.Name()), r.Name()})
		}
		out = append(out, row)
	}
	return out, nil
}
