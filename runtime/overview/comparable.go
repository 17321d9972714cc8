package overview

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"mspecc/runtime"
	"mspecc/runtime/eval"
)

// basis is what numbers must have in common for one to be better than the other: names with values.
type basis [][2]string

func (b basis) key() string { return fmt.Sprint([][2]string(b)) }

// differences are the names whose values are not the same in all.
func differences(list []basis) []string {
	values := map[string][]string{}
	var names []string
	for _, b := range list {
		for _, x := range b {
			if values[x[0]] == nil {
				names = append(names, x[0])
			}
			values[x[0]] = append(values[x[0]], x[1])
		}
	}
	return slices.DeleteFunc(names, func(name string) bool {
		v := values[name]
		return len(v) == len(list) && !slices.ContainsFunc(v, func(x string) bool { return x != v[0] })
	})
}

// trained are the names of settings that, as those of runtime.Train, say how and not what is trained.
var trained = func() map[string]bool {
	m := map[string]bool{"recompute": true}
	for f := range reflect.TypeFor[runtime.Train]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		m[name] = true
	}
	return m
}()

// lossBasis is that of losses and of errors of reconstructions: the same model, with the same settings, on the same data.
func (r *Run) lossBasis() basis {
	m := r.Manifest
	b := basis{{"the model", m.Model}, {"the modality", m.Modality}, {"the spec", m.Digest}, {"the data", fmt.Sprint(m.Data.Folder, m.Data.Reader, m.Data.Options, m.Data.Train)}}
	for _, s := range m.Settings {
		if !trained[s.Name] {
			b = append(b, [2]string{"the setting " + s.Name, s.Value})
		}
	}
	return b
}

// speedBasis is that of speeds: the same machine, as its last session had it.
func (r *Run) speedBasis() basis {
	if n := len(r.Manifest.Sessions); n > 0 {
		s := r.Manifest.Sessions[n-1]
		return basis{{"the machine", fmt.Sprint(s.Machine.CPU, s.Machine.Cores)}, {"the kernels", s.Target}, {"the number of threads", fmt.Sprint(s.Threads)}}
	}
	return nil
}

// protocol are the members of an evaluation's protocol that a method depends on. Seeds are not among them: they are what
// repetitions differ in.
var protocol = map[string][]string{
	"linear": {"epochs", "lr", "weight_decay", "batch", "seeds", "standardized", "max_examples"}, "knn": {"standardized", "max_examples"},
	"fewshot": {"episodes", "standardized", "max_examples"}, "finetune": {"tune_epochs", "tune_lr", "tune_seeds", "batch", "max_examples"},
}

// evaluationBasis is that of a score: tested on the same examples, after training on as many, by the same protocol.
func evaluationBasis(e *eval.Evaluation, r *eval.Result) basis {
	b := examplesBasis(e, r)
	for _, name := range protocol[r.Method] {
		value, _ := json.Marshal(e.Protocol[name]) // what was JSON before
		b = append(b, [2]string{"the protocol's " + name, string(value)})
	}
	return b
}

// examplesBasis is the part of evaluationBasis that is about the data. Evaluations of earlier versions say less of them.
func examplesBasis(e *eval.Evaluation, r *eval.Result) basis {
	b := basis{{"the task", e.Task}, {"the metric", r.Metric}, {"the number of examples", fmt.Sprint(r.Examples, r.Tested)}}
	if e.TestDigest == "" {
		return append(b, [2]string{"the data", e.Data})
	}
	return append(b, [2]string{"the test examples", e.TestDigest})
}

// Scored is a result of an evaluation.
type Scored struct {
	*eval.Result
	Evaluation *eval.Evaluation
}

// Basis is what another score must have in common with this one to be comparable.
func (s *Scored) Basis() string { return evaluationBasis(s.Evaluation, s.Result).key() }

// Best is the highest test metric that the newest evaluation, or another one on the same examples, gave the trained
// encoder after the last epoch; nil where there is none.
func (r *Run) Best() *Scored {
	newest := r.Evaluation()
	if newest == nil {
		return nil
	}
	var best *Scored
	want := ""
	for i := len(r.Evaluations) - 1; i >= 0; i-- {
		e := &r.Evaluations[i]
		for j := range e.Results {
			x := &e.Results[j]
			if x.Input != TrainedInput || !x.Test.Defined() {
				continue
			}
			key := examplesBasis(e, x).key()
			if want == "" && e == newest {
				want = key
			}
			if key == want && (best == nil || x.Test.Mean > best.Test.Mean) {
				best = &Scored{x, e}
			}
		}
	}
	return best
}

// scores are the newest results of a run's trained encoder, by what they are called in comparisons.
func (r *Run) scores() (names []string, byName map[string]*Scored) {
	byName = map[string]*Scored{}
	for i := len(r.Evaluations) - 1; i >= 0; i-- {
		e := &r.Evaluations[i]
		for j := range e.Results {
			x := &e.Results[j]
			if x.Input != TrainedInput || x.Test == nil {
				continue
			}
			name := fmt.Sprintf("%s, test %s", Method(x), Metric(x.Metric))
			if e.Task != "" {
				name = e.Task + ": " + name
			}
			if byName[name] == nil {
				names, byName[name] = append(names, name), &Scored{x, e}
			}
		}
	}
	return names, byName
}
