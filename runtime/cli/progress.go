package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how far something is: a bar on a terminal, nothing elsewhere.
type progress struct{ bar *progressbar.ProgressBar }

// terminal says whether w is one.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (a *app) progress(what string, total, done int) *progress {
	if !terminal(a.err) || a.json {
		return &progress{}
	}
	bar := progressbar.NewOptions(total, progressbar.OptionSetWriter(a.err), progressbar.OptionSetDescription(what),
		progressbar.OptionSetPredictTime(true), progressbar.OptionShowCount(), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetWidth(20), progressbar.OptionClearOnFinish())
	_ = bar.Set(done) // a bar that cannot be drawn is no reason to stop
	return &progress{bar}
}

// set moves the bar.
func (p *progress) set(done int) {
	if p.bar != nil {
		_ = p.bar.Set(done)
	}
}

// say changes the bar's text.
func (p *progress) say(text string) {
	if p.bar != nil {
		p.bar.Describe(text)
	}
}

// end removes the bar.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
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
