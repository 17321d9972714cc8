package cli

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how far something is: a bar on a terminal, nothing elsewhere.
type progress struct {
	bar   *progressbar.ProgressBar
	out   *os.File
	text  string
	meter meter
	shown time.Time // when the text was last brought up to date
}

// barWidth is the width of the bar itself, in characters; refresh the shortest time between two pictures.
const (
	barWidth = 12
	refresh  = 100 * time.Millisecond
)

// terminal says whether w is one.
func terminal(w io.Writer) bool {
	f := file(w)
	return f != nil && term.IsTerminal(int(f.Fd()))
}

func (a *app) progress(what string, total, done int) *progress {
	p := &progress{text: what, meter: meter{total: total}}
	p.meter.set(done, time.Now())
	if !terminal(a.err) || a.json || a.quiet {
		return p
	}
	p.out = file(a.err)
	p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(p.out), progressbar.OptionSetDescription(what),
		progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false), progressbar.OptionShowCount(),
		progressbar.OptionShowDescriptionAtLineEnd(), progressbar.OptionThrottle(refresh), progressbar.OptionSetWidth(barWidth),
		progressbar.OptionUseANSICodes(true), progressbar.OptionClearOnFinish())
	_ = p.bar.Set(done) // a bar that cannot be drawn is no reason to stop
	return p
}

// set moves the bar.
func (p *progress) set(done int) {
	now := time.Now()
	p.meter.set(done, now)
	if p.bar == nil {
		return
	}
	if now.Sub(p.shown) >= refresh {
		p.shown = now
		p.bar.Describe(p.line())
	}
	_ = p.bar.Set(done)
}

// say changes the bar's text.
func (p *progress) say(text string) { p.text = text }

// line is what stands beside the bar: the time left, then the text, cut to the terminal's width.
func (p *progress) line() string {
	text := p.text
	if left, known := p.meter.left(); known {
		text = duration(math.Ceil(left)) + " left  " + text
	}
	columns, _, err := term.GetSize(int(p.out.Fd()))
	if err != nil {
		return text
	}
	around := len("100% || (/)  ") + barWidth + 2*len(fmt.Sprint(p.meter.total))
	return cut(text, columns-around-1)
}

// cut shortens a text to a number of characters.
func cut(text string, width int) string {
	width = max(0, width)
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:max(0, width-1)]) + strings.Repeat("…", min(1, width))
}

// end removes the bar.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

// meter watches a count grow and estimates how long the rest takes from its pace of late.
type meter struct {
	done, total  int
	at           time.Time
	units, spent float64 // of late, in units and seconds
}

// memory is the time after which a pace counts 1/e of a new one, in seconds.
const memory = 60

// set says that the count was done at a time. What it was at first took no time.
func (m *meter) set(done int, now time.Time) {
	if !m.at.IsZero() && done > m.done {
		dt := max(0, now.Sub(m.at).Seconds())
		fade := math.Exp(-dt / memory)
		m.units = m.units*fade + float64(done-m.done)
		m.spent = m.spent*fade + dt
	} else if !m.at.IsZero() && done == m.done {
		return
	}
	m.done, m.at = done, now
}

// left is the time that the rest takes, in seconds, where there is a pace to go by.
func (m *meter) left() (seconds float64, known bool) {
	if m.units == 0 || m.spent == 0 {
		return 0, false
	}
	return float64(max(0, m.total-m.done)) * m.spent / m.units, true
}

// values is a list of named numbers as text.
func values(names []string, values []float64) string {
	var b strings.Builder
	for i, n := range names {
		fmt.Fprintf(&b, "%s %.5g  ", n, values[i])
	}
	return strings.TrimRight(b.String(), " ")
}

// rate is a number per second without needless digits.
func rate(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// duration is a time in the unit that suits it, such as 3m20s.
func duration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
