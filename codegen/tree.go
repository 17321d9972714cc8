package codegen

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
)

// marker names the file that says a folder belongs to the compiler: only such a folder, or
// an empty one, is written to.
const marker = ".mspecc"

// WriteTree writes a generated module to a folder: files that are equal already stay
// untouched, files of an earlier module that are no longer part of it are removed.
func WriteTree(dir string, files map[string][]byte) error {
	if st, err := os.Stat(dir); err == nil && !st.IsDir() {
		return fmt.Errorf("%s is a file; name an empty folder or one that mspecc wrote", dir)
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(dir, marker)); err != nil {
			return fmt.Errorf("%s holds other files; name an empty folder or one that mspecc wrote", dir)
		}
	}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	if err := writeFile(filepath.Join(dir, marker), []byte("This folder is written by mspecc; changes in it are lost.\n")); err != nil {
		return err
	}
	for _, name := range names {
		if err := writeFile(filepath.Join(dir, filepath.FromSlash(name)), files[name]); err != nil {
			return err
		}
	}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if _, ok := files[filepath.ToSlash(rel)]; !ok && rel != marker {
			return os.Remove(path)
		}
		return nil
	})
}

func writeFile(path string, data []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
