package elab

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mspecc/spec"
)

// The sources that a model carries compile to the same model wherever they are written.
func TestSourcesCompileAgain(t *testing.T) {
	for _, file := range []string{"../../docs/spectra.mspec", "../../docs/linear.mspec"} {
		m, diags := Load(file, Options{})
		if spec.HasErrors(diags) {
			t.Fatal(diags)
		}
		dir := t.TempDir()
		main := ""
		var names []string
		for _, s := range m.Sources {
			if !filepath.IsLocal(s.Name) {
				t.Fatalf("%s: source %q", file, s.Name)
			}
			main = filepath.Join(dir, s.Name)
			names = append(names, s.Name)
			if err := os.MkdirAll(filepath.Dir(main), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(main, []byte(s.Text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		again, diags := Load(main, Options{})
		if spec.HasErrors(diags) {
			t.Fatal(diags)
		}
		if again.Digest != m.Digest {
			t.Errorf("%s: %v have another digest", file, names)
		}
		if d := cmp.Diff(m.Sources, again.Sources); d != "" {
			t.Error(d)
		}
	}
}
