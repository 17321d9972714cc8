package elab

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Checking a program costs by its inner steps: no step looks at those before it. What is allocated stands for the work.
func TestManyInnerSteps(t *testing.T) {
	file := filepath.Join(t.TempDir(), "long.mspec")
	spec := `
model long {
    set steps = 10
    param w [4, 4] = xavier_uniform

    objective() {
        let x = 2 * uniform("x", [8, 4]) - 1
        let v = w
        for i in 0..steps {
            let d = max(x @ v, 0) - x
            v = v - 0.1 * grad(mean(d * d), v)
        }
        let d = x @ v - x
        return mean(d * d)
    }
}
`
	if err := os.WriteFile(file, []byte(spec), 0o644); err != nil {
		t.Fatal(err)
	}
	cost := func(steps int) (values int, bytes uint64) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		m, diags := Check(file, Options{Set: []string{fmt.Sprint("steps=", steps)}})
		runtime.ReadMemStats(&after)
		if m == nil {
			t.Fatal(diags)
		}
		return len(m.Variants[0].Objective.B.Values()), after.TotalAlloc - before.TotalAlloc
	}
	few, fewBytes := cost(100)
	many, manyBytes := cost(1000)
	if step := (many - few) / 900; step > 40 || many != few+900*step {
		t.Errorf("%d values with 100 inner steps, %d with 1,000: expected as many for each, at most 40", few, many)
	}
	if manyBytes > 13*fewBytes {
		t.Errorf("%d bytes for 100 inner steps, %d for 1,000: expected some ten times as many", fewBytes, manyBytes)
	}
}
