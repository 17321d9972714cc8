package overview

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"mspecc/runtime/eval"
)

var nan = math.NaN()

// Parts of a page that show an evaluation.
type (
	evaluationView struct {
		Title, Data string
		Undefined   []string // why some metrics have no value
		Inputs      []string // the columns: what the features are of
		Rows        []scoreRow
		Confusion   *confusionView
	}
	scoreRow struct {
		Method string
		Cells  []scoreCell // of each input
	}
	scoreCell struct {
		Test, Best string // "" where there is none
		Encoders   string // how many stand for a random one; "" for one
		Width      string // of the bar, in per cent; "" for none
		Baseline   bool
	}
	confusionView struct {
		Title   string
		Names   []string
		Rows    []confusionRow
		Picture template.HTML // instead of rows where there are many classes
	}
	confusionRow struct {
		Name, Recall string
		Cells        []confusionCell
	}
	confusionCell struct {
		Count int
		Share string // of the class's examples, 0 to 1
		Full  bool   // dark enough for light writing
	}
)

func viewEvaluation(e *eval.Evaluation) *evaluationView {
	v := &evaluationView{Title: fmt.Sprintf("Test %s after step %s", Metric(e.Results[0].Metric), count(e.Step)), Data: e.Data, Undefined: Undefined(e.Results)}
	if e.Task != "" {
		v.Data += ", task " + e.Task
	}
	if e.Test > 0 {
		v.Data += fmt.Sprintf(", %s test examples", count(e.Test))
	}
	for _, r := range e.Results {
		if !slices.Contains(v.Inputs, r.Input) {
			v.Inputs = append(v.Inputs, r.Input)
		}
	}
	for i := range e.Results {
		r := &e.Results[i]
		at := slices.IndexFunc(v.Rows, func(x scoreRow) bool { return x.Method == Method(r) })
		if at < 0 {
			at = len(v.Rows)
			v.Rows = append(v.Rows, scoreRow{Method(r), make([]scoreCell, len(v.Inputs))})
		}
		cell := scoreCell{Baseline: r.Input != TrainedInput}
		if r.Test != nil {
			cell.Test = Score(r.Metric, r.Test)
		}
		if r.Test.Defined() {
			cell.Width = fmt.Sprintf("%.1f", 100*max(0, min(1, r.Test.Mean)))
		}
		if r.Encoders > 1 {
			cell.Encoders = fmt.Sprintf("%d encoders", r.Encoders)
		}
		if r.Best.Defined() {
			cell.Best = Score(r.Metric, r.Best)
		}
		v.Rows[at].Cells[slices.Index(v.Inputs, r.Input)] = cell
	}
	for _, method := range []string{"linear", "finetune", "knn", "fewshot"} {
		i := slices.IndexFunc(e.Results, func(r eval.Result) bool {
			return r.Method == method && r.Input == TrainedInput && len(r.Confusion) > 0
		})
		if i >= 0 {
			v.Confusion = viewConfusion(&e.Results[i], e.ClassNames)
			break
		}
	}
	return v
}

// tableClasses is the largest number of classes whose confusion matrix is a table of numbers.
const tableClasses = 20

// viewConfusion prepares a confusion matrix; classes without names are numbers.
func viewConfusion(r *eval.Result, names []string) *confusionView {
	title := map[string]string{"linear": "Linear probe", "finetune": "Fine-tuned encoder"}[r.Method]
	if title == "" {
		title = Method(r)
	}
	v := &confusionView{Title: title + ": confusion matrix"}
	if len(r.Confusion) > tableClasses {
		v.Picture = matrix(r.Confusion)
		return v
	}
	for c, counts := range r.Confusion {
		name := fmt.Sprint(c)
		if c < len(names) {
			name = names[c]
		}
		v.Names = append(v.Names, name)
		row := confusionRow{Name: name, Recall: "-"}
		all := 0
		for _, n := range counts {
			all += n
		}
		for _, n := range counts {
			share := float64(n) / math.Max(1, float64(all))
			row.Cells = append(row.Cells, confusionCell{n, fmt.Sprintf("%.3f", 0.04+0.96*share), share > 0.5})
		}
		if all > 0 {
			row.Recall = fmt.Sprintf("%.0f %%", 100*float64(counts[c])/float64(all))
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

// matrix is a confusion matrix as a picture: the stronger a place, the larger the share of the
// row's examples.
func matrix(confusion [][]int) template.HTML {
	n := len(confusion)
	var b strings.Builder
	right, total := 0, 0
	for y, counts := range confusion {
		all := 0
		for _, k := range counts {
			all += k
		}
		right, total = right+counts[y], total+all
		for x, k := range counts {
			if k > 0 {
				fmt.Fprintf(&b, `<rect x="%d" y="%d" width="1" height="1" fill-opacity="%.2f"/>`, x, y, math.Max(0.06, float64(k)/float64(all)))
			}
		}
	}
	return template.HTML(fmt.Sprintf(`<svg class="matrix" viewBox="0 0 %d %d" role="img" aria-label="confusion of %d classes: %d of %d test examples on the diagonal">%s</svg>`,
		n, n, n, right, total, b.String()))
}
