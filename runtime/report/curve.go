package report

import (
	"fmt"
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"mspecc/runtime/ckpt"
)

// palette holds colours that colour-blind readers tell apart (Okabe and Ito), loss first.
var palette = []color.Color{
	color.RGBA{0, 0, 0, 255}, color.RGBA{0, 114, 178, 255}, color.RGBA{213, 94, 0, 255}, color.RGBA{0, 158, 115, 255},
	color.RGBA{204, 121, 167, 255}, color.RGBA{86, 180, 233, 255}, color.RGBA{230, 159, 0, 255},
}

// Curve draws every value of the records over the steps into a PNG file. The axis of values is
// logarithmic where all of them are positive and differ by more than a factor of ten.
func Curve(name, title string, records []Record) error {
	if len(records) == 0 {
		return nil
	}
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, "step", "value"
	p.BackgroundColor = color.White
	p.Add(plotter.NewGrid())
	p.Legend.Top, p.Legend.XOffs = true, -vg.Points(6)
	p.Title.Padding = vg.Points(4)
	low, high := math.Inf(1), 0.0
	for k, n := range records[0].Names {
		if n == "grad_norm" {
			continue // another scale, and in the log
		}
		points := make(plotter.XYs, 0, len(records))
		for _, r := range records {
			if !finite(r.Values[k]) {
				continue
			}
			points = append(points, plotter.XY{X: float64(r.Step), Y: r.Values[k]})
			low, high = min(low, r.Values[k]), max(high, r.Values[k])
		}
		if len(points) == 0 {
			continue
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return fmt.Errorf("the loss curve cannot be drawn: %w", err)
		}
		line.Color, line.Width = palette[k%len(palette)], vg.Points(1.2)
		p.Add(line)
		p.Legend.Add(n, line)
	}
	if low > 0 && high > 10*low {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	} else {
		p.Y.Min = min(0, p.Y.Min)
	}
	canvas := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(20*vg.Centimeter, 12*vg.Centimeter), vgimg.UseDPI(120))}
	p.Draw(draw.New(canvas))
	return ckpt.Atomic(name, func(w io.Writer) error {
		_, err := canvas.WriteTo(w)
		return err
	})
}
