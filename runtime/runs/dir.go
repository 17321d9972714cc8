// Package runs keeps run directories: what a training run leaves behind, where each part of it
// lies, and who may write it.
package runs

import (
	"fmt"
	"path/filepath"

	"mspecc/runtime/ckpt"
)

// Dir is a run directory. Its methods are the layout, the only place that knows it:
//
//	run.json                        model, settings, data, machine, and every session that trained (Manifest)
//	spec/                           the sources of the spec, as they were compiled
//	checkpoints/step-NNNNNNNN.safetensors
//	checkpoints/best.safetensors    the one with the lowest loss
//	metrics.jsonl                   losses, learning rate and speed, one JSON object a line
//	eval.jsonl                      evaluations, one JSON object a line
//	eval.lock                       held while the evaluations are shown in report.html and events/eval/
//	log.txt                         what the trainer said, with the time
//	events/                         the same numbers for TensorBoard, evaluations in events/eval/
//	pictures/                       the loss curve; reconstructions of test examples, as numbers (step-NNNNNNNN.safetensors)
//	                                and to look at (.png; .txt of tokens)
//	report.html                     all of it on one page
//	failed/step-NNNNNNNN.safetensors  a step whose loss was no number, for replay
//	lock                            held by the trainer that writes the run
type Dir string

func (d Dir) file(parts ...string) string {
	return filepath.Join(append([]string{string(d)}, parts...)...)
}

// Make creates the folders that every run has.
func (d Dir) Make() error {
	for _, f := range []string{d.Checkpoints(), d.Pictures()} {
		if err := ckpt.MakeFolder(f); err != nil {
			return fmt.Errorf("the run directory cannot be made: %w", err)
		}
	}
	return nil
}

// Manifest is run.json.
func (d Dir) Manifest() string { return d.file("run.json") }

// Spec is the folder of the spec's sources.
func (d Dir) Spec() string { return d.file("spec") }

// Checkpoints is the folder of the checkpoints.
func (d Dir) Checkpoints() string { return d.file("checkpoints") }

// Checkpoint is the checkpoint of a step.
func (d Dir) Checkpoint(step int) string { return d.file("checkpoints", stepName(step)) }

// Best is the checkpoint with the lowest loss.
func (d Dir) Best() string { return d.file("checkpoints", "best.safetensors") }

// Metrics is the file of losses over the steps.
func (d Dir) Metrics() string { return d.file("metrics.jsonl") }

// Evaluations is the file of evaluations.
func (d Dir) Evaluations() string { return d.file("eval.jsonl") }

// EvaluationsLock is the file that LockEvaluations locks.
func (d Dir) EvaluationsLock() string { return d.file("eval.lock") }

// Log is what the trainer said.
func (d Dir) Log() string { return d.file("log.txt") }

// Events is the folder of TensorBoard's events.
func (d Dir) Events() string { return d.file("events") }

// EvaluationEvents is the folder of the evaluations for TensorBoard: one of its own, since
// TensorBoard no longer looks at a file that a trainer writes once a newer one lies beside it.
func (d Dir) EvaluationEvents() string { return d.file("events", "eval") }

// Pictures is the folder of pictures.
func (d Dir) Pictures() string { return d.file("pictures") }

// Curve is the picture of the losses over the steps.
func (d Dir) Curve() string { return d.file("pictures", "curve.png") }

// Panel holds the reconstructions of a step, as numbers.
func (d Dir) Panel(step int) string { return d.file("pictures", stepName(step)) }

// Picture shows the reconstructions of a step; the ending is that of its format.
func (d Dir) Picture(step int, ending string) string {
	return d.file("pictures", fmt.Sprintf("step-%08d%s", step, ending))
}

// Report is the page that shows the run.
func (d Dir) Report() string { return d.file("report.html") }

// Failed is what replay needs of a step that went wrong.
func (d Dir) Failed(step int) string { return d.file("failed", stepName(step)) }

// Lock is the file that the trainer writing the run holds locked.
func (d Dir) Lock() string { return d.file("lock") }
