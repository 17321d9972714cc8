package elab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sized is a model with something in its features and settings that may depend on the batch.
const sized = `kind rows(columns) {
    input f32[columns]
}

modality numbers = rows(6) {
    set batch = 3
}

model sized(m: modality) {
    set batch = 4, twice = 2 * batch, extra = 0
    require batch <= 100, "at most 100 examples, not {batch}"
    param w [6, 3] = normal(0.5)

    fn z(x) {
        let h = own: scale(x @ w, extra == 1 ? batch : 1)
        return h
    }

    objective(x) { return sum(z(x)) }
    features(x) { return z(x) + twice }
}

fn scale(z, n) {
    param s [n] = 1
    return z * sum(s)
}
`

func TestFeaturesAt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sized.mspec")
	if err := os.WriteFile(file, []byte(sized), 0o644); err != nil {
		t.Fatal(err)
	}
	v := load(t, file, Options{Set: []string{"batch=8"}}).Variants[0]
	for _, n := range []int{1, 8, 100} {
		f, err := v.FeaturesAt(n)
		if err != nil {
			t.Fatal(err)
		}
		if s := f.Outputs[0].Value.Shape(); s[0] != n || s[1] != 3 || len(f.Params) != 2 {
			t.Errorf("batch %d: features %v, %d parameters", n, s, len(f.Params))
		}
		found := false
		for _, x := range f.B.Values() {
			found = found || x.Attr.Const == float64(2*n)
		}
		if !found {
			t.Errorf("batch %d: the setting that depends on it did not follow", n)
		}
	}
	if v.Batch != 8 || v.Settings[0].Value != "8" || v.Settings[0].From != "command line" || v.Features.Outputs[0].Value.Shape()[0] != 8 {
		t.Errorf("the variant itself was changed: batch %d, settings %v", v.Batch, v.Settings)
	}
	for n, want := range map[int]string{101: "at most 100 examples, not 101", 0: "a batch of 0"} {
		if _, err := v.FeaturesAt(n); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("batch %d: error %v, expected %q", n, err, want)
		}
	}
	v = load(t, file, Options{Set: []string{"extra=1"}}).Variants[0]
	if _, err := v.FeaturesAt(5); err == nil || !strings.Contains(err.Error(), "the parameter own.s depends on the batch: it would be f32[5]") {
		t.Errorf("error %v", err)
	}
	if _, err := v.FeaturesAt(v.Batch); err != nil {
		t.Error(err)
	}
	v = load(t, "../../examples/maml.mspec", Options{}).Variants[0]
	if _, err := v.FeaturesAt(5); err == nil || !strings.Contains(err.Error(), "no features") {
		t.Errorf("error %v", err)
	}
	if _, err := (&Variant{Features: v.Objective}).FeaturesAt(5); err == nil {
		t.Error("a variant made by hand has features for any batch")
	}
}
