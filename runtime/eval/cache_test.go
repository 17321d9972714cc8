package eval

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mspecc/runtime"
)

// key is one as Key makes them.
func key(letter string) string { return strings.Repeat(letter, 64) }

func TestCache(t *testing.T) {
	c := &Cache{Dir: filepath.Join(t.TempDir(), "not", "yet"), Limit: 1 << 20}
	set := blobs(30, 7, 3, "train")
	set.Y[2] = 1.0 / 3
	if got, err := c.Load(key("a")); got != nil || err != nil {
		t.Fatalf("%v, %v from an empty cache", got, err)
	}
	if err := c.Save(key("a"), set); err != nil {
		t.Fatal(err)
	}
	got, err := c.Load(key("a"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(set, got); d != "" {
		t.Error(d)
	}
}

// Whatever byte is damaged, the features are refused, and gone the next time.
func TestCacheDamaged(t *testing.T) {
	c := &Cache{Dir: t.TempDir(), Limit: 1 << 20}
	set := blobs(4, 3, 3, "train")
	if err := c.Save(key("a"), set); err != nil {
		t.Fatal(err)
	}
	sound, err := os.ReadFile(c.path(key("a")))
	if err != nil {
		t.Fatal(err)
	}
	for at := range sound {
		raw := append([]byte(nil), sound...)
		raw[at] ^= 1
		if err := os.WriteFile(c.path(key("a")), raw, 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := c.Load(key("a"))
		if err == nil && !cmp.Equal(got, set) {
			t.Fatalf("byte %d damaged: other features came back", at)
		}
		if err != nil {
			if again, err := c.Load(key("a")); again != nil || err != nil {
				t.Fatalf("byte %d damaged: then %v, %v", at, again, err)
			}
		}
	}
	for n := range len(sound) {
		if err := os.WriteFile(c.path(key("a")), sound[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Load(key("a")); err == nil {
			t.Fatalf("cut off after %d bytes: accepted", n)
		}
	}
}

func TestCacheLimit(t *testing.T) {
	c := &Cache{Dir: t.TempDir(), Limit: 1 << 20}
	set := blobs(100, 10, 3, "train")
	old := time.Now().Add(-time.Hour)
	for i, k := range []string{"a", "b", "c"} {
		if err := c.Save(key(k), set); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(c.path(key(k)), old, old.Add(time.Duration(i)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Load(key("a")); err != nil { // now b is the oldest
		t.Fatal(err)
	}
	info, err := os.Stat(c.path(key("a")))
	if err != nil {
		t.Fatal(err)
	}
	c.Limit = 3*info.Size() + 10
	if err := c.Save(key("d"), set); err != nil {
		t.Fatal(err)
	}
	for k, want := range map[string]bool{"a": true, "b": false, "c": true, "d": true} {
		if got, err := c.Load(key(k)); err != nil || (got != nil) != want {
			t.Errorf("%s: kept %v, %v; expected %v", k, got != nil, err, want)
		}
	}
	others := []string{filepath.Join(c.Dir, "model.safetensors"), c.path(strings.Repeat("f", 63)), c.path(strings.Repeat("f", 65))}
	for _, name := range others { // the folder is the user's choice
		if err := os.WriteFile(name, make([]byte, 1000), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c.Limit = 1
	if err := c.Save(key("e"), set); err != nil {
		t.Fatal(err)
	}
	for _, name := range others {
		if _, err := os.Stat(name); err != nil {
			t.Errorf("a file that is not the cache's own is gone: %v", err)
		}
	}
	if got, err := c.Load(key("e")); got == nil || err != nil {
		t.Errorf("what was just kept is gone (%v)", err)
	}
}

// The key depends on everything that the features depend on, and on nothing else.
func TestKey(t *testing.T) {
	key := func(change func(e *keyed)) string {
		m, train, test := encoder(t, 2)
		e := &keyed{m: m, train: train, test: test}
		if change != nil {
			change(e)
		}
		k, err := Key(context.Background(), e.m, e.train, nil)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	seen := map[string]string{key(nil): "nothing"}
	if _, same := seen[key(func(e *keyed) { e.m.Mem[len(e.m.Mem)-1] = 5 })]; !same {
		t.Error("the key depends on memory that is no parameter")
	}
	for name, change := range map[string]func(e *keyed){
		"a parameter's last bit": func(e *keyed) {
			w := e.m.Floats(e.m.Program.Params[0].Tensor)
			w[3] = math.Float32frombits(math.Float32bits(w[3]) ^ 1)
		},
		"the spec":       func(e *keyed) { e.m.Program.Digest = "other" },
		"a setting":      func(e *keyed) { e.m.Program.Settings[0].Value = "6" },
		"the kernels":    func(e *keyed) { e.m.Program.Target = "avx512" },
		"other examples": func(e *keyed) { e.train = e.test },
		"fewer examples": func(e *keyed) { e.train.Max = 199 },
		"no labels":      func(e *keyed) { e.train.Data = noLabels{e.train.Data} },
	} {
		k := key(change)
		if other, taken := seen[k]; taken {
			t.Errorf("changing %s gives the key of changing %s", name, other)
		}
		seen[k] = name
	}
	if k := key(nil); len(k) != 64 || strings.Trim(k, "0123456789abcdef") != "" {
		t.Errorf("key %q", k)
	}
}

type keyed struct {
	m           *runtime.Machine
	train, test Source
}
