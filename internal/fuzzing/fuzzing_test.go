package fuzzing

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every target of the repository is bounded before it fuzzes.
func TestTargetsAreBounded(t *testing.T) {
	targets := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, "fuzzing_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for f := range bytes.SplitSeq(text, []byte("\nfunc ")) {
			before, _, fuzzes := bytes.Cut(f, []byte("f.Fuzz("))
			if !fuzzes {
				continue
			}
			if targets++; !bytes.Contains(before, []byte("fuzzing.Bound(f)")) {
				t.Errorf("%s: func %s: call fuzzing.Bound(f) before f.Fuzz", path, bytes.SplitN(f, []byte(" "), 2)[0])
			}
		}
		return err
	})
	if err != nil || targets == 0 {
		t.Errorf("%d targets: %v", targets, err)
	}
}

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
