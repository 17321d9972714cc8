package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mspecc/runtime"
	"mspecc/runtime/internal/tiny"
)

// command runs a command line of the tiny trainer.
func command(p *runtime.Program, args ...string) (code int, out, err string) {
	var stdout, stderr bytes.Buffer
	code = Run(context.Background(), "tiny", args, &stdout, &stderr, p)
	return code, stdout.String(), stderr.String()
}

func TestDataCheck(t *testing.T) {
	p := tiny.Program()
	p.Modality.Tasks = []runtime.EvalTask{{Name: "same", Reader: "idx", Options: p.Modality.Options},
		{Name: "gone", Reader: "csv", Options: []runtime.Option{{Name: "label", Value: "y"}}}}
	picture := filepath.Join(t.TempDir(), "data.png")
	code, out, errs := command(p, "data", "check", "--json", "--out", picture)
	if code != 0 {
		t.Fatal(errs)
	}
	var c checked
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		t.Fatal(err)
	}
	if c.Files != 4 || c.Classes != 2 || len(c.Parts) != 2 || c.Parts[0].Examples != 200 || c.Parts[1].Read != 60 || *c.Parts[0].Max > 1 {
		t.Errorf("%+v", c)
	}
	if len(c.Tasks) != 2 || c.Tasks[0].Test != 60 || !strings.Contains(c.Tasks[1].Error, "no file *.csv") {
		t.Errorf("tasks %+v", c.Tasks)
	}
	if _, err := os.Stat(picture); err != nil {
		t.Error(err)
	}
	code, out, _ = command(p, "data", "check", "--task", "same", "--out", "")
	if code != 0 || !strings.Contains(out, "task      same") || strings.Contains(out, "picture") {
		t.Errorf("%d: %s", code, out)
	}
	// What is missing, and where users get it.
	code, out, errs = command(p, "data", "check", "--data", t.TempDir())
	if code != 1 || out != "" || !strings.Contains(errs, "folder is empty") || !strings.Contains(errs, "github.com/zalandoresearch/fashion-mnist") || strings.Count(errs, "\n") != 1 {
		t.Errorf("%d: %s%s", code, out, errs)
	}
	for want, args := range map[string][]string{
		`no task "nothing"; use one of same, gone`: {"data", "check", "--task", "nothing"},
		"--count is 0":                         {"data", "check", "--count", "0"},
		"a picture shows at most 100 examples": {"data", "check", "--count", "101"},
		`no reader "nothing"`:                  {"data", "readers", "nothing"},
		"--skip-bad is -1":                     {"data", "check", "--skip-bad", "-1"},
		"Try 'tiny data check":                 {"data", "check", "--count", "0"},
	} {
		if code, _, errs := command(p, args...); code != 2 || !strings.Contains(errs, want) {
			t.Errorf("%v: %d, %s", args, code, errs)
		}
	}
	if code, out, _ := command(p, "data", "readers", "csv"); code != 0 || !strings.Contains(out, "separator") {
		t.Errorf("%d: %s", code, out)
	}
}
