package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"mspecc/codegen"
)

// Modules that are removed all the time are never removed from under a build, and never used by two.
func TestCacheIsShared(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			c := &moduleCache{dir: dir, size: int64(worker % 2 * 2000)}
			for i := range 40 {
				m, err := c.take(fmt.Sprintf("spec%d.mspec", (worker+i)%3))
				if err != nil {
					t.Error(err)
					return
				}
				own := map[string][]byte{"main.go": fmt.Appendf(nil, "package main // %d %d\n", worker, i), "sub/data": make([]byte, 800)}
				if err := codegen.WriteTree(m.dir, own, "key"); err != nil {
					t.Error(err)
				}
				if err := c.trim(); err != nil {
					t.Error(err)
				}
				if text, err := os.ReadFile(filepath.Join(m.dir, "main.go")); string(text) != string(own["main.go"]) || !codegen.Sealed(m.dir, "key") {
					t.Errorf("a module became %q while it was held (%v)", text, err)
				}
				if err := m.release(); err != nil {
					t.Error(err)
				}
				if err := c.trim(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	c := &moduleCache{dir: dir}
	if err := c.trim(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%d files are left of what nobody uses any more (%v)", len(left), err)
	}
}

// A removal that was stopped halfway is ended by the next, or built over.
func TestHalfRemoved(t *testing.T) {
	dir := t.TempDir()
	c := &moduleCache{dir: dir, size: 1 << 20}
	write := func() *heldModule {
		t.Helper()
		m, err := c.take("a.mspec")
		if err != nil {
			t.Fatal(err)
		}
		if err := codegen.WriteTree(m.dir, map[string][]byte{"main.go": []byte("package main\n"), "sub/x": {1}}, "key"); err != nil {
			t.Fatal(err)
		}
		if err := m.release(); err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, gone := range [][]string{{"main.go"}, {"main.go", "sub"}, {"main.go", "sub", ".mspecc"}, {""}} {
		m := write()
		for _, name := range gone {
			if err := os.RemoveAll(filepath.Join(m.dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		write()
		for _, name := range gone {
			if err := os.RemoveAll(filepath.Join(m.dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		if err := (&moduleCache{dir: dir}).trim(); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("without %q, %v is left (%v)", gone, left, err)
		}
	}
}
