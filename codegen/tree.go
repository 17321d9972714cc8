package codegen

import (
	"bytes"
	"crypto/sha256"
	"errors"
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

// markerSize is that of the file with its seal.
const markerSize = int64(len(markerText) + 2*sha256.Size + 1)

// Sealed reports whether a folder still holds the module that WriteTree wrote with this key.
func Sealed(dir, key string) bool {
	text, err := files.Read(filepath.Join(dir, marker), markerSize)
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
// untouched, files and folders of an earlier module that are no longer part of it are removed. key stands
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
		if _, ok := files[name]; ok {
			return nil
		}
		err := os.Remove(path)
		for folder := filepath.Dir(path); err == nil && folder != dir && os.Remove(folder) == nil; {
			folder = filepath.Dir(folder) // those that are empty now
		}
		return err
	})
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, marker), []byte(markerText+seal(key, files)))
}

// IsTree reports whether a folder is one that WriteTree wrote, or would write to: one that holds nothing, or is not there.
func IsTree(dir string) bool {
	if text, err := files.Read(filepath.Join(dir, marker), markerSize); err == nil && bytes.HasPrefix(text, []byte(markerText)) {
		return true
	}
	entries, err := os.ReadDir(dir)
	return errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0
}

// TreeSize is how many bytes the files of a folder have, 0 where it is not there.
func TreeSize(dir string) (int64, error) {
	total := int64(0)
	err := walk(dir, func(_, path string) error {
		info, err := os.Lstat(path)
		if err == nil {
			total += info.Size()
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return total, nil
	}
	return total, err
}

// RemoveTree removes a folder that WriteTree wrote. Where it is stopped before its end, what is left is still such a folder.
func RemoveTree(dir string) error {
	if !IsTree(dir) {
		return fmt.Errorf("%s holds other files than those of mspecc, and is not removed", dir)
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if err == nil && e.Name() != marker {
			err = os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
	if err != nil {
		return err
	}
	return os.RemoveAll(dir)
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
