package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 200000)
	for text, want := range map[string]string{
		"":                           "",
		"\n":                         `"" at 0;`,
		"a\nbc\n":                    `"a" at 0;"bc" at 2;`,
		"a\nbc":                      `"a" at 0;"bc" at 2 torn;`,
		"12345\n123456\n":            `"12345" at 0;"12345" at 6 cut;`,
		"123456":                     `"12345" at 0 cut torn;`,
		"12345":                      `"12345" at 0 torn;`,
		long + "\nb\n":               `"xxxxx" at 0 cut;"b" at 200001;`,
		"a\n\n" + long + "\n" + long: `"a" at 0;"" at 2;"xxxxx" at 3 cut;"xxxxx" at 200004 cut torn;`,
	} {
		got := ""
		if err := Lines(strings.NewReader(text), 5, func(l Line) bool {
			got += fmt.Sprintf("%q at %d", l.Text, l.At)
			if l.Cut {
				got += " cut"
			}
			if l.Torn {
				got += " torn"
			}
			got += ";"
			return true
		}); err != nil || got != want {
			t.Errorf("%.20q: %s, %v, expected %s", text, got, err, want)
		}
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a")
	if err := os.WriteFile(name, []byte("12345"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, read := range []func(string, int64) ([]byte, error){Read, ReadAny} {
		if raw, err := read(name, 5); err != nil || string(raw) != "12345" {
			t.Errorf("%q, %v", raw, err)
		}
		var large *SizeError
		if raw, err := read(name, 4); !errors.As(err, &large) || large.Size != 5 {
			t.Errorf("%q, %v", raw, err)
		}
		var kind *KindError
		if _, err := read(dir, 5); !errors.As(err, &kind) || !strings.HasSuffix(err.Error(), "is a folder, expected a file") {
			t.Error(err)
		}
		if _, err := read(filepath.Join(dir, "none"), 5); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
}

// Nothing that was set aside is written over.
func TestSetAside(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a")
	for n, want := range []string{".damaged", ".damaged-2", ".damaged-3"} {
		if err := os.WriteFile(name, []byte{byte(n)}, 0o644); err != nil {
			t.Fatal(err)
		}
		to, err := SetAside(name)
		if err != nil || to != name+want {
			t.Fatalf("%s, %v", to, err)
		}
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	for n, end := range []string{".damaged", ".damaged-2", ".damaged-3"} {
		if raw, err := os.ReadFile(name + end); err != nil || len(raw) != 1 || raw[0] != byte(n) {
			t.Errorf("%s: %v, %v", end, raw, err)
		}
	}
}
