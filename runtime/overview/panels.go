package overview

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"html/template"
	"image"
	"image/png"
	"strings"

	"mspecc/runtime/report"
)

// Parts of a page that show reconstructions.
type (
	picture struct {
		Data         template.URL
		Alt, Caption string
	}
	panelView struct {
		Title, Errors string
		More          []*panelView  // of further inputs
		Captions      []string      // of an example's pictures
		Tiles         [][][]picture // two halves of the examples
		Plain         bool          // there is no inner loop to adapt
		Text          template.HTML // of tokens
		Series        []figure
		Strip         []picture
	}
)

const (
	shownExamples = 6 // of a panel
	shownSeries   = 4 // examples of series, each with its channels
	stripLength   = 8 // pictures of the course of the run
)

// panelViews are the newest panel, and the errors of all of them where there are several.
func (r *Run) panelViews() (*panelView, *figure, error) {
	if len(r.Panels) == 0 {
		return nil, nil, nil
	}
	v, err := viewPanel(r.Panels[len(r.Panels)-1])
	if err != nil {
		return nil, nil, err
	}
	if v.Strip, err = strip(r.Panels); err != nil {
		return nil, nil, err
	}
	return v, panelErrors(r.Panels), nil
}

// viewPanel prepares a panel with all its inputs for a page.
func viewPanel(p *report.Panel) (*panelView, error) {
	v, err := viewInput(p)
	if err != nil {
		return nil, err
	}
	v.Title = "Test examples after step " + count(p.Step)
	for _, q := range p.More {
		more, err := viewInput(q)
		if err != nil {
			return nil, err
		}
		more.Title = q.Name
		v.More = append(v.More, more)
	}
	return v, nil
}

func viewInput(p *report.Panel) (*panelView, error) {
	v := &panelView{Errors: fmt.Sprintf("%s on hidden tokens: %s", p.Measure, short(p.Before[1])), Plain: p.Plain}
	if !p.Plain {
		v.Errors += fmt.Sprintf(" → %s after adaptation", short(p.After[1]))
	}
	rows := p.Rows[:min(len(p.Rows), shownExamples)]
	switch p.Kind {
	case report.None:
		return v, nil
	case report.Tokens:
		return v, v.text(p, rows[:min(2, len(rows))])
	case report.Series:
		for i, e := range rows[:min(len(rows), shownSeries)] {
			for _, c := range p.Shown() {
				v.Series = append(v.Series, viewSeries(p, e, i, c))
			}
		}
		return v, nil
	}
	v.Captions = p.Captions()
	half := (len(rows) + 1) / 2
	v.Tiles = make([][][]picture, (len(rows)+half-1)/half)
	for i, e := range rows {
		var list []picture
		for k, t := range p.Tiles(e) {
			data, err := dataURL(t)
			if err != nil {
				return nil, err
			}
			list = append(list, picture{Data: data, Alt: fmt.Sprintf("example %d: %s", i+1, v.Captions[k])})
		}
		v.Tiles[i/half] = append(v.Tiles[i/half], list)
	}
	return v, nil
}

// text shows tokens as aligned text.
func (v *panelView) text(p *report.Panel, rows []report.Example) error {
	few := *p
	few.Rows = rows
	var b strings.Builder
	err := few.Text(&b, 118, func(text string, m report.Mark) string {
		text = html.EscapeString(text)
		if tag := map[report.Mark]string{report.NotSeen: "i", report.RightGuess: "b", report.WrongGuess: "em"}[m]; tag != "" {
			return "<" + tag + ">" + text + "</" + tag + ">"
		}
		return text
	})
	v.Text = template.HTML(b.String())
	return err
}

// viewSeries is one channel of an example as a chart.
func viewSeries(p *report.Panel, e report.Example, example, channel int) figure {
	x := make([]float64, p.Samples())
	for t := range x {
		x[t] = float64(t)
	}
	hidden := p.Hidden(e, channel)
	only := func(values []float64) []float64 {
		out := make([]float64, len(values))
		for t := range out {
			out[t] = nan
		}
		for _, s := range hidden {
			s = s.Around(len(values))
			copy(out[s.First:s.Last+1], values[s.First:s.Last+1])
		}
		return out
	}
	c := &chart{label: fmt.Sprintf("example %d, channel %d: original, and reconstructions of the hidden stretches", example+1, channel),
		bands: hidden, width: 420, height: 150, bare: true, lines: []line{
			{name: "reconstruction", x: x, y: only(p.Channel(e.Reconstruction, channel)), colour: 5, broad: true},
			{name: "original", x: x, y: p.Channel(e.Target, channel), colour: 6},
		}}
	if !p.Plain {
		c.lines = append(c.lines, line{name: "after adaptation", x: x, y: only(p.Channel(e.Adapted, channel)), colour: 1})
	}
	title := fmt.Sprintf("example %d", example+1)
	if p.Channels > 1 {
		title += fmt.Sprintf(", channel %d", channel)
	}
	return figure{Title: title, Chart: c.svg()}
}

// strip shows what became of the first example in the course of the run: the original and the
// reconstruction, adapted where that is done, of some steps. Series and tokens have none.
func strip(list []*report.Panel) ([]picture, error) {
	last := list[len(list)-1]
	if len(list) < 2 || last.Kind != report.Image && last.Kind != report.Spectrogram || len(last.Rows) == 0 {
		return nil, nil
	}
	var out []picture
	add := func(t image.Image, caption string) error {
		data, err := dataURL(t)
		out = append(out, picture{Data: data, Alt: caption, Caption: caption})
		return err
	}
	if err := add(last.Tiles(last.Rows[0])[1], "what it saw"); err != nil {
		return nil, err
	}
	n := min(len(list), stripLength)
	for k := range n {
		if p := list[k*(len(list)-1)/max(1, n-1)]; len(p.Rows) > 0 && p.Kind == last.Kind {
			if err := add(final(p, 0), "step "+count(p.Step)); err != nil {
				return nil, err
			}
		}
	}
	return out, add(last.Tiles(last.Rows[0])[0], "original")
}

// final is the last reconstruction of an example.
func final(p *report.Panel, row int) image.Image {
	tiles := p.Tiles(p.Rows[row])
	return tiles[len(tiles)-1]
}

// panelErrors is a chart of the errors on hidden tokens of test examples over the steps.
func panelErrors(list []*report.Panel) *figure {
	if len(list) < 2 {
		return nil
	}
	before, after := line{name: "reconstruction", colour: 5, broad: true}, line{name: "after adaptation", colour: 1}
	for _, p := range list {
		before.x, before.y = append(before.x, float64(p.Step)), append(before.y, p.Before[1])
		after.x, after.y = append(after.x, float64(p.Step)), append(after.y, p.After[1])
	}
	measure := list[len(list)-1].Measure
	lines, legend := []line{before, after}, []legendEntry{{before.name, before.colour}, {after.name, after.colour}}
	if list[len(list)-1].Plain {
		lines, legend = lines[:1], legend[:1]
	}
	c := &chart{label: measure + " on hidden tokens of test examples over the steps", lines: lines, width: 1060, height: 200, log: true}
	return &figure{Title: measure + " on hidden tokens of test examples", Wide: true, Chart: c.svg(), Legend: legend}
}

// dataURL is a picture as part of a page.
func dataURL(m image.Image) (template.URL, error) {
	var b bytes.Buffer
	err := png.Encode(&b, m)
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes())), err
}
