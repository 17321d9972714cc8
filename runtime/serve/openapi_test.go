package serve

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"mspecc/internal/pytest"
	"mspecc/runtime"
	"mspecc/runtime/data"
	"mspecc/runtime/internal/tiny"
)

// The description names every path with its method, and every status that the code uses.
func TestOpenAPI(t *testing.T) {
	f := start(t, nil)
	status, raw, h := f.do("GET", "/openapi.json", "", nil)
	if status != 200 || h.Get("Content-Type") != typeJSON {
		t.Fatalf("status %d, %v", status, h)
	}
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			Responses map[string]any
		}
		Security []any
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			status, _, _ := f.do(strings.ToUpper(method), path, "", nil)
			if _, ok := op.Responses[strconv.Itoa(status)]; !ok {
				t.Errorf("%s %s gives %d, which is not described", method, path, status)
			}
		}
	}
	if len(doc.Paths) != 6 || doc.OpenAPI != "3.1.0" || doc.Security != nil {
		t.Errorf("OpenAPI %s, %d paths, security %v", doc.OpenAPI, len(doc.Paths), doc.Security)
	}
	code, err := os.ReadFile("handler.go")
	if err != nil {
		t.Fatal(err)
	}
	names := map[int]string{400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 408: "RequestTimeout", 413: "RequestEntityTooLarge", 415: "UnsupportedMediaType",
		422: "UnprocessableEntity", 429: "TooManyRequests", 500: "InternalServerError", 503: "ServiceUnavailable"}
	for status, name := range names {
		if _, ok := doc.Paths["/v1/embeddings"]["post"].Responses[strconv.Itoa(status)]; !ok {
			t.Errorf("%d is not described", status)
		}
		if !strings.Contains(string(code), "http.Status"+name) {
			t.Errorf("%d is described but never sent", status)
		}
	}
	if n := strings.Count(string(code), "http.Status"); n < len(names) {
		t.Errorf("only %d statuses in the code", n)
	}
}

// A validator of OpenAPI documents agrees, for every kind of input.
func TestOpenAPIIsValid(t *testing.T) {
	for name, change := range map[string]func(p *runtime.Program){
		"image":  func(*runtime.Program) {},
		"series": func(p *runtime.Program) { p.Modality.Inputs[0].Shape = []int{2, 8} },
		"tokens": func(p *runtime.Program) {
			p.Modality.Inputs[0] = runtime.Input{Shape: []int{16}, DType: runtime.I32, Vocab: 4}
		},
	} {
		for _, token := range []bool{false, true} {
			p := tiny.Program()
			change(p)
			text, err := json.Marshal(OpenAPI(p, data.Learned{}, token))
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "openapi.json")
			if err := os.WriteFile(file, text, 0o644); err != nil {
				t.Fatal(err)
			}
			out := pytest.Run(t, []string{"openapi_spec_validator"}, filepath.Join("testdata", "validate.py"), file)
			if strings.TrimSpace(string(out)) != "valid" {
				t.Errorf("%s: %s", name, out)
			}
		}
	}
}

// A computation may take longer than a body may: the time to read ends with the body.
func TestComputingIsNotReading(t *testing.T) {
	var g *gate
	f := start(t, func(p *runtime.Program, c *Config) {
		g = gated(p)
		c.Read = 200 * time.Millisecond
	})
	time.AfterFunc(600*time.Millisecond, func() { close(g.open) })
	if status, a, _ := f.post(typeJSON, jsonBody(t, nested(example(0)))); status != 200 {
		t.Errorf("status %d, %+v", status, a.Error)
	}
}
