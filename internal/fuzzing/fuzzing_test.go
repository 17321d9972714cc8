package fuzzing

import (
	"flag"
	"testing"
)

// The flag that Bound sets is there, and is the one that counts runs.
func FuzzBound(f *testing.F) {
	own := flag.Lookup("test.fuzzminimizetime")
	if own == nil {
		f.Fatal("Go's testing has no flag -fuzzminimizetime any more")
	}
	before := own.Value.String()
	Bound(f)
	if got := own.Value.String(); before == own.DefValue && got != minimise || before != own.DefValue && got != before {
		f.Fatalf("the bound was %s and is %s", before, got)
	}
	f.Fuzz(func(*testing.T, []byte) {})
}
