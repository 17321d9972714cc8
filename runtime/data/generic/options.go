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
	var err error
	if p.standardise, err = s.Boolean("standardize"); err != nil {
		return nil, err
	}
	if p.standardise && s.Input.Tokens {
		return nil, s.BadOption("standardize", "false where texts become tokens")
	}
	if p.scale, err = strconv.ParseFloat(s.Text("scale"), 64); err != nil || !(p.scale > 0) || p.scale > 1e30 {
		return nil, s.BadOption("scale", "a number above 0")
	}
	if err := p.setWindow(); err != nil {
		return nil, err
	}
	if p.missing == gapInterpolate && p.window == 0 {
		return nil, s.BadOption("missing", "error, zero or drop: rows that are examples of their own have no neighbours to interpolate between")
	}
	return p, p.setSplit()
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

func (p *plan) setWindow() error {
	s, preset := p.s, 0
	series := !s.Input.Tokens && len(s.Input.Shape) == 2
	if series && s.Input.Shape[0] >= 1 && s.Input.Shape[1] > 1 && s.Input.Shape[0] > 1 {
		preset = s.Input.Shape[1]
	}
	var err error
	if p.window, err = s.Integer("window", preset, 0); err != nil {
		return err
	}
	if p.window > 0 && (!series || p.window != s.Input.Shape[1]) {
		return s.BadOption("window", fmt.Sprintf("the length of the model's input, which is %v", s.Input))
	}
	if p.stride, err = s.Integer("stride", max(1, p.window/2), 1); err != nil {
		return err
	}
	switch s.Text("window_label") {
	case "majority":
	case "last":
		p.last = true
	default:
		return s.BadOption("window_label", "majority or last")
	}
	if p.window > 0 && p.each {
		return s.BadOption("labels", "one for windows")
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
	if p.split == "random" && p.window > 0 && p.stride < p.window {
		return p.s.BadOption("split", "last or by ...: windows that overlap would lie on both sides of a random one")
	}
	if len(p.groups) > 0 && p.split != "by" {
		return p.s.BadOption("test_groups", "nothing unless split is by file, by folder or by COLUMN")
	}
	return nil
}

// choose gives the numbers of the columns of an example, of the label, of the id and of the
// column that groups; -1 where there is none.
func (p *plan) choose(t table) (columns []int, label, id, by int, err error) {
	names := t.columns()
	find := func(option, name string) (int, error) {
		if name == "" {
			return -1, nil
		}
		if i := slices.Index(names, name); i >= 0 {
			return i, nil
		}
		return -1, p.s.Fail(t.name(), "", fmt.Sprintf("has no column %q; its columns are %s", name, listed(names)), "correct the option "+option)
	}
	if label, err = find("label", p.label); err != nil {
		return
	}
	if id, err = find("id", p.id); err != nil {
		return
	}
	by = -1
	if p.by != "file" && p.by != "folder" {
		if by, err = find("split", p.by); err != nil {
			return
		}
	}
	if len(p.columns) == 0 {
		for i := range names {
			if i != label && i != id && i != by {
				columns = append(columns, i)
			}
		}
	}
	for _, c := range p.columns {
		found, err := match(names, c)
		if err != nil || len(found) == 0 {
			return nil, 0, 0, 0, p.s.Fail(t.name(), "", fmt.Sprintf("has no column %q; its columns are %s", c, listed(names)), "correct the option columns")
		}
		columns = append(columns, found...)
	}
	if len(columns) == 0 {
		return nil, 0, 0, 0, p.s.Fail(t.name(), "", fmt.Sprintf("has no column for the examples beside %s", listed(names)), "correct the option columns")
	}
	return columns, label, id, by, nil
}

// match are the columns that a name, a pattern or a range FIRST..LAST stands for.
func match(names []string, pattern string) ([]int, error) {
	if i := slices.Index(names, pattern); i >= 0 {
		return []int{i}, nil
	}
	var found []int
	if first, last, ok := strings.Cut(pattern, ".."); ok {
		lo, hi := slices.Index(names, first), slices.Index(names, last)
		if lo < 0 || hi < lo {
			return nil, nil
		}
		for i := lo; i <= hi; i++ {
			found = append(found, i)
		}
		return found, nil
	}
	for i, n := range names {
		if ok, err := path.Match(pattern, n); err != nil {
			return nil, err
		} else if ok {
			found = append(found, i)
		}
	}
	return found, nil
}

// listed is a list for messages, cut where it is long.
func listed(names []string) string {
	if len(names) > 12 {
		return strings.Join(names[:12], ", ") + fmt.Sprintf(", ... (%d)", len(names))
	}
	return strings.Join(names, ", ")
}
