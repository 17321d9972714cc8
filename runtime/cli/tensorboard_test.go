package cli

import (
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mspecc/internal/pytest"
	"mspecc/runtime/internal/tiny"
)

// What a whole run writes, with a session that was resumed, is what the real TensorBoard reads;
// so are evaluations, the one of an older checkpoint after that of the newest.
func TestTensorBoardReadsARun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	evaluate := []string{"eval", "-q", "--no-feature-cache", "--methods", "knn", "--baselines", "raw", "--checkpoint"}
	for _, args := range [][]string{
		{"train", "-q", "--out", dir, "--steps", "40", "--summary-every", "20"},
		{"train", "-q", "--resume", dir, "--steps", "60"},
		append(evaluate, dir),
		append(evaluate, filepath.Join(dir, "checkpoints", "step-00000040.safetensors")),
	} {
		var stderr strings.Builder
		if code := Run(context.Background(), "tiny", args, io.Discard, &stderr, tiny.Program()); code != 0 {
			t.Fatalf("%v ends with %d: %s", args, code, stderr.String())
		}
	}
	events := filepath.Join(dir, "events")
	out := pytest.Run(t, []string{"tensorboard"}, filepath.Join("..", "tensorboard", "testdata", "events.py"), "read", events, filepath.Join(events, "eval"))
	var read []struct {
		Scalars, Histograms, Images map[string][][]float64
		Text                        map[string][][]any
	}
	if err := json.Unmarshal(out, &read); err != nil || len(read) != 2 {
		t.Fatalf("%v: %s", err, out)
	}
	steps := func(list [][]float64) (out []int) {
		for _, e := range list {
			out = append(out, int(e[0]))
		}
		return out
	}
	for name, want := range map[string][]int{"train/loss": {10, 20, 30, 40, 50, 60}, "optimizer/lr": {10, 20, 30, 40, 50, 60}, "test/hidden_error_adapted": {20, 40, 60}} {
		if got := steps(read[0].Scalars[name]); !slices.Equal(got, want) {
			t.Errorf("%s at steps %v, expected %v", name, got, want)
		}
	}
	for _, name := range []string{"parameters/encoder.weight", "gradients/encoder.weight", "gradients/decoder.weight"} {
		list := read[0].Histograms[name]
		if got := steps(list); !slices.Equal(got, []int{20, 40, 60}) || list[0][1] != 80 || list[0][4] != 80 {
			t.Errorf("%s: %v, expected 80 values at steps 20, 40 and 60", name, list)
		}
	}
	if got := steps(read[0].Images["reconstruction"]); !slices.Equal(got, []int{20, 40, 60}) {
		t.Errorf("pictures at steps %v", got)
	}
	if len(read[0].Text["settings"]) != 1 {
		t.Errorf("texts %v", read[0].Text)
	}
	for _, name := range []string{"eval/squares/knn_k_20/accuracy", "eval/squares/knn_k_20/accuracy/raw_input"} {
		list := read[1].Scalars[name]
		if !slices.Equal(steps(list), []int{40, 60}) || list[0][1] < 0.5 {
			t.Errorf("%s: %v, expected accuracies at steps 40 and 60", name, list)
		}
	}
}
