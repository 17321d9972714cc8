package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The assembly of the run-time library is what `go generate ./kernels/gen/hand` writes, all of it for amd64.
func TestFiles(t *testing.T) {
	var names []string
	for _, f := range files {
		want, err := f.print()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(f.name))); err != nil || string(got) != string(want) {
			t.Errorf("runtime/%s is not what `go generate ./kernels/gen/hand` writes (%v)", f.name, err)
		}
		names = append(names, f.name)
	}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(name, "_amd64.s") && !slices.Contains(names, name) {
			t.Errorf("runtime/%s is not among what is generated", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
