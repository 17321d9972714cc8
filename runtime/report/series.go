package report

import (
	"fmt"
	"image"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// Span is a stretch of samples First..Last that is hidden.
type Span struct{ First, Last int }

// Hidden lists the stretches of a channel that the model did not see.
func (p *Panel) Hidden(e Example, channel int) []Span {
	var list []Span
	step := p.Patch[0]
	for t := range p.Size() {
		m := e.Mask[t]
		if len(e.Mask) > p.Size() { // a token is one sample of all channels
			m = e.Mask[t*p.Channels+channel]
		}
		if m <= 0.5 {
			continue
		}
		if n := len(list); n > 0 && list[n-1].Last == t*step-1 {
			list[n-1].Last += step
		} else {
			list = append(list, Span{t * step, (t+1)*step - 1})
		}
	}
	return list
}

// Samples is the number of samples of a series.
func (p *Panel) Samples() int { return p.Grid[0] * p.Patch[0] }

// Channel takes one channel of a series: within a token time is the slow axis.
func (p *Panel) Channel(values []float32, c int) []float64 {
	out := make([]float64, p.Samples())
	for t := range out {
		out[t] = float64(values[t*p.Channels+c])
	}
	return out
}

// Around is a hidden stretch together with the visible samples beside it, so that a line
// through it meets the line of the original.
func (s Span) Around(samples int) Span { return Span{max(0, s.First-1), min(samples-1, s.Last+1)} }

// The lines of a series; where both reconstructions agree, the broad one shows below the other.
var (
	shade       = color.RGBA{232, 232, 232, 255}
	targetLine  = draw.LineStyle{Color: palette[0], Width: vg.Points(1)}
	beforeLine  = draw.LineStyle{Color: palette[5], Width: vg.Points(2.2)}
	adaptedLine = draw.LineStyle{Color: palette[2], Width: vg.Points(1)}
)

// plots draws one row per example and one column per channel: the original, hidden stretches
// in grey, and there the reconstructions before and after adaptation.
func (p *Panel) plots() (image.Image, error) {
	channels := len(p.Shown())
	grid := make([][]*plot.Plot, len(p.Rows))
	for i, e := range p.Rows {
		for _, c := range p.Shown() {
			one, err := p.plot(e, c)
			if err != nil {
				return nil, err
			}
			if p.Channels > 1 && i == 0 {
				one.Title.Text = fmt.Sprintf("channel %d", c)
			}
			grid[i] = append(grid[i], one)
		}
	}
	width, height := vg.Length(float64(min(30, 16*channels)))*vg.Centimeter, vg.Length(1+3.4*float64(len(p.Rows)))*vg.Centimeter
	canvas := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(110))
	all := draw.New(canvas)
	all.FillPolygon(color.White, []vg.Point{all.Min, {X: all.Max.X, Y: all.Min.Y}, all.Max, {X: all.Min.X, Y: all.Max.Y}})
	legend(&all, p.Plain)
	below := draw.Crop(all, 0, 0, 0, -vg.Centimeter)
	tiles := draw.Tiles{Rows: len(p.Rows), Cols: channels, PadX: 3 * vg.Millimeter, PadY: 2 * vg.Millimeter, PadLeft: vg.Millimeter, PadRight: 2 * vg.Millimeter, PadBottom: vg.Millimeter}
	for i, row := range plot.Align(grid, tiles, below) {
		for c, at := range row {
			grid[i][c].Draw(at)
		}
	}
	return canvas.Image(), nil
}

// seriesLine is a line of a plot, drawn in some stretches.
type seriesLine struct {
	values []float64
	spans  []Span
	style  draw.LineStyle
}

// plot draws a channel of an example.
func (p *Panel) plot(e Example, c int) (*plot.Plot, error) {
	one := plot.New()
	one.X.Tick.Marker, one.Y.Tick.Marker = plot.DefaultTicks{}, plot.DefaultTicks{}
	hidden := p.Hidden(e, c)
	target, before := p.Channel(e.Target, c), p.Channel(e.Reconstruction, c)
	lines := []seriesLine{{target, []Span{{0, len(target) - 1}}, targetLine}, {before, hidden, beforeLine}}
	if !p.Plain {
		lines = append(lines, seriesLine{p.Channel(e.Adapted, c), hidden, adaptedLine})
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, l := range lines {
		for _, v := range l.values {
			if finite(v) {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	if low > high {
		return nil, fmt.Errorf("channel %d holds no finite value to draw", c)
	}
	margin := 0.05*(high-low) + 1e-6*math.Abs(high) + 1e-12
	one.X.Min, one.X.Max, one.Y.Min, one.Y.Max = 0, float64(len(target)-1), low-margin, high+margin
	if len(target) == 1 {
		one.X.Max = 1
	}
	for _, s := range hidden {
		l, r := float64(s.First)-0.5, float64(s.Last)+0.5
		area, err := plotter.NewPolygon(plotter.XYs{{X: l, Y: one.Y.Min}, {X: r, Y: one.Y.Min}, {X: r, Y: one.Y.Max}, {X: l, Y: one.Y.Max}})
		if err != nil {
			return nil, err
		}
		area.Color, area.LineStyle.Width = shade, 0
		one.Add(area)
	}
	for _, l := range lines {
		for _, s := range l.spans {
			if err := stroke(one, l.values, s.Around(len(target)), l.style); err != nil {
				return nil, err
			}
		}
	}
	one.X.Min, one.X.Max = 0, max(1, float64(len(target)-1)) // shades reach half a sample further
	return one, nil
}

// stroke adds a line through a stretch of values, without those that are not finite.
func stroke(one *plot.Plot, values []float64, s Span, style draw.LineStyle) error {
	var points plotter.XYs
	for t := s.First; t <= s.Last; t++ {
		if finite(values[t]) {
			points = append(points, plotter.XY{X: float64(t), Y: values[t]})
		}
	}
	if len(points) == 0 {
		return nil
	}
	line, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	line.LineStyle = style
	one.Add(line)
	return nil
}

// legend says at the top which line is which.
func legend(c *draw.Canvas, plain bool) {
	style := plot.New().Legend.TextStyle
	x, y := c.Min.X+4*vg.Millimeter, c.Max.Y-5*vg.Millimeter
	entry := func(name string, line draw.LineStyle) {
		c.StrokeLine2(line, x, y, x+6*vg.Millimeter, y)
		x += 8 * vg.Millimeter
		c.FillText(style, vg.Point{X: x, Y: y - vg.Millimeter}, name)
		x += style.Width(name) + 6*vg.Millimeter
	}
	entry("original", targetLine)
	entry("reconstruction", beforeLine)
	if !plain {
		entry("after adaptation", adaptedLine)
	}
	entry("hidden", draw.LineStyle{Color: shade, Width: vg.Points(7)})
}
