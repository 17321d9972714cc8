// Package mspecc carries the source of the run-time library, so that an installed compiler
// can write complete trainer modules anywhere.
package mspecc

import (
	"embed"
	"io/fs"
	"strings"
)

//go:embed go.mod go.sum
//go:embed all:runtime
var source embed.FS

// RuntimeModule adds to files what a trainer module needs beside its own code: the
// run-time library under mspecc/, and go.mod and go.sum with the same pinned versions as
// the compiler's.
func RuntimeModule(files map[string][]byte) error {
	mod, err := source.ReadFile("go.mod")
	if err != nil {
		return err
	}
	sum, err := source.ReadFile("go.sum")
	if err != nil {
		return err
	}
	text := strings.Replace(string(mod), "module mspecc\n", "module trainer\n", 1)
	files["go.mod"] = []byte(text + "\nrequire mspecc v0.0.0\n\nreplace mspecc => ./mspecc\n")
	files["go.sum"] = sum
	files["mspecc/go.mod"] = mod
	files["mspecc/go.sum"] = sum
	return fs.WalkDir(source, "runtime", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, "_test.go") || strings.Contains(name, "/testdata/") {
			return err
		}
		data, err := source.ReadFile(name)
		files["mspecc/"+name] = data
		return err
	})
}
