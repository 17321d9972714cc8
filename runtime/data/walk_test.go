package data

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Links to folders are followed, but not in circles.
func TestFiles(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	make := func(name ...string) {
		t.Helper()
		file := filepath.Join(name...)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	make(dir, "b", "2.csv")
	make(dir, "1.csv")
	make(dir, ".hidden", "3.csv")
	make(dir, "c.csv")
	make(other, "ü", "4.csv")
	if err := errors.Join(os.Symlink(other, filepath.Join(dir, "a")), os.Symlink(filepath.Join(other, "ü", "4.csv"), filepath.Join(dir, "d.csv"))); err != nil {
		t.Skip(err) // a system without links
	}
	list := func() (names []string, err error) {
		s := &Source{Root: os.DirFS(dir), Name: "DIR"}
		err = s.Files(func(name string) error { names = append(names, name); return nil })
		return names, err
	}
	names, err := list()
	if want := []string{"1.csv", "a/ü/4.csv", "b/2.csv", "c.csv", "d.csv"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("%q, %v, expected %q", names, err, want)
	}
	if err := os.Symlink("..", filepath.Join(dir, "b", "up")); err != nil {
		t.Fatal(err)
	}
	if _, err := list(); err == nil || !strings.Contains(err.Error(), "DIR/b/up: is a link to a folder that it lies in") {
		t.Errorf("a circle: %v", err)
	}
}
