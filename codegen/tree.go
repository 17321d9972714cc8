package codegen

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"mspecc/runtime/files"
)

// marker names the file that says a folder belongs to the compiler: only such a folder, or
// an empty one, is written to. Its last line is the seal, which says what the folder holds.
const marker = ".mspecc"

const markerText = "This folder is written by mspecc; changes in it are lost.\n"

// Sealed reports whether a folder still holds the module that WriteTree wrote with this key.
func Sealed(dir, key string) bool {
	text, err := files.Read(filepath.Join(dir, marker), int64(len(markerText))+2*sha256.Size+1)
	if err != nil || !bytes.HasPrefix(text, []byte(markerText)) {
		return false // somebody else's folder may be large
	}
	held := map[string][]byte{}
	err = walk(dir, func(name, path string) (err error) {
		held[name], err = files.Read(path, maxSample)
		return err
	})
	return err == nil && string(text) == markerText+seal(key, held)
}

// walk visits the files of a module's folder but its marker, by their names inside the module.
func walk(dir string, visit func(name, path string) error) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil || rel == marker {
			return err
		}
		return visit(filepath.ToSlash(rel), path)
	})
}

// seal is a line that no other key and no other files have.
func seal(key string, files map[string][]byte) string {
	h := sha256.New()
	part := func(b []byte) { fmt.Fprintf(h, "%d ", len(b)); h.Write(b) }
	part([]byte(key))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		part([]byte(name))
		part(files[name])
	}
	return fmt.Sprintf("%x\n", h.Sum(nil))
}

// WriteTree writes a generated module to a folder: files that are equal already stay
// untouched, files of an earlier module that are no longer part of it are removed. key stands
// for all that the module was made of, so that Sealed recognises it.
func WriteTree(dir string, files map[string][]byte, key string) error {
	if st, err := os.Stat(dir); err == nil && !st.IsDir() {
		return fmt.Errorf("%s is a file; name an empty folder or one that mspecc wrote", dir)
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(dir, marker)); err != nil {
			return fmt.Errorf("%s holds other files; name an empty folder or one that mspecc wrote", dir)
		}
	}
	if err := writeFile(filepath.Join(dir, marker), []byte(markerText)); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := writeFile(filepath.Join(dir, filepath.FromSlash(name)), files[name]); err != nil {
			return err
		}
	}
	err := walk(dir, func(name, path string) error {
		if _, ok := files[name]; !ok {
			return os.Remove(path)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, marker), []byte(markerText+seal(key, files)))
}

func writeFile(path string, data []byte) error {
	if old, err := files.Read(path, int64(len(data))); err == nil && bytes.Equal(old, data) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
