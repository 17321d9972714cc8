package overview

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mspecc/runtime/ckpt"
	"mspecc/runtime/files"
	"mspecc/runtime/report"
	"mspecc/runtime/runs"
)

//go:embed web
var web embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{"colour": func(i int) int { return i % colours }}).ParseFS(web, "web/*.html"))

// shell is what every page has.
type shell struct {
	Title  string
	Style  template.CSS
	Script template.JS
}

func newShell(title string) (shell, error) {
	style, err := web.ReadFile("web/style.css")
	if err != nil {
		return shell{}, err
	}
	script, err := web.ReadFile("web/script.js")
	return shell{title, template.CSS(style), template.JS(script)}, err
}

// Parts of pages, as the templates name them.
type (
	tile   struct{ Label, Value, Note string }
	figure struct {
		Title, Now string
		Wide       bool
		Legend     []legendEntry
		Chart      template.HTML
	}
	legendEntry struct {
		Name   string
		Colour int
	}
	fact    struct{ Name, Value, Note string }
	numbers struct {
		Names []string
		Rows  [][]string
	}
	sessionRow struct{ Began, From, Until, End string }
	sourceText struct{ Name, Text string }
)

// reportPage is what the page of a run shows.
type reportPage struct {
	shell
	Heading, State, Summary, Failure string
	Tiles                            []tile
	Losses, Speed                    []figure
	Numbers                          *numbers
	Panel                            *panelView
	PanelErrors                      *figure
	Evaluation                       *evaluationView // the newest
	Earlier                          []*evaluationView
	EvalCommand                      string
	Training, Machine, Model, Places []fact
	Sessions                         []sessionRow
	Sources                          []sourceText
	Notes                            []string
}

// WriteReport writes the page of a run: one HTML file that needs nothing else. The same run
// gives the same bytes. It reads the run's panels.
func (r *Run) WriteReport(name string) error {
	if err := r.ReadPanels(); err != nil {
		return err
	}
	page, err := r.page()
	if err != nil {
		return err
	}
	return ckpt.Atomic(name, func(w io.Writer) error { return pages.ExecuteTemplate(w, "report.html", page) })
}

// StatePage gives the state that a page written by WriteReport shows, "" for none.
func StatePage(name string) string {
	f, _, err := files.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	head, _ := io.ReadAll(io.LimitReader(f, 1<<18)) // the state stands at the head, behind the style
	_, text, _ := strings.Cut(string(head), `<span class="badge `)
	state, _, _ := strings.Cut(text, `"`)
	return state
}

func (r *Run) page() (*reportPage, error) {
	m := r.Manifest
	sh, err := newShell(r.Name() + ": " + r.title())
	if err != nil {
		return nil, err
	}
	p := &reportPage{shell: sh, Heading: r.title(), State: r.State, Notes: r.Notes, EvalCommand: "eval --checkpoint " + string(r.Dir)}
	p.Summary = fmt.Sprintf("%s: step %s of %s, batch %d, seed %d", r.Name(), count(r.Step()), count(m.Options.Steps), m.Batch, m.Options.Seed)
	if n := len(m.Sessions); n > 0 && m.Sessions[n-1].Error != "" {
		p.Failure = m.Sessions[n-1].Error
	}
	p.Losses, p.Speed, p.Numbers = r.losses(), r.speeds(), r.numbers()
	if p.Panel, p.PanelErrors, err = r.panelViews(); err != nil {
		return nil, err
	}
	for i := range slices.Backward(r.Evaluations) {
		if v := viewEvaluation(&r.Evaluations[i]); p.Evaluation == nil {
			p.Evaluation = v
		} else {
			p.Earlier = append(p.Earlier, v)
		}
	}
	p.Tiles = r.tiles()
	p.Training, p.Machine, p.Model = r.training(), r.machine(), r.model()
	p.Sessions, p.Places = r.sessions(), r.places()
	p.Sources = r.sources()
	return p, nil
}

// title is the model and its modality.
func (r *Run) title() string {
	if m := r.Manifest; m.Modality != "" && m.Modality != m.Model {
		return m.Model + " on " + m.Modality
	}
	return r.Manifest.Model
}

func (r *Run) tiles() []tile {
	var list []tile
	last, best, at := r.Loss()
	if finite(last) {
		list = append(list, tile{"loss", short(last), fmt.Sprintf("lowest %s at step %s", short(best), count(at))})
	}
	if n := len(r.Panels); n > 0 {
		p := r.Panels[n-1]
		note := "on hidden tokens"
		if !p.Plain {
			note += fmt.Sprintf(" after adaptation, %s before", short(p.Before[1]))
		}
		list = append(list, tile{p.Measure, short(p.After[1]), note})
	}
	if b := r.Best(); b != nil {
		list = append(list, tile{"test " + Metric(b.Metric), Score(b.Metric, b.Test), Method(b.Result) + " on " + b.Input + ", " + b.Evaluation.Where()})
	}
	if rate := r.Rate(); finite(rate) {
		list = append(list, tile{"examples per second", short(rate), fmt.Sprintf("%.1f %% of the time waiting for data", 100*r.wait())})
	}
	if s := r.Seconds(); s > 0 {
		list = append(list, tile{"time", span(s), fmt.Sprintf("%s steps of %d examples", count(r.Step()), r.Manifest.Batch)})
	}
	return append(list, tile{"parameters", short(float64(r.Manifest.Parameters)), count(r.Manifest.Parameters) + " numbers"})
}

// wait is the mean share of the time waiting for data, 0 where it is not known.
func (r *Run) wait() float64 {
	sum, n := 0.0, 0
	for _, rec := range r.Records {
		if finite(rec.Wait) {
			sum += rec.Wait
			n++
		}
	}
	return sum / math.Max(1, float64(n))
}

// values are a scalar over the steps; at takes it from a record.
func (r *Run) values(at func(report.Record) float64) (x, y []float64) {
	for _, rec := range r.Records {
		x, y = append(x, float64(rec.Step)), append(y, at(rec))
	}
	return x, y
}

// losses are a chart for each scalar of the metrics, the loss the widest.
func (r *Run) losses() []figure {
	var list []figure
	for i, n := range r.Names() {
		x, y := r.values(func(rec report.Record) float64 { return rec.Value(n) })
		c := &chart{lines: smoothed(n, x, y, i), width: 360, height: 180, log: true}
		if i == 0 {
			c.width, c.height = 1060, 280
		}
		from, to := ends(y)
		c.label = fmt.Sprintf("%s over the steps: %s at step %.0f, %s at step %d", n, short(from), x[0], short(to), r.Step())
		list = append(list, figure{Title: strings.ReplaceAll(n, "_", " "), Now: short(from) + " → " + short(to), Wide: i == 0, Chart: c.svg()})
	}
	return list
}

// ends are the first and the last finite value, NaN where there is none.
func ends(y []float64) (first, last float64) {
	first, last = math.NaN(), math.NaN()
	for _, v := range y {
		if finite(v) {
			if !finite(first) {
				first = v
			}
			last = v
		}
	}
	return first, last
}

// speeds are charts of the learning rate, the throughput and the wait for data.
func (r *Run) speeds() []figure {
	var list []figure
	for i, s := range []struct {
		title, unit string
		at          func(report.Record) float64
	}{
		{"learning rate", "", func(rec report.Record) float64 { return rec.LR }},
		{"examples per second", "", func(rec report.Record) float64 { return rec.Rate }},
		{"time waiting for data", " %", func(rec report.Record) float64 { return 100 * rec.Wait }},
	} {
		x, y := r.values(s.at)
		_, last := ends(y)
		if !finite(last) {
			continue
		}
		lines := smoothed(s.title, x, y, i+4)
		if i == 0 {
			tx, ty := thin(x, y)
			lines = []line{{name: s.title, x: tx, y: ty, colour: i + 4}} // it is known, not measured
		}
		c := &chart{label: fmt.Sprintf("%s over the steps, %s%s at last", s.title, short(last), s.unit), unit: s.unit, lines: lines, width: 360, height: 160, zero: true}
		list = append(list, figure{Title: s.title, Now: short(last) + s.unit, Chart: c.svg()})
	}
	return list
}

// tableRows is the number of lines of the table of metrics, about.
const tableRows = 20

func (r *Run) numbers() *numbers {
	if len(r.Records) == 0 {
		return nil
	}
	n := &numbers{Names: append(append([]string{"step"}, r.Names()...), "learning rate", "examples/s")}
	every := (len(r.Records) + tableRows - 1) / tableRows
	for i := (len(r.Records) - 1) % every; i < len(r.Records); i += every {
		rec := r.Records[i]
		row := []string{count(rec.Step)}
		for _, name := range r.Names() {
			row = append(row, number(rec.Value(name)))
		}
		n.Rows = append(n.Rows, append(row, number(rec.LR), number(rec.Rate)))
	}
	return n
}

// number is a value of a table, "-" for none.
func number(v float64) string {
	if !finite(v) {
		return "-"
	}
	return fmt.Sprintf("%.5g", v)
}

func (r *Run) training() []fact {
	m, t := r.Manifest, r.Manifest.Train
	list := []fact{{"steps", count(m.Options.Steps), ""}, {"batch", fmt.Sprint(m.Batch), ""}, {"seed", fmt.Sprint(m.Options.Seed), ""},
		{"optimizer", t.InTruth(), t.Numbers()}, {"learning rate", fmt.Sprint(m.Options.LR), schedule(t.Schedule.Kind, t.Schedule.Warmup)},
		{"weight decay", fmt.Sprint(t.WeightDecay), ""}, {"precision", t.Precision, ""}}
	if m.Options.InitFrom != "" {
		list = append(list, fact{"first parameters", m.Options.InitFrom, ""})
	}
	if d := m.Data; d.Train > 0 {
		from := d.Folder
		if from == "" {
			from = "carried by the trainer"
		}
		list = append(list, fact{"data", from, ""}, fact{"reader", strings.Join(append([]string{d.Reader}, d.Options...), " "), ""},
			fact{"examples", fmt.Sprintf("%s to train, %s to test", count(d.Train), count(d.Test)), ""})
		if d.SkipBad > 0 {
			left := 0
			if n := len(r.Records); n > 0 {
				left = r.Records[n-1].LeftOut
			}
			list = append(list, fact{"bad records", fmt.Sprintf("%s left out, %s allowed", count(left), count(d.SkipBad)), ""})
		}
	}
	return list
}

func schedule(kind string, warmup int) string {
	if kind == "" {
		kind = "constant"
	}
	if warmup > 0 {
		kind += fmt.Sprintf(", warm-up %s steps", count(warmup))
	}
	return kind
}

func (r *Run) machine() []fact {
	n := len(r.Manifest.Sessions)
	if n == 0 {
		return nil
	}
	s := r.Manifest.Sessions[n-1]
	list := []fact{}
	if s.Machine.CPU != "" {
		list = append(list, fact{"processor", s.Machine.CPU, ""})
	}
	list = append(list, fact{"cores", fmt.Sprintf("%d, %d threads used", s.Machine.Cores, s.Threads), ""})
	if s.Machine.Memory > 0 {
		list = append(list, fact{"memory", fmt.Sprintf("%.1f GiB", float64(s.Machine.Memory)/(1<<30)), ""})
	}
	return append(list, fact{"system", s.Machine.System + ", " + s.Machine.Go, ""}, fact{"kernels", s.Target, ""}, fact{"host", s.Host, ""})
}

func (r *Run) model() []fact {
	m := r.Manifest
	list := []fact{{"model", m.Model, ""}, {"modality", m.Modality, ""}, {"parameters", count(m.Parameters), ""}}
	for _, s := range m.Settings {
		list = append(list, fact{s.Name, s.Value, s.From})
	}
	return list
}

func (r *Run) sessions() []sessionRow {
	var list []sessionRow
	for i, s := range r.Manifest.Sessions {
		row := sessionRow{Began: s.Started.Format("2006-01-02 15:04:05 MST"), From: count(s.From), Until: count(s.Step), End: s.End}
		if s.End == "" {
			row.Until, row.End = "", runs.Killed
			if i == len(r.Manifest.Sessions)-1 {
				row.Until, row.End = count(r.Step()), r.State
			}
		}
		list = append(list, row)
	}
	return list
}

func (r *Run) places() []fact {
	list := []fact{{"run", string(r.Dir), ""}, {"spec", r.Manifest.Spec, ""}, {"SHA-256 of the spec", r.Manifest.Digest, ""}}
	if steps, err := r.Dir.Steps(); err == nil && len(steps) > 0 {
		list = append(list, fact{"newest checkpoint", filepath.Base(r.Dir.Checkpoint(steps[len(steps)-1])), ""})
	}
	return append(list, fact{"TensorBoard", "tensorboard --logdir " + r.Dir.Events(), ""})
}

// maxSource is more than a file of a spec can have.
const maxSource = 1 << 20

// sources are the texts of the spec, the main one first.
func (r *Run) sources() []sourceText {
	var list []sourceText
	root := r.Dir.Spec()
	err := filepath.WalkDir(root, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := files.Read(name, maxSource)
		if err != nil {
			return nil // one that cannot be shown says nothing of the others
		}
		rel, err := filepath.Rel(root, name)
		list = append(list, sourceText{filepath.ToSlash(rel), string(text)})
		return err
	})
	if err != nil {
		return nil // a run without its spec is shown without it
	}
	slices.SortStableFunc(list, func(a, b sourceText) int {
		switch r.Manifest.Spec {
		case a.Name:
			return -1
		case b.Name:
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list
}

// count is a whole number with its thousands apart.
func count(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// span is a time in the units that suit it.
func span(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d < time.Minute {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
