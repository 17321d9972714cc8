package spec

import (
	"embed"
	"path"
	"slices"
	"strings"
)

//go:embed std/*.mspec
var std embed.FS

// StdFile returns the source of a standard library file, by its import path "std/NAME".
func StdFile(name string) ([]byte, bool) {
	if !strings.HasPrefix(name, "std/") {
		return nil, false
	}
	src, err := std.ReadFile(path.Clean(name) + ".mspec")
	return src, err == nil
}

// StdNames lists the import paths of the standard library.
func StdNames() []string {
	entries, _ := std.ReadDir("std") // embedded: cannot fail
	var names []string
	for _, e := range entries {
		names = append(names, "std/"+strings.TrimSuffix(e.Name(), ".mspec"))
	}
	slices.Sort(names)
	return names
}
