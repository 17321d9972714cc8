// Package doctest runs the commands that the documentation shows and compares what they
// print with what it says.
//
// A block is checked if its fence is ```console: each line that begins with "$ " is a
// shell command, and the lines up to the next one are its output. Commands run in a folder
// that has docs, examples and spec as the repository has, with mspecc on the PATH.
// `go test ./internal/doctest -update` writes the output into the documents.
package doctest

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the commands print into the documents")

func TestDocs(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("the commands need a POSIX shell")
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	dir := workFolder(t, root)
	run := func(command string) string {
		cmd := exec.Command(shell, "-c", command)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("$ %s\n%s%v", command, out, err)
		}
		return string(out)
	}
	docs, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range docs {
		t.Run(filepath.Base(file), func(t *testing.T) { check(t, file, run) })
	}
}

// workFolder makes the folder the commands run in, with the compiler built into it.
func workFolder(t *testing.T, root string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"docs", "examples", "spec"} {
		if err := os.Symlink(filepath.Join(root, name), filepath.Join(dir, name)); err != nil {
			t.Skipf("no symbolic links: %v", err)
		}
	}
	cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "mspecc"), "./cmd/mspecc")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return dir
}

// check compares the console blocks of a document, or rewrites them.
func check(t *testing.T, file string, run func(string) string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	lines := strings.SplitAfter(string(data), "\n")
	for i := 0; i < len(lines); {
		line := lines[i]
		i++
		out.WriteString(line)
		if strings.TrimRight(line, "\n") != "```console" {
			continue
		}
		for i < len(lines) && strings.HasPrefix(lines[i], "$ ") {
			command, at := strings.TrimRight(lines[i][2:], "\n"), i+1
			out.WriteString(lines[i])
			want := ""
			for i++; i < len(lines) && !strings.HasPrefix(lines[i], "$ ") && !strings.HasPrefix(lines[i], "```"); i++ {
				want += lines[i]
			}
			got := run(command)
			out.WriteString(got)
			if got == "" && want != "" {
				t.Errorf("%s:%d: $ %s\nprints nothing; correct the command", filepath.Base(file), at, command)
			}
			if got != want && !*update {
				t.Errorf("%s:%d: $ %s\nprints\n%s\nthe document says\n%s\n(go test ./internal/doctest -update rewrites it)", filepath.Base(file), at, command, got, want)
			}
		}
	}
	if *update && out.String() != string(data) {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
