package runtime

import (
	"os/exec"
	"strings"
	"testing"

	"mspecc/internal/module"
)

// The run-time library goes into every trainer: nothing of the compiler may come along.
func TestImportsNothingOfTheCompiler(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", module.Runtime+"/...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	for _, p := range strings.Fields(string(out)) {
		if strings.HasPrefix(p, module.Path+"/") && !strings.HasPrefix(p, module.Runtime) || strings.Contains(p, "mmcloughlin/avo") {
			t.Errorf("%s depends on %s", module.Runtime, p)
		}
	}
}
