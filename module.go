// Package mspecc carries the source of the run-time library, so that an installed compiler
// can write complete trainer modules anywhere.
package mspecc

import (
	"embed"
	"io/fs"
	"strings"

	"mspecc/internal/module"
)

//go:generate go run -C internal/trainermod .
//go:embed internal/trainermod/*.mod internal/trainermod/*.sum
//go:embed all:runtime
var source embed.FS

// RuntimeModule adds to files what a trainer module needs beside its own code: the
// run-time library under mspecc/, and go.mod and go.sum of both, with the same versions as
// the compiler's. A library is a module for a main of the user's own.
func RuntimeModule(files map[string][]byte, library bool) error {
	own := "program"
	if library {
		own = "library"
	}
	for dir, name := range map[string]string{"": own, module.Folder + "/": "runtime"} {
		for _, ext := range []string{"mod", "sum"} {
			data, err := source.ReadFile("internal/trainermod/" + name + "." + ext)
			if err != nil {
				return err
			}
			files[dir+"go."+ext] = data
		}
	}
	return fs.WalkDir(source, "runtime", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, "_test.go") || strings.Contains(name, "/testdata/") {
			return err
		}
		data, err := source.ReadFile(name)
		files[module.Folder+"/"+name] = data
		return err
	})
}
