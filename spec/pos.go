// Package spec is the language: syntax tree, types and diagnostics.
package spec

// Pos is a place in a source file, 1-based; the zero value is unknown.
type Pos struct {
	File      string
	Line, Col int
}
