package eval

import (
	"encoding/json"
	"fmt"
	"math"
)

// Score is a metric over repetitions: seeds, encoders, or few-shot episodes. Metrics are shares, of which
// 1 is perfect, or correlations. Where the metric is undefined, numbers are NaN, and null in JSON.
type Score struct {
	Mean      float64
	Deviation float64 // of a sample, n - 1 below the line; 0 for one value
	Values    []float64
	Undefined string // why there is no mean; "" where there is one
}

// scoreJSON is a Score with null for NaN.
type scoreJSON struct {
	Mean      *float64   `json:"mean"`
	Deviation *float64   `json:"deviation"`
	Values    []*float64 `json:"values"`
	Undefined string     `json:"undefined,omitempty"`
}

// MarshalJSON writes mean, deviation, values and, where there is a reason, undefined.
func (s *Score) MarshalJSON() ([]byte, error) {
	number := func(v float64) *float64 {
		if v-v != 0 {
			return nil
		}
		return &v
	}
	j := scoreJSON{Mean: number(s.Mean), Deviation: number(s.Deviation), Undefined: s.Undefined}
	for _, v := range s.Values {
		j.Values = append(j.Values, number(v))
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads them.
func (s *Score) UnmarshalJSON(text []byte) error {
	var j scoreJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return err
	}
	number := func(v *float64) float64 {
		if v == nil {
			return math.NaN()
		}
		return *v
	}
	*s = Score{Mean: number(j.Mean), Deviation: number(j.Deviation), Undefined: j.Undefined}
	for _, v := range j.Values {
		s.Values = append(s.Values, number(v))
	}
	return nil
}

// Defined says whether there is a mean.
func (s *Score) Defined() bool { return s != nil && !math.IsNaN(s.Mean) }

// score summarises values; why says what made one of them NaN.
func score(values []float64, why string) *Score {
	s := &Score{Values: values}
	n, none := float64(len(values)), 0
	for _, v := range values {
		if math.IsNaN(v) {
			none++
		}
	}
	if none > 0 {
		s.Mean, s.Deviation, s.Undefined = math.NaN(), math.NaN(), why
		if none < len(values) {
			s.Undefined = fmt.Sprintf("in %d of %d repetitions %s", none, len(values), why)
		}
		return s
	}
	for _, v := range values {
		s.Mean += v
	}
	s.Mean /= n
	for _, v := range values {
		s.Deviation += float64((v - s.Mean) * (v - s.Mean))
	}
	if n > 1 {
		s.Deviation = math.Sqrt(s.Deviation / (n - 1))
	} else {
		s.Deviation = 0
	}
	return s
}

// Result is what one method makes of one kind of input.
type Result struct {
	Method     string  `json:"method"` // "linear", "knn", "fewshot" or "finetune"
	Input      string  `json:"input"`  // "trained encoder", "random encoder" or "raw input"
	Detail     string  `json:"detail"` // such as "k 20" or "5 shots"; "" where the method needs none
	Metric     string  `json:"metric"`
	Width      int     `json:"width"` // of the vectors
	Examples   int     `json:"train_examples"`
	Tested     int     `json:"test_examples"`
	Train      *Score  `json:"train,omitempty"`       // on the training set, after the last epoch
	Test       *Score  `json:"test"`                  // after the last epoch, where there are epochs
	Best       *Score  `json:"best_test,omitempty"`   // of all epochs; optimistic, as the test set chose it
	BestEpochs []int   `json:"best_epochs,omitempty"` // counted from 1, one for each seed; 0 where the metric is undefined after all of them
	Encoders   int     `json:"encoders,omitempty"`    // encoders that the repetitions are of, where each has its own
	Seconds    float64 `json:"seconds"`

	// Confusion counts test examples by class (rows) and prediction (columns), of the first
	// seed after the last epoch. It is left out for numbers and for more than MaxConfusion classes.
	Confusion   [][]int   `json:"confusion,omitempty"`
	Predictions []float64 `json:"-"` // of the same run, in the order of the test set
	Labels      []float64 `json:"-"`
	From, Place []int     `json:"-"` // of the examples, as in Set
}

// Where says which evaluation it is: its step, and its task if it has one.
func (e *Evaluation) Where() string {
	text := fmt.Sprintf("step %d", e.Step)
	if e.Task != "" {
		text += ", task " + e.Task
	}
	return text
}

// MaxConfusion is the largest number of classes that results carry a confusion matrix of.
const MaxConfusion = 256

// begin starts a result for sets that passed check.
func begin(method, detail, metric string, train, test *Set) Result {
	return Result{Method: method, Detail: detail, Metric: metric, Width: train.Width, Examples: train.Len(), Tested: test.Len()}
}

// predicted keeps the predictions for a set, of the run that stands for the method.
func (r *Result) predicted(p []float64, set *Set) {
	labels, classes := set.Y, set.Classes
	r.Predictions, r.Labels, r.From, r.Place = p, labels, set.From, set.Place
	if classes < 2 || classes > MaxConfusion {
		return
	}
	r.Confusion = make([][]int, classes)
	for c := range r.Confusion {
		r.Confusion[c] = make([]int, classes)
	}
	for i, y := range labels {
		r.Confusion[int(y)][int(p[i])]++
	}
}

// Evaluation is one call of eval: what was evaluated, how, and the results. Evaluations
// are appended to the evaluations of the run directory, one JSON object a line.
type Evaluation struct {
	Time       string   `json:"time"` // RFC 3339
	Model      string   `json:"model"`
	Modality   string   `json:"modality"`
	Digest     string   `json:"spec_digest"`
	Checkpoint string   `json:"checkpoint"`
	Step       int      `json:"step"`
	Data       string   `json:"data"`
	Task       string   `json:"task,omitempty"` // of the modality; "" where its own data are meant
	Classes    int      `json:"classes"`        // 1: the labels are numbers
	ClassNames []string `json:"class_names,omitempty"`

	Reader     string            `json:"reader,omitempty"` // with its options, as given in all
	Options    map[string]string `json:"options,omitempty"`
	DataSeed   uint64            `json:"data_seed"` // of random splits and windows
	Train      int               `json:"train_examples,omitempty"`
	Test       int               `json:"test_examples,omitempty"`
	TestDigest string            `json:"test_digest,omitempty"` // which examples are tested on, with which labels

	Protocol map[string]any `json:"protocol"`
	Results  []Result       `json:"results"`
}
