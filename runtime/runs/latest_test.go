package runs

import (
	"os"
	"path/filepath"
	"testing"
)

func TestLatest(t *testing.T) {
	d := Dir(t.TempDir())
	if got, err := Latest(string(d)); err == nil {
		t.Errorf("%s of an empty folder", got)
	}
	if got, err := Latest(d.Checkpoint(1)); err == nil {
		t.Errorf("%s, which is not there", got)
	}
	if err := d.Make(); err != nil {
		t.Fatal(err)
	}
	for _, step := range []int{9, 12, 100} {
		if err := os.WriteFile(d.Checkpoint(step), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{string(d), d.Checkpoints(), d.Checkpoint(100)} {
		got, err := Latest(name)
		if err != nil || got != d.Checkpoint(100) || Of(got) != d {
			t.Errorf("latest of %s is %s of the run %s, %v", name, got, Of(got), err)
		}
	}
	if got := Of(filepath.Join(string(d), "imported.safetensors")); got != "" {
		t.Errorf("a file that is no checkpoint of a run belongs to %s", got)
	}
}
