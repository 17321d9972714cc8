package cli

import (
	"cmp"
	"slices"
	"strings"

	"mspecc/runtime/eval"
	"mspecc/runtime/overview"
	"mspecc/runtime/runs"
	"mspecc/runtime/tensorboard"
)

// oldEvaluations is how many evaluations a TensorBoard at work may lie behind.
const oldEvaluations = 9

// showEvaluations brings the evaluations of a run into its report and into TensorBoard, one process
// at a time: else of two that end together the one that knew less might write last.
func showEvaluations(dir runs.Dir, note func(format string, args ...any)) {
	if release, err := dir.LockEvaluations(); err != nil {
		note("an evaluation that ends at the same time may not be shown yet: %v", err)
	} else {
		defer release()
	}
	if err := writeReport(dir); err != nil {
		note("the report does not show it yet: %v", err)
	}
	if err := writeEvaluationEvents(dir, note); err != nil {
		note("TensorBoard does not show it yet: %v", err)
	}
}

// writeEvaluationEvents shows all evaluations of a run in TensorBoard. It writes them anew, from
// the log of evaluations and in the order of their steps: TensorBoard takes a step that is not
// higher than the one before for a run that went back, and drops the later ones.
func writeEvaluationEvents(dir runs.Dir, note func(format string, args ...any)) error {
	list, damaged, err := eval.ReadLog(dir)
	if err != nil {
		return err
	}
	if text := eval.DamagedNote(dir, damaged); text != "" {
		note("%s", text)
	}
	w, err := tensorboard.Create(dir.EvaluationEvents(), -1)
	if err != nil {
		return err
	}
	for _, at := range byStep(list) {
		var sum tensorboard.Summary
		for _, tag := range at.tags {
			sum.Scalar(tag, at.scalars[tag])
		}
		if err := w.Write(at.step, &sum); err != nil {
			_ = w.Close() // the first error tells
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return w.RemoveOlder(oldEvaluations)
}

// evaluated is what evaluations say of one step; the newest counts.
type evaluated struct {
	step    int
	tags    []string // of the scalars, in the order in which they first came
	scalars map[string]float64
}

// byStep gathers evaluations, oldest first, by their step.
func byStep(list []eval.Evaluation) []*evaluated {
	steps := map[int]*evaluated{}
	var all []*evaluated
	for i := range list {
		e := &list[i]
		at := steps[e.Step]
		if at == nil {
			at = &evaluated{step: e.Step, scalars: map[string]float64{}}
			steps[e.Step], all = at, append(all, at)
		}
		for j := range e.Results {
			r := &e.Results[j]
			at.add(evaluationTag(e, r, ""), r.Test)
			at.add(evaluationTag(e, r, "_best"), r.Best)
		}
	}
	slices.SortFunc(all, func(a, b *evaluated) int { return cmp.Compare(a.step, b.step) })
	return all
}

func (at *evaluated) add(tag string, s *eval.Score) {
	if !s.Defined() {
		return
	}
	if _, known := at.scalars[tag]; !known {
		at.tags = append(at.tags, tag)
	}
	at.scalars[tag] = s.Mean
}

// evaluationTag names a score: eval/TASK/METHOD/METRIC for the trained encoder, and the same
// with what else the features were of for a baseline. Without a task the modality's own data are meant.
func evaluationTag(e *eval.Evaluation, r *eval.Result, which string) string {
	task := e.Task
	if task == "" {
		task = e.Modality
	}
	parts := []string{"eval", task, strings.TrimSpace(r.Method + " " + r.Detail), r.Metric + which}
	if r.Input != overview.TrainedInput {
		parts = append(parts, r.Input)
	}
	return strings.ReplaceAll(strings.Join(parts, "/"), " ", "_")
}
