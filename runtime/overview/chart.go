package overview

import (
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"

	"mspecc/runtime/report"
)

// line is one line of a chart. Colour counts from 0 and stands for one of the page's colours.
type line struct {
	name   string
	x, y   []float64
	colour int
	faint  bool // drawn behind the others, without a name
	broad  bool
}

// chart draws lines over a common axis as SVG, in the colours of the page that holds it.
type chart struct {
	label         string // what it shows, for those who do not see it
	unit          string // behind values, such as " examples/s"
	lines         []line
	bands         []report.Span // stretches of the x axis to be marked
	width, height float64       // of the picture, in its own units
	zero          bool          // 0 is on the axis of values
	log           bool          // the axis of values may be logarithmic
	bare          bool          // without values to point at
}

// Room around the lines for numbers, in units of the picture.
const (
	marginLeft, marginRight, marginTop, marginBottom = 50, 10, 8, 22
)

// svg is the picture.
func (c *chart) svg() template.HTML {
	var xs, ys [][]float64
	for _, l := range c.lines {
		xs, ys = append(xs, l.x), append(ys, l.y)
	}
	x := newAxis(xs, marginLeft, c.width-marginRight, false, false)
	x.low, x.high = extent(xs)
	y := newAxis(ys, c.height-marginBottom, marginTop, c.zero, c.log)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart" viewBox="0 0 %g %g" role="img" aria-label="%s"`, c.width, c.height, html.EscapeString(c.label))
	if !c.bare {
		fmt.Fprintf(&b, ` data-chart="%s"`, html.EscapeString(c.points(x, y)))
	}
	b.WriteString(">")
	for _, s := range c.bands {
		l, r := max(x.at(float64(s.First)-0.5), x.from), min(x.at(float64(s.Last)+0.5), x.to)
		fmt.Fprintf(&b, `<rect class="band" x="%.1f" y="%d" width="%.1f" height="%g"/>`, l, marginTop, r-l, c.height-marginTop-marginBottom)
	}
	for _, v := range y.ticks(int(c.height / 40)) {
		fmt.Fprintf(&b, `<line class="grid" x1="%d" x2="%.1f" y1="%.1f" y2="%.1f"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`,
			marginLeft, x.to, y.at(v), y.at(v), marginLeft-6, y.at(v)+3.5, short(v))
	}
	for _, v := range x.ticks(int(c.width / 75)) {
		if v == math.Trunc(v) { // steps and samples are whole numbers
			fmt.Fprintf(&b, `<line class="tick" x1="%.1f" x2="%.1f" y1="%g" y2="%g"/><text x="%.1f" y="%g" text-anchor="middle">%s</text>`,
				x.at(v), x.at(v), c.height-marginBottom, c.height-marginBottom+4, x.at(v), c.height-6, short(v))
		}
	}
	fmt.Fprintf(&b, `<line class="base" x1="%d" x2="%.1f" y1="%g" y2="%g"/>`, marginLeft, x.to, c.height-marginBottom, c.height-marginBottom)
	for _, faint := range []bool{true, false} {
		for _, l := range c.lines {
			if l.faint == faint {
				b.WriteString(l.path(x, y))
			}
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// extent is the range of the lines' x; a single place gets room.
func extent(xs [][]float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, list := range xs {
		for _, v := range list {
			low, high = min(low, v), max(high, v)
		}
	}
	switch {
	case low > high:
		return 0, 1
	case low == high:
		return low - 1, high + 1
	}
	return low, high
}

// path is the line as an SVG path, broken where values are not finite.
func (l line) path(x, y axis) string {
	var d strings.Builder
	drawing, single := false, 0
	for i, v := range l.y {
		if !finite(v) || y.log && v <= 0 {
			drawing = false
			continue
		}
		op := "L"
		if !drawing {
			op, drawing = "M", true
		}
		single++
		fmt.Fprintf(&d, "%s%.1f %.1f", op, x.at(l.x[i]), y.at(v))
	}
	if single == 0 {
		return ""
	}
	class := "line"
	if l.faint {
		class = "raw"
	}
	if l.broad {
		class += " broad"
	}
	if single == 1 {
		class += " dot"
		d.WriteString("h0")
	}
	return fmt.Sprintf(`<path class="%s c%d" d="%s"/>`, class, l.colour%colours, d.String())
}

// colours is the number of line colours that the page's style has.
const colours = 7

// points are the values under the pointer, as JSON for the page's script: places in units of the
// picture, and what to show there.
func (c *chart) points(x, y axis) string {
	type series struct {
		Name   string   `json:"name"`
		Colour int      `json:"c"`
		X      []int    `json:"x"`
		Y      []int    `json:"y"`
		Text   []string `json:"t"`
		Step   []string `json:"s"`
	}
	var list []series
	for _, l := range c.lines {
		if l.faint {
			continue
		}
		s := series{Name: l.name, Colour: l.colour % colours}
		for i, v := range l.y {
			if finite(v) && !(y.log && v <= 0) {
				s.X, s.Y = append(s.X, int(x.at(l.x[i])+0.5)), append(s.Y, int(y.at(v)+0.5))
				s.Text, s.Step = append(s.Text, short(v)+c.unit), append(s.Step, fmt.Sprintf("%.0f", l.x[i]))
			}
		}
		list = append(list, s)
	}
	text, err := json.Marshal(list)
	if err != nil {
		return "[]" // strings and whole numbers always have a JSON form
	}
	return string(text)
}

// most is the number of points of a line: about one for every other pixel.
const most = 400

// smoothed are two lines of the same values: as they are, faint, and the means over about a
// thirtieth of them, as many before as after. Few values are one line.
func smoothed(name string, x, y []float64, colour int) []line {
	half := len(y) / 60
	if half < 1 {
		return []line{{name: name, x: x, y: y, colour: colour}}
	}
	mean := centred(y, half)
	rawX, rawY := outline(x, y)
	lineX, lineY := thin(x, mean)
	return []line{{x: rawX, y: rawY, colour: colour, faint: true}, {name: name, x: lineX, y: lineY, colour: colour}}
}

// centred are the means of up to half values on both sides, fewer at the ends. Values that are
// not finite are passed over.
func centred(y []float64, half int) []float64 {
	sums, counts := make([]float64, len(y)+1), make([]float64, len(y)+1)
	for i, v := range y {
		sums[i+1], counts[i+1] = sums[i], counts[i]
		if finite(v) {
			sums[i+1] += v
			counts[i+1]++
		}
	}
	mean := make([]float64, len(y))
	for i := range y {
		h := min(half, i, len(y)-1-i)
		mean[i] = (sums[i+h+1] - sums[i-h]) / (counts[i+h+1] - counts[i-h])
	}
	return mean
}

// thin takes most points at even distances, the last one among them.
func thin(x, y []float64) (tx, ty []float64) {
	every := (len(x) + most - 1) / most
	if every < 2 {
		return x, y
	}
	for i := (len(x) - 1) % every; i < len(x); i += every {
		tx, ty = append(tx, x[i]), append(ty, y[i])
	}
	return tx, ty
}

// outline keeps the lowest and the highest value of every stretch, in their order, so that no
// spike is lost. Values that are not finite are lost only where the stretch has others.
func outline(x, y []float64) (ox, oy []float64) {
	every := 2 * ((len(x) + most - 1) / most)
	if every < 4 {
		return x, y
	}
	for first := 0; first < len(x); first += every {
		low, high := first, first
		for i := first; i < min(first+every, len(x)); i++ {
			if y[i] < y[low] || !finite(y[low]) {
				low = i
			}
			if y[i] > y[high] || !finite(y[high]) {
				high = i
			}
		}
		for _, i := range []int{min(low, high), max(low, high)} {
			ox, oy = append(ox, x[i]), append(oy, y[i])
		}
	}
	return ox, oy
}
