package generic

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"mspecc/runtime/data"
)

// gaps says what becomes of missing values.
type gaps int

const (
	gapError gaps = iota
	gapZero
	gapInterpolate
	gapDrop
)

// plan is what the options of a table reader say.
type plan struct {
	s              *data.Source
	files, test    []string
	columns        []string // patterns; nil for all
	label, id      string
	classes        []string // nil: as found
	numbered       int      // labels are 0..numbered-1; 0 for names, 1 for numbers to regress
	each           bool     // a label for each token
	missing        gaps
	standardise    bool
	scale          float64
	window, stride int // 0: rows are examples
	channelsLast   bool
	short          shorts
	last           bool
	split, by      string // split: random, last or by
	groups         []string
	look           *pictures // that the rows name, nil for none
}

// newPlan checks the options.
func newPlan(s *data.Source) (*plan, error) {
	p := &plan{s: s, files: s.List("files"), test: s.List("test"), columns: s.List("columns"), label: s.Text("label"), id: s.Text("id"), groups: s.List("test_groups")}
	if len(p.files) == 0 {
		return nil, s.BadOption("files", "at least one name or pattern")
	}
	for _, c := range p.columns {
		if _, err := path.Match(c, ""); err != nil {
			return nil, s.BadOption("columns", "names, patterns with * or FIRST..LAST")
		}
	}
	if err := p.setClasses(); err != nil {
		return nil, err
	}
	words := map[string]gaps{"error": gapError, "zero": gapZero, "interpolate": gapInterpolate, "drop": gapDrop}
	var ok bool
	if p.missing, ok = words[s.Text("missing")]; !ok {
		return nil, s.BadOption("missing", "error, zero, interpolate or drop")
	}
	if s.Input.Tokens && s.Text("standardize") == "true" {
		return nil, s.BadOption("standardize", "false where texts become tokens")
	}
	if !s.Input.Tokens {
		if err := p.setNumbers(); err != nil {
			return nil, err
		}
	}
	return p, p.setSplit()
}

// setNumbers takes the options of what is no text.
func (p *plan) setNumbers() (err error) {
	s := p.s
	if p.standardise, err = s.Boolean("standardize"); err != nil {
		return err
	}
	if p.scale, err = strconv.ParseFloat(s.Text("scale"), 64); err != nil || !(p.scale > 0) || p.scale > 1e30 {
		return s.BadOption("scale", "a number above 0")
	}
	return p.setLayout()
}

// setClassOptions takes the option classes.
func (p *plan) setClassOptions() error {
	p.classes = p.s.List("classes")
	if len(p.classes) == 1 {
		n, err := strconv.Atoi(p.classes[0])
		if err != nil || n < 1 {
			return p.s.BadOption("classes", "at least two names, or how many classes there are")
		}
		p.classes, p.numbered = nil, n
	}
	if twice := slices.ContainsFunc(p.classes, func(c string) bool { return count(p.classes, c) > 1 }); twice {
		return p.s.BadOption("classes", "every class once")
	}
	return nil
}

func (p *plan) setClasses() error {
	s := p.s
	if err := p.setClassOptions(); err != nil {
		return err
	}
	switch s.Text("labels") {
	case "one":
	case "each":
		p.each = true
		if p.label == "" {
			return s.BadOption("labels", "one where there is no label")
		}
		if p.numbered == 0 && len(p.classes) == 0 {
			return s.BadOption("classes", "the names or the number of the classes, which labels of single tokens need")
		}
	default:
		return s.BadOption("labels", "one or each")
	}
	return nil
}

func count(list []string, x string) int {
	n := 0
	for _, y := range list {
		if x == y {
			n++
		}
	}
	return n
}

// setWindow settles whether a record is an example or a sample in time, once it is known how many values it
// has; 0 stands for what is not known.
func (p *plan) setWindow(values int) error {
	s, preset := p.s, 0
	series := !s.Input.Tokens && len(s.Input.Shape) == 2
	if series && s.Input.Shape[0] > 1 && s.Input.Shape[1] > 1 && values != s.Input.Size() {
		preset = s.Input.Shape[1]
	}
	var err error
	if p.window, err = s.Integer("window", preset, 0); err != nil {
		return err
	}
	if p.window > 0 && (!series || p.window != s.Input.Shape[1]) {
		return s.BadOption("window", fmt.Sprintf("the length of the model's input, which is %v", s.Input))
	}
	if p.window > 0 {
		if p.stride, err = s.Integer("stride", max(1, p.window/2), 1); err != nil {
			return err
		}
		if err := p.setWindowOptions(); err != nil {
			return err
		}
	}
	switch {
	case p.window > 0 && p.each:
		return s.BadOption("labels", "one for windows")
	case p.window == 0 && p.missing == gapInterpolate:
		return s.BadOption("missing", "error, zero or drop: rows that are examples of their own have no neighbours to interpolate between")
	case p.split == "random" && p.window > 0 && p.stride < p.window:
		return s.BadOption("split", "last or by ...: windows that overlap would lie on both sides of a random one")
	}
	return nil
}

// setWindowOptions takes those that matter to windows alone.
func (p *plan) setWindowOptions() error {
	words := map[string]shorts{"skip": shortSkip, "pad": shortPad, "error": shortError}
	var ok bool
	if p.short, ok = words[p.s.Text("short")]; !ok {
		return p.s.BadOption("short", "skip, pad or error")
	}
	switch p.s.Text("window_label") {
	case "majority":
	case "last":
		p.last = true
	default:
		return p.s.BadOption("window_label", "majority or last")
	}
	return nil
}

func (p *plan) setSplit() error {
	split := p.s.Text("split")
	by, isBy := strings.CutPrefix(split, "by ")
	switch {
	case isBy && strings.TrimSpace(by) != "":
		p.split, p.by = "by", strings.TrimSpace(by)
	case split == "" || split == "random" || split == "last":
		p.split = split
	default:
		return p.s.BadOption("split", "random, last, by file, by folder or by COLUMN")
	}
	if len(p.groups) > 0 && p.split != "by" {
		return p.s.BadOption("test_groups", "nothing unless split is by file, by folder or by COLUMN")
	}
	return nil
}
