package runtime

import (
	"os/exec"
	"strings"
	"testing"
)

// The run-time library goes into every trainer: nothing of the compiler may come along.
func TestImportsNothingOfTheCompiler(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "mspecc/runtime/...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	for _, p := range strings.Fields(string(out)) {
		if strings.HasPrefix(p, "mspecc/") && !strings.HasPrefix(p, "mspecc/runtime") || strings.Contains(p, "mmcloughlin/avo") {
			t.Errorf("mspecc/runtime depends on %s", p)
		}
	}
}
