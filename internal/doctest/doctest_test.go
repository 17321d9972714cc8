// Package doctest runs the commands that the documentation shows and compares what they
// print with what it says.
//
// A block is checked if its fence is ```console: each line that begins with "$ " is a
// shell command, and the lines up to the next one are its output. Commands run in a folder
// that has docs, examples and spec as the repository has, with mspecc on the PATH.
//
// A block whose fence is ```mspec FILE shows lines of that file: from one that is the block's first to the
// next that is its last, without the first one's indentation.
//
// In other blocks, lines that call mspecc or a trainer (./NAME) may only have commands and flags that its help has.
//
// `go test ./internal/doctest -update` writes output and lines of files into the documents.
package doctest

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
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
	d := &checker{root: root, run: run, helps: map[string]string{}}
	for _, file := range append(docs, filepath.Join(root, "README.md")) {
		t.Run(filepath.Base(file), func(t *testing.T) { d.check(t, file) })
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

type checker struct {
	root  string
	run   func(command string) string
	helps map[string]string // of commands, once they were asked
}

// check compares the blocks of a document, or rewrites them.
func (d *checker) check(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	lines := strings.SplitAfter(string(data), "\n")
	for i := 0; i < len(lines); {
		fence := strings.TrimRight(lines[i], "\n")
		out.WriteString(lines[i])
		i++
		if !strings.HasPrefix(fence, "```") {
			continue
		}
		at, end := i, i
		for end < len(lines) && !strings.HasPrefix(lines[end], "```") {
			end++
		}
		body := lines[i:end]
		i = min(end+1, len(lines))
		name, excerpt := strings.CutPrefix(fence, "```mspec ")
		switch {
		case fence == "```console":
			body = d.console(t, file, at, body)
		case excerpt:
			body = d.excerpt(t, file, at, name, body)
		case fence == "```":
			d.calls(t, file, at, body)
		}
		out.WriteString(strings.Join(body, "") + strings.Join(lines[end:i], ""))
	}
	if *update && out.String() != string(data) {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// console runs the commands of a block, whose first line comes after at others, and gives the block as it should be.
func (d *checker) console(t *testing.T, file string, at int, lines []string) (out []string) {
	for i := 0; i < len(lines); {
		line := lines[i]
		i++
		out = append(out, line)
		command, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "$ ")
		if !ok {
			continue
		}
		n, want := at+i, ""
		for ; i < len(lines) && !strings.HasPrefix(lines[i], "$ "); i++ {
			want += lines[i]
		}
		got := d.run(command)
		out = append(out, got)
		if got == "" && want != "" {
			t.Errorf("%s:%d: $ %s\nprints nothing; correct the command", filepath.Base(file), n, command)
		}
		if got != want && !*update {
			t.Errorf("%s:%d: $ %s\nprints\n%s\nthe document says\n%s\n(go test ./internal/doctest -update rewrites it)", filepath.Base(file), n, command, got, want)
		}
	}
	return out
}

// excerpt compares a block with the lines of a file that it shows, and gives these.
func (d *checker) excerpt(t *testing.T, file string, at int, name string, lines []string) []string {
	place := fmt.Sprintf("%s:%d", filepath.Base(file), at)
	text, err := os.ReadFile(filepath.Join(d.root, filepath.FromSlash(name)))
	if err != nil || len(lines) == 0 {
		t.Errorf("%s: shows %d lines of %s: %v", place, len(lines), name, err)
		return lines
	}
	var got []string
	indent := ""
	for line := range strings.Lines(string(text)) {
		if got == nil && strings.TrimLeft(line, " ") == lines[0] {
			indent = line[:len(line)-len(lines[0])]
		} else if got == nil {
			continue
		}
		got = append(got, strings.TrimPrefix(line, indent))
		if got[len(got)-1] == lines[len(lines)-1] {
			if !slices.Equal(got, lines) && !*update {
				t.Errorf("%s: the lines of %s are\n%s\nthe document says\n%s\n(go test ./internal/doctest -update rewrites it)", place, name, strings.Join(got, ""), strings.Join(lines, ""))
			}
			return got
		}
	}
	t.Errorf("%s: %s has no lines from %q to %q", place, name, lines[0], lines[len(lines)-1])
	return lines
}

// callLine finds the program that a line calls and its command, callFlag the flags.
var (
	callLine = regexp.MustCompile(`^(mspecc|go run \./cmd/mspecc|\./\w+) ([a-z]+)`)
	callFlag = regexp.MustCompile(`\s(--[a-z][a-z-]*|-[a-z])\b`)
)

// calls looks the commands and flags of a block up in the programs' help.
func (d *checker) calls(t *testing.T, file string, at int, lines []string) {
	for i, line := range lines {
		c := callLine.FindStringSubmatch(line)
		if c == nil {
			continue
		}
		place := fmt.Sprintf("%s:%d", filepath.Base(file), at+i+1)
		program := c[1]
		if !strings.HasPrefix(program, "./") {
			program = "mspecc"
		}
		help := d.help(program, c[2])
		if !strings.Contains(help, "Usage:") || !strings.Contains(help, " "+c[2]+" ") {
			t.Errorf("%s: %s has no command %s", place, program, c[2])
		}
		line, _, _ = strings.Cut(line, " #")
		line, _, _ = strings.Cut(line, " -- ") // for the trainer
		for _, f := range callFlag.FindAllStringSubmatch(line, -1) {
			if !regexp.MustCompile(`(?m)^ +(-\w, )?` + f[1] + `\b`).MatchString(help) {
				t.Errorf("%s: %s %s has no flag %s", place, program, c[2], f[1])
			}
		}
	}
}

// help is what a program says of a command; all trainers say the same.
func (d *checker) help(program, command string) string {
	if program != "mspecc" {
		program = "./anytrainer"
	}
	line := program + " " + command + " --help"
	if _, ok := d.helps[line]; !ok {
		if program != "mspecc" {
			d.run("test -e anytrainer || mspecc build docs/linear.mspec --quiet -o anytrainer")
		}
		d.helps[line] = d.run(line)
	}
	return d.helps[line]
}
