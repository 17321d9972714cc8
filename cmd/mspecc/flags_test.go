package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// flagCase proves that a flag does something: what the command shows with it fits a regular expression
// that what it shows without it does not fit, or the other way round.
type flagCase struct {
	args, with string // the command line, and what is added to it
	want       string // fits what is shown with the flag alone
	lacks      string // fits what is shown without the flag alone
}

// flagCases has a case for every flag of every command, as COMMAND --FLAG.
var flagCases = map[string]flagCase{
	"build --modality": {"build tiny.mspec --memory 1B", "--modality nosuch", "there is no modality nosuch", ""},
	"build --set":      {"build line.mspec --memory 1B", "--set points=-3", "extent of -3", ""},
	"build --disable":  {"build line.mspec --memory 1B", "--disable nosuch", "\"nosuch\" cannot be disabled", ""},
	"build --memory":   {"build line.mspec --emit taken", "--memory 1B", "the limit is 1 B", ""},
	"build --target":   {"build line.mspec --memory 1B", "--target nosuch", "--target nosuch: the targets are", ""},
	"build --emit":     {"build line.mspec --library", "--emit taken", "taken holds other files", ""},
	"build --quiet":    {"build line.mspec --memory 1B", "--quiet", "", "mspecc: compiling"},
	"build --library":  {"build line.mspec --memory 1B", "--library", "name its directory with --emit", ""},
	"build --output":   {"build line.mspec --memory 1B", "--output taken", "taken is a folder", ""},

	"run --modality": {"run tiny.mspec --memory 1B", "--modality nosuch", "there is no modality nosuch", ""},
	"run --set":      {"run line.mspec --memory 1B", "--set points=-3", "extent of -3", ""},
	"run --disable":  {"run line.mspec --memory 1B", "--disable nosuch", "\"nosuch\" cannot be disabled", ""},
	"run --memory":   {"run line.mspec --emit taken", "--memory 1B", "the limit is 1 B", ""},
	"run --target":   {"run line.mspec --memory 1B", "--target nosuch", "--target nosuch: the targets are", ""},
	"run --emit":     {"run line.mspec -- nosuch", "--emit taken", "taken holds other files", ""},
	"run --quiet":    {"run line.mspec --memory 1B", "--quiet", "", "mspecc: compiling"},
	"run --steps":    {"run line.mspec -- nosuch", "--steps 7", "--steps is of the first look", ""}, // TestScripts/run has one that trains

	"check --modality": {"check tiny.mspec", "--modality words", "", "tiny for wave"},
	"check --set":      {"check tiny.mspec", "--set batch=7", "batch 7", ""},
	"check --library":  {"check own.mspec", "--library", "warning", "error"},
	"check --json":     {"check own.mspec", "--json", `"code": "E075"`, ""},

	"fmt --write": {"fmt messy.mspec", "--write", "", `exit 0\nmodel`},
	"fmt --diff":  {"fmt messy.mspec", "--diff", `(?m)^\+model m`, ""},

	"dump --modality": {"dump tiny.mspec --stage ir", "--modality words", "", "modality wave"},
	"dump --set":      {"dump line.mspec --stage ir", "--set points=24", `f32\[24,4\]`, ""},
	"dump --disable":  {"dump line.mspec", "--disable simplify,terms,hoist", "= add %11 %11", ""},
	"dump --memory":   {"dump line.mspec --stage plan", "--memory 1B", "the limit is 1 B", ""},
	"dump --target":   {"dump line.mspec --stage loops", "--target portable", `kernel \w+ lanes 1\n`, `kernel \w+ lanes 16\n`},
	"dump --stage":    {"dump line.mspec", "--stage ast", "name line", ""},
	"dump --function": {"dump line.mspec --stage plan", "--function replay", "", "line, Step"},
	"dump --html":     {"dump line.mspec", "--html page.html", "wrote page.html", ""},

	"explain --target":   {"explain line.mspec", "--target portable", "line, Step for portable", "line, Step for avx512"},
	"explain --modality": {"explain tiny.mspec", "--modality words", "", "wave, Step"},
	"explain --set":      {"explain line.mspec", "--set points=24", "rows48_", ""},
	"explain --disable":  {"explain line.mspec", "--disable nosuch", "\"nosuch\" cannot be disabled", ""},
	"explain --memory":   {"explain line.mspec", "--memory 1B", "the limit is 1 B", ""},
	"explain --json":     {"explain line.mspec", "--json", `"function": "Step"`, ""},
	"explain --measured": {"explain line.mspec", "--measured nosuch.json", "nosuch.json", ""},
	"explain --verbose":  {"explain line.mspec", "--verbose", "why", ""},
}

// TestFlagsMatter: every flag does something, and an option that has nothing to do is refused.
func TestFlagsMatter(t *testing.T) {
	dir := flagFolder(t)
	known := map[string]bool{}
	shown := map[string]string{}
	show := func(line string) string {
		if _, ok := shown[line]; !ok {
			shown[line] = runLine(t, dir, line)
		}
		return shown[line]
	}
	for _, c := range newRoot().Commands() {
		for _, name := range flagNames(c) {
			key := c.Name() + " --" + name
			known[key] = true
			x, ok := flagCases[key]
			if !ok {
				t.Errorf("%s: nothing proves that it does something; add a case to flagCases", key)
				continue
			}
			line := strings.Replace(x.args+" ", " -- ", " "+x.with+" -- ", 1)
			if !strings.Contains(line, x.with) {
				line += x.with
			}
			without, with := show(x.args), show(strings.TrimSpace(line))
			if x.want == "" && x.lacks == "" {
				t.Errorf("%s: a case needs what it shows", key)
			}
			fits := func(expr, text string) bool { return regexp.MustCompile(expr).MatchString(text) }
			if x.want != "" && (!fits(x.want, with) || fits(x.want, without)) || x.lacks != "" && (fits(x.lacks, with) || !fits(x.lacks, without)) {
				t.Errorf("%s does nothing:\n$ mspecc %s\n%s\n$ mspecc %s\n%s", key, x.args, without, line, with)
			}
		}
	}
	for key := range flagCases {
		if !known[key] {
			t.Errorf("there is no %s", key)
		}
	}
}

// A flag that would do nothing beside others is refused.
func TestIdleFlags(t *testing.T) {
	dir := flagFolder(t)
	for line, want := range map[string]string{
		"dump line.mspec --stage ast --set points=3":       "--set does nothing with --stage ast: leave it out",
		"dump line.mspec --stage ir --disable simplify":    "--disable does nothing with --stage ir",
		"dump line.mspec --stage opt --target portable":    "--target does nothing with --stage opt",
		"dump line.mspec --html page.html --stage ir":      "--stage does nothing with --html",
		"dump tiny.mspec --html page.html":                 "--html shows one modality, tiny.mspec has 2",
		"dump line.mspec --stage plan --function features": `has no function "features"`,
		"explain line.mspec --json --verbose":              "--verbose is for people",
		"fmt -w -":                                         "-w writes to the file, and - is none",
		"run line.mspec --steps 3 -- train":                "--steps is of the first look",
		"check line.mspec --stage ir":                      "unknown flag: --stage",
	} {
		if got := runLine(t, dir, line); !strings.Contains(got, want) || strings.HasPrefix(got, "exit 0") {
			t.Errorf("$ mspecc %s\n%s\nexpected %q", line, got, want)
		}
	}
}

// flagFolder is a folder with specs to try flags on.
func flagFolder(t *testing.T) string {
	dir := t.TempDir()
	for _, name := range []string{"line.mspec", "tiny.mspec"} {
		src, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), src, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"messy.mspec": "model m {param w [3] = 0.5\nobjective() { return sum(w*w) }}\n",
		"own.mspec":   "import \"std/modality\"\nmodality a = series(2, 8, 4) { data squares() }\nmodel m(d: modality) { param w [3] = 0.5 objective() { return sum(w*w) } }\n",
		"taken/keep":  "mine\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// runLine is what a command line shows: its exit code, what it prints, and the files that it leaves.
func runLine(t *testing.T, dir, line string) string {
	t.Helper()
	work := t.TempDir()
	if err := os.CopyFS(work, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("mspecc", strings.Fields(line)...)
	cmd.Dir = work
	out, _ := cmd.CombinedOutput()
	var b strings.Builder
	fmt.Fprintf(&b, "exit %d\n%s", cmd.ProcessState.ExitCode(), out)
	err := fs.WalkDir(os.DirFS(work), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if _, was := os.Stat(filepath.Join(dir, name)); was != nil {
				fmt.Fprintln(&b, "wrote", name)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var flagLine = regexp.MustCompile(`(?m)^ +(?:-\w, )?--([a-z-]+)`)

// flagNames are the flags of a command.
func flagNames(c *cobra.Command) (names []string) {
	for _, m := range flagLine.FindAllStringSubmatch(c.LocalFlags().FlagUsages(), -1) {
		names = append(names, m[1])
	}
	return names
}
