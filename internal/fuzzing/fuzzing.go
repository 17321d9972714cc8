// Package fuzzing helps fuzz targets.
package fuzzing

import (
	"flag"
	"testing"
)

// minimise bounds the runs in which one input is made smaller.
const minimise = "200x"

// Bound lets short runs fuzz: Go makes every input that reaches something new smaller, for up to a minute each and in a
// time that grows with the square of its length, so that large seeds leave a run of a minute or two no time for anything else.
// A target calls it before f.Fuzz; the flag -fuzzminimizetime wins.
func Bound(f *testing.F) {
	f.Helper()
	own := flag.Lookup("test.fuzzminimizetime")
	if own == nil || own.Value.String() != own.DefValue {
		return
	}
	if err := own.Value.Set(minimise); err != nil {
		f.Fatal(err)
	}
}
