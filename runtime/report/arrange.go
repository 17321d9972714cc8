package report

import (
	"fmt"
	"math"
	"slices"
)

// What else examples are shown as.
const (
	Table  = "table"  // a series of its columns
	Video  = "video"  // an image of the frames side by side
	Points = "points" // a series of each coordinate
)

// Arrangement brings the values of tokens to where they lie in what is drawn.
type Arrangement struct {
	Layout
	to    []int // place of value j of token t, at t*values + j; nil: tokens are drawn in order
	width int   // values of a token
}

// Arrange says how examples are drawn that are to be shown as kind: inputs of a shape, with value j of token t at the
// place t*values + j says. Where tokens are equal patches, one beside the other, they stay; otherwise every place is a token of its own.
func Arrange(kind string, shape []int, tokens, values int, places []int) (Arrangement, error) {
	a := Arrangement{width: values}
	switch kind {
	case Tokens:
		a.Layout = Layout{Kind: Tokens, Grid: []int{tokens}}
		if !isOrder(places) {
			a.Grid, a.to = []int{shape[0]}, places
		}
		return a, nil
	case None:
		a.Layout = Layout{Kind: None, Grid: []int{tokens}, Patch: []int{values}, Channels: 1}
		return a, nil
	}
	drawn, shape, move := drawing(kind, shape)
	if drawn == "" {
		return a, fmt.Errorf("an input %v cannot be shown as %s", shape, kind)
	}
	places = slices.Clone(places)
	for i, p := range places {
		places[i] = move(p)
	}
	channels, axes := shape[0], shape[1:]
	area := 1
	for _, n := range axes {
		area *= n
	}
	whole := func(patch []int) Layout {
		l := Layout{Kind: drawn, Patch: patch, Channels: channels}
		for i, n := range axes {
			l.Grid = append(l.Grid, n/patch[i])
		}
		return l
	}
	if patch := patchOf(places[:min(values, len(places))], axes); patch != nil {
		if a.Layout = whole(patch); a.Size() == tokens && a.Width() == values && slices.Equal(a.places(), places) {
			return a, nil
		}
	}
	a.Layout = whole(slices.Repeat([]int{1}, len(axes)))
	for _, p := range places {
		a.to = append(a.to, p%area*channels+p/area)
	}
	return a, nil
}

// drawing says what a kind is drawn as, the shape [channels, ...] of that, and where a place of the input goes in it; "" where a kind has
// other axes.
func drawing(kind string, shape []int) (drawn string, as []int, move func(int) int) {
	same := func(p int) int { return p }
	channels := func(axes int) []int {
		if len(shape) == axes {
			return append([]int{1}, shape...)
		}
		return shape
	}
	switch n := len(shape); {
	case kind == Series && (n == 1 || n == 2), kind == Table && n == 1:
		return Series, channels(1), same
	case (kind == Image || kind == Spectrogram) && (n == 2 || n == 3):
		return kind, channels(2), same
	case kind == Video && (n == 3 || n == 4):
		s := channels(3)
		f, h, w := s[1], s[2], s[3]
		return Image, []int{s[0], h, f * w}, func(p int) int {
			c, frame, y, x := p/(f*h*w), p/(h*w)%f, p/w%h, p%w
			return (c*h+y)*f*w + frame*w + x
		}
	case kind == Points && n == 2:
		return Series, []int{shape[1], shape[0]}, func(p int) int { return p%shape[1]*shape[0] + p/shape[1] }
	}
	return "", shape, nil
}

// patchOf is the extent of the first token along each axis of what is drawn, nil where it cannot be a patch of it.
func patchOf(token, axes []int) []int {
	patch := slices.Repeat([]int{1}, len(axes))
	for _, p := range token {
		for i := len(axes) - 1; i >= 0; i-- {
			patch[i] = max(patch[i], p%axes[i]+1)
			p /= axes[i]
		}
	}
	for i, n := range axes {
		if n%patch[i] != 0 {
			return nil
		}
	}
	return patch
}

// places are those of a layout of patches: tokens in reading order, the channels of a place next to each other.
func (l Layout) places() []int {
	axes, area := make([]int, len(l.Grid)), 1
	for i := range axes {
		axes[i] = l.Grid[i] * l.Patch[i]
		area *= axes[i]
	}
	places := make([]int, l.Size()*l.Width())
	for k := range places {
		token, value := k/l.Width(), k%l.Width()
		at, stride := value%l.Channels*area, 1
		value /= l.Channels
		for i := len(axes) - 1; i >= 0; i-- {
			at += (token%l.Grid[i]*l.Patch[i] + value%l.Patch[i]) * stride
			token, value, stride = token/l.Grid[i], value/l.Patch[i], stride*axes[i]
		}
		places[k] = at
	}
	return places
}

// isOrder says whether places are 0, 1, 2, ...
func isOrder(places []int) bool {
	for i, p := range places {
		if i != p {
			return false
		}
	}
	return true
}

// Example brings an example's values to where they are drawn. What no token covers is NaN and counts as
// hidden; where tokens overlap, what one of them shows is seen.
func (a Arrangement) Example(e Example) Example {
	if a.to == nil {
		return e
	}
	n := a.Size() * a.Width()
	out := Example{Mask: slices.Repeat([]float32{1}, n)}
	nan := float32(math.NaN())
	for _, part := range []struct{ from, to *[]float32 }{{&e.Target, &out.Target}, {&e.Reconstruction, &out.Reconstruction}, {&e.Adapted, &out.Adapted}} {
		if *part.from == nil {
			continue
		}
		*part.to = slices.Repeat([]float32{nan}, n)
		for _, seen := range []bool{false, true} { // what is seen comes last, and stays
			for i, p := range a.to {
				if seen == (e.Mask[i/a.width] <= 0.5) {
					(*part.to)[p] = (*part.from)[i]
				}
			}
		}
	}
	for i, p := range a.to {
		out.Mask[p] = min(out.Mask[p], e.Mask[i/a.width])
	}
	return out
}
