// Package pytest lets tests ask real Python programs: PyTorch, onnxruntime, NumPy, pyarrow.
// The project does not need them: where MSPECC_PYTHON names no interpreter that has the
// modules wanted, a test is skipped and says so, and what they answered before is kept as
// golden files.
package pytest

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Variable names the environment variable with the interpreter.
const Variable = "MSPECC_PYTHON"

// Run runs a script and returns what it prints; the test is skipped where there is no
// interpreter with the modules.
func Run(t *testing.T, modules []string, script string, args ...string) []byte {
	t.Helper()
	python := os.Getenv(Variable)
	if python == "" {
		t.Skipf("%s names no Python interpreter with %s", Variable, strings.Join(modules, ", "))
	}
	if out, err := exec.Command(python, "-c", "import "+strings.Join(modules, ", ")).CombinedOutput(); err != nil {
		t.Skipf("%s cannot import %s: %s", python, strings.Join(modules, ", "), lastLine(out))
	}
	cmd := exec.Command(python, append([]string{script}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd, err, out, stderr.Bytes())
	}
	return out
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}
