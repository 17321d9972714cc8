package elab

import (
	"strings"

	"mspecc/ir"
	"mspecc/spec"
)

// What an input of an example may be shown as, by `input ... as NAME`.
const (
	asTable       = "table"       // values side by side that have no order
	asSeries      = "series"      // [channels, samples], or [samples]
	asImage       = "image"       // [channels, height, width], or [height, width]
	asSpectrogram = "spectrogram" // as an image; the rows are frequencies, the lowest first
	asVideo       = "video"       // [channels, frames, height, width], or [frames, height, width]
	asPoints      = "points"      // [points, coordinates], two or three of these
	asTokens      = "tokens"      // ids, as text
	asNone        = "none"        // by numbers alone
)

// shownAs are the names with the numbers of axes that such inputs have.
var shownAs = []struct {
	name     string
	lo, hi   int // axes
	ids      bool
	examples string
}{
	{asTable, 1, 1, false, "f32[columns]"},
	{asSeries, 1, 2, false, "f32[channels, samples] or f32[samples]"},
	{asImage, 2, 3, false, "f32[channels, height, width] or f32[height, width]"},
	{asSpectrogram, 2, 3, false, "f32[channels, frequencies, frames] or f32[frequencies, frames]"},
	{asVideo, 3, 4, false, "f32[channels, frames, height, width] or f32[frames, height, width]"},
	{asPoints, 2, 2, false, "f32[points, 2] or f32[points, 3]"},
	{asTokens, 1, 1, true, "i32[length]"},
	{asNone, 0, 1 << 10, false, ""},
}

// defaultAs is what values with so many axes are shown as where the kind does not say it.
var defaultAs = []string{asNone, asSeries, asSeries, asImage, asVideo}

// shown says what an input is shown as: what the kind says, else what its axes say.
func (e *elab) shown(in *spec.Input, t ir.Type) string {
	rank := len(t.Shape)
	if in.As == nil {
		switch {
		case t.DType == ir.I32 && rank == 1:
			return asTokens
		case t.DType == ir.F32 && rank < len(defaultAs):
			return defaultAs[rank]
		}
		return asNone
	}
	var names []string
	for _, s := range shownAs {
		names = append(names, s.name)
		if s.name != in.As.Text {
			continue
		}
		fits := rank >= s.lo && rank <= s.hi && (s.name == asNone || s.ids == (t.DType == ir.I32))
		if s.name == asPoints && fits {
			fits = t.Shape[1] == 2 || t.Shape[1] == 3
		}
		if !fits {
			e.failWith(in.As.Range, "E076", []spec.Note{{Msg: "none shows no picture"}}, "an input that is shown as %s is %s, not %s", s.name, s.examples, t)
		}
		return s.name
	}
	notes := append(spec.DidYouMean(in.As.Text, names), spec.Note{Msg: "there are " + strings.Join(names, ", ")})
	e.failWith(in.As.Range, "E076", notes, "an input cannot be shown as %s", in.As.Text)
	return ""
}
