package elab

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"mspecc/spec"
)

var update = flag.Bool("update", false, "rewrite the expected texts")

// Stand-ins for what does not fit a text file.
var standIns = strings.NewReplacer(
	"@ZERO@", "\x00", "@LATIN1@", "\xe9",
	"@HUGE@", strings.Repeat("// a line of a very large file\n", 1<<16),
	"@NEST@", strings.Repeat("(", 10000)+"x"+strings.Repeat(")", 10000),
	"@CHAIN@", "x"+strings.Repeat(" + x", 10000),
	"@MINUS@", strings.Repeat("-", 10000)+"x",
)

// Every wrong spec in testdata/err gives exactly the diagnostics beside it. The comment of
// an archive may hold flags.
func TestDiagnostics(t *testing.T) {
	archives, err := filepath.Glob("testdata/err/*.txtar")
	if err != nil || len(archives) < 60 {
		t.Fatalf("%d archives, %v", len(archives), err)
	}
	for _, file := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { checkArchive(t, file) })
	}
}

func checkArchive(t *testing.T, file string) {
	ar, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	path, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	want := -1
	for i, f := range ar.Files {
		if f.Name == "want" {
			want = i
			continue
		}
		if err := os.WriteFile(f.Name, []byte(standIns.Replace(string(f.Data))), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, diags := Load("main.mspec", flags(string(ar.Comment)))
	var got bytes.Buffer
	spec.Render(&got, diags, nil)
	if got.Len() == 0 {
		t.Fatal("no diagnostics")
	}
	switch {
	case *update && want < 0:
		ar.Files = append(ar.Files, txtar.File{Name: "want", Data: got.Bytes()})
	case *update:
		ar.Files[want].Data = got.Bytes()
	case want < 0 || !bytes.Equal(ar.Files[want].Data, got.Bytes()):
		t.Errorf("got\n%s", got.Bytes())
	}
	if *update {
		if err := os.WriteFile(path, txtar.Format(ar), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func flags(comment string) (opt Options) {
	words := strings.Fields(strings.TrimPrefix(strings.TrimSpace(comment), "flags:"))
	for i := 0; i+1 < len(words); i += 2 {
		switch words[i] {
		case "--set":
			opt.Set = append(opt.Set, words[i+1])
		case "--library":
			opt.OwnReaders = true
		default:
			opt.Modalities = append(opt.Modalities, words[i+1])
		}
	}
	return opt
}
