package cli

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
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

// Of recordings each epoch reads other parts. data check says so, and training stops for a sample that is no number where it meets it, before
// anything is computed with it.
func TestSampleThatIsNoNumber(t *testing.T) {
	dir := t.TempDir()
	for i := range 24 {
		var b []byte
		for _, v := range []any{"RIFF", uint32(36 + 4*100), "WAVEfmt ", uint32(16), uint16(3), uint16(1), uint32(8000), uint32(32000), uint16(4), uint16(32), "data", uint32(4 * 100)} {
			if text, ok := v.(string); ok {
				b = append(b, text...)
				continue
			}
			b, _ = binary.Append(b, binary.LittleEndian, v)
		}
		for k := range 100 {
			v := float32(math.Sin(float64(i*k))) / 2
			if i == 5 && k == 70 {
				v = float32(math.NaN())
			}
			b, _ = binary.Append(b, binary.LittleEndian, v)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%02d.wav", i)), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p := tiny.Program()
	args := []string{"--data", dir, "--reader", "audio", "--data-option", "label=none", "--data-option", "fft=16", "--data-option", "hop=4"}
	code, out, errs := command(p, append([]string{"data", "check", "--out", ""}, args...)...)
	if code != 0 || strings.Count(out, "read as the first epoch draws them: the rest of the files is read when others do") != 1 {
		t.Errorf("%d: %s%s", code, out, errs)
	}
	run := filepath.Join(t.TempDir(), "run")
	code, out, errs = command(p, append([]string{"train", "--steps", "400", "--out", run}, args...)...)
	if code != 1 || !strings.Contains(errs, "05.wav: has the sample 70 of 100, counted from 0, which is NaN, expected finite numbers") || !strings.Contains(errs, "step ") {
		t.Errorf("%d: %s%s", code, out, errs)
	}
	code, out, errs = command(p, append([]string{"train", "--steps", "60", "--out", run + "2", "--skip-bad", "3"}, args...)...)
	if code != 0 || !strings.Contains(errs, "sample 70 of 100") {
		t.Errorf("with --skip-bad: %d: %s%s", code, out, errs)
	}
}
