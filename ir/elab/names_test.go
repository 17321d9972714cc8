package elab

import (
	"encoding/json"
	"testing"

	"mspecc/runtime/report"
)

// No report may be called like a field of a line of the log.
func TestLoggedNames(t *testing.T) {
	line, err := json.Marshal(report.Record{LeftOut: 1})
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(line, &fields); err != nil {
		t.Fatal(err)
	}
	if len(fields) != len(logged) {
		t.Errorf("a line of the log has the fields %v, the compiler knows %v", fields, logged)
	}
	for name := range fields {
		if logged[name] == "" {
			t.Errorf("the compiler does not know that a line of the log has a field %s", name)
		}
	}
}
