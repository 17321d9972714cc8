package codegen

import (
	"os"
	"path/filepath"
	"testing"
)

// TestSealed: a folder is recognised by its key as long as nothing in it has changed.
func TestSealed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "module")
	files := map[string][]byte{"main.go": []byte("package main\n"), "sub/data.bin": {1, 2, 3}}
	write := func() {
		t.Helper()
		if err := WriteTree(dir, files, "one"); err != nil {
			t.Fatal(err)
		}
		if !Sealed(dir, "one") {
			t.Fatal("a folder just written is not recognised")
		}
	}
	if Sealed(dir, "one") {
		t.Error("a folder that is not there is recognised")
	}
	write()
	if Sealed(dir, "two") {
		t.Error("another key is recognised")
	}
	for name, change := range map[string]func(main string) error{
		"changed":  func(main string) error { return os.WriteFile(main, []byte("package other\n"), 0o644) },
		"removed":  os.Remove,
		"renamed":  func(main string) error { return os.Rename(main, main+".go") },
		"added":    func(main string) error { return os.WriteFile(main+"x", nil, 0o644) },
		"unsealed": func(string) error { return os.WriteFile(filepath.Join(dir, marker), []byte(markerText), 0o644) },
	} {
		if err := change(filepath.Join(dir, "main.go")); err != nil {
			t.Fatal(err)
		}
		if Sealed(dir, "one") {
			t.Errorf("a folder is recognised with a file %s", name)
		}
		write()
	}
}
