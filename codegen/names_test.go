package codegen_test

import (
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mspecc/internal/module"
	"mspecc/ir/elab"
)

// A spec's file may have any name that a file can have: in the module it stands as one quoted word, whatever it
// holds that Go or the assembler would read.
func TestNamesOfFiles(t *testing.T) {
	text, err := os.ReadFile("../cmd/mspecc/testdata/line.mspec")
	if err != nil {
		t.Fatal(err)
	}
	module := func(name string) map[string]string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
		mod := compile(t, file, elab.Options{})
		files, err := mod.Files()
		if err != nil {
			t.Fatalf("%q: %.300s", name, err)
		}
		own := map[string]string{}
		for f, text := range files {
			if !strings.HasPrefix(f, module.Folder+"/") {
				own[f] = strings.ReplaceAll(strings.ReplaceAll(string(text), mod.Model.Digest, "DIGEST"), mod.Model.Digest[:12], "DIGEST")
			}
		}
		return own
	}
	plain := module("line.mspec")
	for name, harmless := range map[string]bool{
		"go:build x.mspec": true, "%s%d.mspec": true, "a (1), ähnlich; #include.mspec": true, "line a:1.mspec": true,
		"a\nb.mspec": false, "x\rpackage evil.mspec": false, "\n+build ignore\n.mspec": false, "a\n#include <x>\n.mspec": false,
		"quo\"te'`.mspec": false, "a*\\b\\.mspec": false, "control \x01\x7f.mspec": false, "not UTF-8 \xff\xfe.mspec": false,
		"mark \ufeff order.mspec": false, "right \u202e left.mspec": false, "line \u2028 end.mspec": false,
	} {
		got := module(name)
		if !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(plain))) {
			t.Errorf("%q: the module has the files %v", name, slices.Sorted(maps.Keys(got)))
		}
		for f, text := range got {
			if !harmless && strings.Contains(text, name) {
				t.Errorf("%q stands raw in %s", name, f)
			}
			if strings.HasSuffix(f, ".go") {
				if _, err := parser.ParseFile(token.NewFileSet(), f, text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
					t.Errorf("%q: %v", name, err)
				}
			}
			text = strings.ReplaceAll(strings.ReplaceAll(text, strconv.Quote(name), "line.mspec"), name, "line.mspec")
			if want := strings.ReplaceAll(plain[f], `"line.mspec"`, "line.mspec"); text != want && filepath.Ext(f) != ".bin" {
				t.Errorf("%q: %s is another file than that of line.mspec", name, f)
			}
		}
	}
}
