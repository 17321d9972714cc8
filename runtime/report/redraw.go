package report

// Redraw says when to draw again what shows all of a growing run: whenever it has grown by a sixteenth. So all drawings of
// a run together cost no more than 17 times the last one, however often there is occasion to draw.
type Redraw struct{ drawn int }

// Due says whether to draw a run that has n lines or steps by now, and takes it as drawn then.
func (d *Redraw) Due(n int) bool {
	if n < d.drawn+max(1, d.drawn/16) {
		return false
	}
	d.drawn = n
	return true
}

// Stale says whether a run of n lines or steps has grown since it was drawn, so that it is to be drawn at its end.
func (d *Redraw) Stale(n int) bool { return n > d.drawn }
