package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/internal/tiny"
)

// flagCase proves that a flag of the trainer does something: what a command shows with it fits a regular
// expression that what it shows without it does not, or the other way round, or something of it differs.
type flagCase struct {
	args, with string // the command line, and what is added to it; run is a trained run, data a folder
	want       string // fits what is shown with the flag alone
	lacks      string // fits what is shown without the flag alone
	differ     string // "out", or the file whose content differs
	program    func(p *runtime.Program)
	proof      func(t *testing.T) // where more than two command lines are needed
}

const (
	trainRun = "train --out r --steps 20 --quiet"
	evalRun  = "eval --checkpoint run --no-feature-cache --baselines none --quiet"
	knnRun   = evalRun + " --methods knn --k 3"
	linRun   = evalRun + " --methods linear --seeds 1 --epochs 3 --lr 0.1 --predictions p.csv --out e.json"
	tuneRun  = evalRun + " --methods finetune --seeds 1 --tune-epochs 2 --tune-lr 0.01 --out e.json"
	shotsRun = evalRun + " --methods fewshot --episodes 5 --shots 2"
)

// flagCases has a case for every flag of every command, as COMMAND --FLAG; those of data are added by dataCases.
var flagCases = map[string]flagCase{
	"--json":     {args: "info", with: "--json", want: `"model":\s*"tiny"`},
	"--modality": {args: "info", with: "--modality nosuch", want: "there is no modality"},
	"--quiet":    {args: "train --out r --steps 20", with: "--quiet", lacks: "note: no --data given"},
	"--threads":  {args: "train --out r --steps 20", with: "--threads 1", want: "1 threads"},

	"bench --profile": {args: "bench --steps 2 --warmup 1", with: "--profile", want: "by phase|phase"},
	"bench --steps":   {args: "bench --warmup 1 --json", with: "--steps 2", want: `"steps":2,`},
	"bench --warmup":  {proof: warmups},

	"compare --all":  {args: "compare run run2", with: "--all", want: "batch"},
	"compare --html": {args: "compare run run2", with: "--html c.html", want: "wrote c.html"},

	"data check --count":        {args: "data check --out d.png", with: "--count 3", differ: "d.png"},
	"data check --max-examples": {args: "data check", with: "--max-examples 10", differ: "out"},
	"data check --out":          {args: "data check", with: "--out d.png", want: "wrote d.png"},
	"data check --seed":         {args: "data check --reader higgs --data table --data-option test=split --data-option standardize=false --out d.png", with: "--seed 9", differ: "d.png", program: flat},

	"embed --checkpoint":   {args: "embed --out f.npy", with: "--checkpoint run", differ: "f.npy"},
	"embed --max-examples": {args: "embed --checkpoint run --out f.npy", with: "--max-examples 3", differ: "f.npy"},
	"embed --out":          {args: "embed --checkpoint run", with: "--out f.npy", want: "wrote f.npy"},
	"embed --columns":      {args: "embed --checkpoint run --out f.npy", with: "--columns who", want: "no columns to carry along: who"},
	"embed --data-seed":    {args: "embed --checkpoint run --out f.npy --reader higgs --data table --data-option test=split", with: "--data-seed 9", differ: "f.npy", program: flat},
	"embed --split":        {args: "embed --checkpoint run --out f.npy", with: "--split test", differ: "f.npy"},
	"embed --scaled-input": {args: "embed --checkpoint scaled --out f.npy", with: "--scaled-input", differ: "f.npy"},

	"eval --baselines":        {args: "eval --checkpoint run --no-feature-cache --methods knn", with: "--baselines none", lacks: "random encoder"},
	"eval --batch":            {args: linRun, with: "--batch 30", differ: "e.json"},
	"eval --checkpoint":       {args: "eval --methods knn --no-feature-cache --baselines none", with: "--checkpoint run", differ: "out"},
	"eval --columns":          {args: knnRun + " --predictions p.csv", with: "--columns who", want: "no columns to carry along: who"},
	"eval --data-seed":        {args: knnRun + " --out e.json --reader higgs --data table --data-option test=split", with: "--data-seed 9", differ: "e.json", program: flat},
	"eval --confusion":        {args: knnRun, with: "--confusion", want: "predictions of the first"},
	"eval --episodes":         {args: shotsRun + " --out e.json", with: "--episodes 9", differ: "e.json"},
	"eval --epochs":           {args: linRun, with: "--epochs 7", differ: "e.json"},
	"eval --feature-cache":    {args: "eval --checkpoint run --methods knn", with: "--feature-cache here", want: "wrote here/"},
	"eval --k":                {args: knnRun + " --out e.json", with: "--k 7", want: "knn, k 7"},
	"eval --lr":               {args: linRun, with: "--lr 0.0001", differ: "e.json"},
	"eval --max-examples":     {args: knnRun + " --out e.json", with: "--max-examples 9", differ: "e.json"},
	"eval --methods":          {args: evalRun, with: "--methods knn", lacks: "fewshot"},
	"eval --metric":           {args: knnRun, with: "--metric weighted_f1", want: "weighted.f1"},
	"eval --no-feature-cache": {args: "eval --checkpoint run --methods knn --feature-cache here", with: "--no-feature-cache", lacks: "wrote here/"},
	"eval --out":              {args: knnRun, with: "--out e.json", want: "wrote e.json"},
	"eval --predictions":      {args: knnRun, with: "--predictions p.csv", want: "wrote p.csv"},
	"eval --scaled-input":     {args: "eval --checkpoint scaled --methods knn --no-feature-cache --baselines none --out e.json", with: "--scaled-input", differ: "e.json"},
	"eval --seed":             {args: linRun, with: "--seed 9", differ: "e.json"},
	"eval --seeds":            {args: linRun, with: "--seeds 2", differ: "e.json"},
	"eval --shots":            {args: shotsRun, with: "--shots 1", want: "1 shot"},
	"eval --standardize":      {args: linRun, with: "--standardize", differ: "e.json"},
	"eval --tune-epochs":      {args: tuneRun, with: "--tune-epochs 4", differ: "e.json"},
	"eval --tune-lr":          {args: tuneRun, with: "--tune-lr 0.1", differ: "e.json"},
	"eval --weight-decay":     {args: linRun, with: "--weight-decay 5", differ: "e.json"},

	"export --checkpoint":   {args: "export --out e.safetensors", with: "--checkpoint run", want: "wrote e.safetensors"},
	"export --key":          {args: "export --checkpoint run --out e.pth", with: "--key net", differ: "e.pth"},
	"export --out":          {args: "export --checkpoint run", with: "--out e.safetensors", want: "wrote e.safetensors"},
	"export --prefix":       {args: "export --checkpoint run --out e.safetensors", with: "--prefix x.", differ: "e.safetensors"},
	"export --scaled-input": {args: "export --checkpoint run --out e.safetensors", with: "--scaled-input", differ: "out"},

	"import --in":     {args: "import --out i.safetensors", with: "--in model.pth", want: "wrote i.safetensors"},
	"import --out":    {args: "import --in model.pth", with: "--out i.safetensors", want: "wrote i.safetensors"},
	"import --prefix": {args: "import --in model.pth --out i.safetensors", with: "--prefix x.", differ: "out"},
	"import --strict": {args: "import --in more.safetensors --out i.safetensors", with: "--strict", differ: "out"},

	"reconstruct --as":           {args: "reconstruct --checkpoint run --out p.png", with: "--as spectrogram", differ: "p.png"},
	"reconstruct --channels":     {args: "reconstruct --checkpoint run --as series --out p.png", with: "--channels 5", want: "--channels has 5"},
	"reconstruct --checkpoint":   {args: "reconstruct --out p.png", with: "--checkpoint run", differ: "out"},
	"reconstruct --count":        {args: "reconstruct --checkpoint run --out p.png", with: "--count 3", differ: "p.png"},
	"reconstruct --data-seed":    {args: "reconstruct --checkpoint run --out p.safetensors --reader higgs --data table --data-option test=split", with: "--data-seed 9", differ: "p.safetensors", program: flat},
	"reconstruct --out":          {args: "reconstruct --checkpoint run", with: "--out p.png", want: "wrote p.png"},
	"reconstruct --scaled-input": {args: "reconstruct --checkpoint scaled --out p.png", with: "--scaled-input", differ: "p.png"},
	"reconstruct --seed":         {args: "reconstruct --checkpoint run --out p.png", with: "--seed 9", differ: "p.png"},
	"reconstruct --split":        {args: "reconstruct --checkpoint run --out p.png", with: "--split train", differ: "p.png"},

	"replay --ignore-extra": {args: "replay --in extra.safetensors --out o.safetensors", with: "--ignore-extra", want: "wrote o.safetensors"},
	"replay --in":           {args: "replay --out o.safetensors", with: "--in bundle.safetensors", want: "wrote o.safetensors"},
	"replay --out":          {args: "replay --in bundle.safetensors", with: "--out o.safetensors", want: "wrote o.safetensors"},
	"replay --seed":         {args: "replay --in nonoise.safetensors --out o.safetensors", with: "--seed 9", want: "wrote o.safetensors"},
	"replay --step":         {args: "replay --in nonoise.safetensors --seed 9 --out o.safetensors", with: "--step 2", differ: "o.safetensors"},

	"report --out": {args: "report run", with: "--out p.html", want: "wrote p.html"},

	"train --allow-other-spec": {args: "train --resume run --steps 22", with: "--allow-other-spec", want: "going on after step 20", program: otherSpec},
	"train --checkpoint-every": {args: trainRun, with: "--checkpoint-every 5", want: "step-00000005"},
	"train --eval":             {args: trainRun, with: "--eval", want: "accuracy|knn"},
	"train --init-from":        {args: trainRun, with: "--init-from run", differ: "r/checkpoints/step-00000020.safetensors"},
	"train --keep":             {args: trainRun + " --checkpoint-every 5", with: "--keep 1", lacks: "step-00000005"},
	"train --log-every":        {args: trainRun, with: "--log-every 5", want: "metrics of 5 10 15 20"},
	"train --lr":               {args: trainRun, with: "--lr 0.5", differ: "r/checkpoints/step-00000020.safetensors"},
	"train --new-optimizer":    {args: "train --resume run --steps 22", with: "--new-optimizer", want: "begins anew"},
	"train --out":              {args: "train --steps 3", with: "--out r", want: "wrote r/run.json"},
	"train --patience":         {proof: patience},
	"train --resume":           {args: "train --steps 30 --out r", with: "--resume run", want: "going on after step 20"},
	"train --save-every":       {args: trainRun + " --keep 0", with: "--save-every 1ns", want: "step-00000003"},
	"train --seed":             {args: trainRun, with: "--seed 9", differ: "r/checkpoints/step-00000020.safetensors"},
	"train --steps":            {args: "train --out r", with: "--steps 3", want: "step-00000003"},
	"train --stop-above":       {args: trainRun, with: "--stop-above 1e-9", want: "exit 1"},
	"train --summary-every":    {args: trainRun, with: "--summary-every 5", want: `wrote r/pictures/\S*0*5\.`},
	"train --time-limit":       {args: trainRun, with: "--time-limit 1ns", want: "exit 3"},
}

// dataCases are the flags that choose data, of every command that has them.
func dataCases() map[string]flagCase {
	all := map[string]flagCase{}
	for command, args := range map[string]string{"bench": "bench --steps 1 --warmup 0", "data check": "data check", "embed": "embed --checkpoint run --out f.npy", "eval": knnRun,
		"reconstruct": "reconstruct --checkpoint run --out p.png", "train": "train --steps 2 --out r"} {
		all[command+" --data"] = flagCase{args: args, with: "--data nosuch", want: "nosuch"}
		all[command+" --reader"] = flagCase{args: args, with: "--reader nosuch", want: "no such reader"}
		all[command+" --data-option"] = flagCase{args: args, with: "--data-option classes=1", want: "option classes is"}
		all[command+" --skip-bad"] = flagCase{args: args + " --data bad", with: "--skip-bad 9", lacks: "exit 1"}
		all[command+" --task"] = flagCase{args: args, with: "--task nosuch", want: "no task"}
	}
	for name, with := range map[string]string{"reader": "--reader nosuch", "data-option": "--data-option classes=1"} { // which need --data
		c := all["bench --"+name]
		c.args, c.with = c.args+" --data bad --skip-bad 9", with
		all["bench --"+name] = c
	}
	delete(all, "bench --task")
	delete(all, "train --task")
	return all
}

// TestFlagsMatter: every flag of every command does something.
func TestFlagsMatter(t *testing.T) {
	cases := maps.Clone(flagCases)
	maps.Copy(cases, dataCases())
	maps.Copy(cases, serveCases)
	base := flagFolder(t)
	known, shown := map[string]bool{}, map[string]flagResult{}
	show := func(line string, program func(*runtime.Program)) flagResult {
		key := line
		if program != nil {
			key += fmt.Sprintf(" %p", program)
		}
		if _, ok := shown[key]; !ok {
			shown[key] = runFlags(t, base, line, program)
		}
		return shown[key]
	}
	var walk func(c *cobra.Command, name string)
	walk = func(c *cobra.Command, name string) {
		for _, flag := range flagNames(c) {
			key := strings.TrimSpace(name + " --" + flag)
			known[key] = true
			x, ok := cases[key]
			switch {
			case !ok:
				t.Errorf("%s: nothing proves that it does something; add a case to flagCases", key)
			case x.proof != nil:
				t.Run(key, x.proof)
			default:
				if fault := x.check(show(x.args, x.program), show(x.args+" "+x.with, x.program)); fault != "" {
					t.Errorf("%s %s", key, fault)
				}
			}
		}
		for _, below := range c.Commands() {
			walk(below, strings.TrimSpace(name+" "+below.Name()))
		}
	}
	a := &app{programs: []*runtime.Program{tiny.Program()}}
	walk(a.root("tiny"), "")
	for key := range cases {
		if !known[key] {
			t.Errorf("there is no %s", key)
		}
	}
}

// TestCommonFlags: the flags of all commands do something for every one of them, or are refused.
func TestCommonFlags(t *testing.T) {
	base := flagFolder(t)
	lines := map[string]string{"bench": "bench --steps 1 --warmup 0", "compare": "compare run run2", "data check": "data check --out d.png", "data readers": "data readers",
		"embed": "embed --checkpoint run --out f.npy", "eval": knnRun, "export": "export --checkpoint run --out e.pth", "import": "import --in model.pth --out i.safetensors", "info": "info",
		"reconstruct": "reconstruct --checkpoint run --out p.png", "replay": "replay --in bundle.safetensors --out o.safetensors", "report": "report run", "runs": "runs .",
		"serve": "serve --openapi", "train": "train --steps 20 --out r"}
	var walk func(c *cobra.Command, name string)
	walk = func(c *cobra.Command, name string) {
		for _, below := range c.Commands() {
			walk(below, strings.TrimSpace(name+" "+below.Name()))
		}
		if c.HasSubCommands() {
			return
		}
		line, ok := lines[name]
		if !ok {
			t.Errorf("%s: no line of it is tried", name)
			return
		}
		if r := runFlags(t, base, line, nil); r.code != 0 {
			t.Errorf("$ tiny %s\n%s", line, r.text())
		}
		r := runFlags(t, base, line+" --json", nil)
		for l := range strings.Lines(r.stdout) {
			if r.code == 0 && !json.Valid([]byte(l)) && !json.Valid([]byte(r.stdout)) {
				t.Errorf("$ tiny %s --json\n%s", line, r.text())
				break
			}
		}
		if r := runFlags(t, base, line+" --modality nosuch", nil); r.code != 2 {
			t.Errorf("$ tiny %s --modality nosuch\n%s", line, r.text())
		}
	}
	walk((&app{programs: []*runtime.Program{tiny.Program()}}).root("tiny"), "")
}

// TestIdleFlags: a flag that would do nothing beside others is refused.
func TestIdleFlags(t *testing.T) {
	base := flagFolder(t)
	for line, want := range map[string]string{
		"eval --checkpoint run --methods knn --epochs 3":             "--epochs is of the method linear, which --methods does not name",
		"eval --checkpoint run --tune-lr 1e-4":                       "--tune-lr is of the method finetune",
		"eval --checkpoint run --columns who":                        "--columns is for --predictions",
		"bench --reader idx":                                         "--reader, --data-option and --skip-bad are for --data",
		"export --checkpoint run --out e.safetensors --key net":      "--key is for PyTorch's files",
		"export --checkpoint run --out e.onnx --prefix x.":           "--prefix is for files of parameters",
		"reconstruct --checkpoint run --channels 0 --out p.png":      "--channels is for series",
		"train --new-optimizer":                                      "--new-optimizer is for --resume",
		"train --allow-other-spec":                                   "--allow-other-spec is for --resume",
		"eval --checkpoint run --feature-cache x --no-feature-cache": "exclude each other",
		"runs . --modality squares":                                  "--modality does nothing here",
	} {
		if r := runFlags(t, base, line, nil); r.code != 2 || !strings.Contains(r.out, want) {
			t.Errorf("$ tiny %s\n%s\nexpected %q", line, r.text(), want)
		}
	}
}

// check says what is wrong, "" if the flag does something.
func (x flagCase) check(without, with flagResult) string {
	fits := func(expr string, s flagResult) bool { return regexp.MustCompile(expr).MatchString(s.text()) }
	bad := x.want == "" && x.lacks == "" && x.differ == "" ||
		x.want != "" && (!fits(x.want, with) || fits(x.want, without)) || x.lacks != "" && (fits(x.lacks, with) || !fits(x.lacks, without)) ||
		x.differ == "out" && without.out == with.out || x.differ != "" && x.differ != "out" && (without.files[x.differ] == with.files[x.differ] || with.files[x.differ] == "")
	if !bad {
		return ""
	}
	return fmt.Sprintf("does nothing:\n$ tiny %s\n%.1500s\n$ tiny %s %s\n%.1500s", x.args, without.text(), x.args, x.with, with.text())
}

// flagResult is what a command line shows.
type flagResult struct {
	code   int
	out    string            // what it prints
	stdout string            // of this what is no error and no note
	files  map[string]string // that it has written, with a digest of what is in them
	steps  []int             // of the metrics
}

func (s flagResult) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "exit %d\n%s", s.code, s.out)
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		fmt.Fprintln(&b, "wrote", name)
	}
	fmt.Fprintf(&b, "metrics of %s\n", strings.Trim(fmt.Sprint(s.steps), "[]"))
	return b.String()
}

// safeBuffer takes what several goroutines write.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// runFlags runs a command line in a copy of a folder.
func runFlags(t *testing.T, base, line string, program func(*runtime.Program)) flagResult {
	t.Helper()
	work := t.TempDir()
	if err := os.CopyFS(work, os.DirFS(base)); err != nil {
		t.Fatal(err)
	}
	t.Chdir(work)
	p := tiny.Program()
	if program != nil {
		program(p)
	}
	var out, stdout safeBuffer
	s := flagResult{files: map[string]string{}}
	s.code = Run(context.Background(), "tiny", strings.Fields(line), io.MultiWriter(&out, &stdout), &out, p)
	s.stdout = stdout.String()
	s.out = times.ReplaceAllString(out.String(), "TIME")
	err := fs.WalkDir(os.DirFS(work), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if old, was := os.ReadFile(filepath.Join(base, name)); was == nil && bytes.Equal(old, raw) {
			return nil
		}
		s.files[name] = content(name, raw)
		if strings.HasSuffix(name, "metrics.jsonl") {
			for l := range strings.Lines(string(raw)) {
				var r struct{ Step int }
				if json.Unmarshal([]byte(l), &r) == nil && r.Step > 0 {
					s.steps = append(s.steps, r.Step)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// times are what differs from run to run.
var times = regexp.MustCompile(`\d+(\.\d+)?(e[+-]\d+)?\s*(µs|ms|s|m|examples/s|%)\b|"(seconds|when|time)": [^,\n]*|\d{4}-\d\d-\d\d\S*`)

// content is a digest of a file: of tensors alone, and without times.
func content(name string, raw []byte) string {
	h := sha256.New()
	switch filepath.Ext(name) {
	case ".safetensors":
		f, err := ckpt.Parse(name, raw)
		if err != nil {
			return err.Error()
		}
		for _, x := range f.Tensors {
			fmt.Fprintln(h, x.Name, x.DType, x.Shape)
			h.Write(x.Data)
		}
	case ".json", ".jsonl":
		h.Write(times.ReplaceAll(raw, []byte("TIME")))
	default:
		h.Write(raw)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

var flagLine = regexp.MustCompile(`(?m)^ +(?:-\w, )?--([a-z-]+)`)

// flagNames are the flags that a command has itself.
func flagNames(c *cobra.Command) (names []string) {
	for _, m := range flagLine.FindAllStringSubmatch(c.LocalNonPersistentFlags().FlagUsages()+c.PersistentFlags().FlagUsages(), -1) {
		if m[1] != "help" {
			names = append(names, m[1])
		}
	}
	return names
}

// flagFolder is a folder with all that the cases are about.
func flagFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	for _, line := range []string{"train --steps 20 --checkpoint-every 10 --out run --quiet", "train --steps 20 --seed 3 --lr 0.02 --out run2 --quiet",
		"train --steps 20 --data-option standardize=true --out scaled --quiet", "export --checkpoint run --out model.pth"} {
		var out safeBuffer
		if code := Run(context.Background(), "tiny", strings.Fields(line), &out, &out, tiny.Program()); code != 0 {
			t.Fatalf("$ tiny %s\n%s", line, out.String())
		}
	}
	from := "run/checkpoints/step-00000020.safetensors"
	for _, args := range [][]string{{from, "bundle.safetensors"}, {from, "extra.safetensors", "add", "batch.extra"}, {from, "nonoise.safetensors", "drop", "batch.mask_noise"}} {
		if err := bundle(args); err != nil {
			t.Fatal(err)
		}
	}
	f, err := ckpt.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	more := &ckpt.File{Tensors: append(f.Tensors[:2:2], ckpt.Floats("more.weight", []int{2}, []float32{1, 2}))}
	if err := more.WriteFile("more.safetensors"); err != nil {
		t.Fatal(err)
	}
	if err := writeToken(); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS("bad", tiny.Program().Sample); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"train", "t10k"} {
		name := filepath.Join("bad", part+"-labels-idx1-ubyte")
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		raw[9] = 7
		if err := os.WriteFile(name, raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var rows strings.Builder
	for i := range 60 {
		fmt.Fprint(&rows, i%2)
		for k := range 16 {
			fmt.Fprint(&rows, ",", i*k%7)
		}
		fmt.Fprintln(&rows)
	}
	if err := os.MkdirAll("table", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("table/HIGGS_train.csv", []byte(rows.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// flat makes the examples rows of a table.
func flat(p *runtime.Program) { p.Modality.Inputs[0].Shape, p.Modality.Kind = []int{16}, "rows" }

// warmups: the steps before those that are timed are run too.
func warmups(t *testing.T) {
	for line, want := range map[string]int{"bench --steps 2 --warmup 0": 2, "bench --steps 2 --warmup 5": 7} {
		n, p := 0, tiny.Program()
		step := p.Step.Run
		p.Step.Run = func(m *runtime.Machine) { n++; step(m) }
		var out safeBuffer
		if code := Run(context.Background(), "tiny", strings.Fields(line), &out, &out, p); code != 0 || n < want || n > want+1 { // one finds out how long a step takes
			t.Errorf("$ tiny %s: %d steps, expected %d\n%s", line, n, want, out.String())
		}
	}
}

// patience: a last checkpoint that cannot be written is given up after so much time.
func patience(t *testing.T) {
	t.Chdir(t.TempDir())
	p := tiny.Program()
	after(p, 5, func(*runtime.Machine) {
		_ = os.RemoveAll("r/checkpoints")
		_ = os.WriteFile("r/checkpoints", nil, 0o644)
	})
	var out safeBuffer
	code := Run(context.Background(), "tiny", strings.Fields("train --steps 5 --out r --summary-every 100 --patience 1ms"), &out, &out, p)
	if code != 1 || !strings.Contains(out.String(), "checkpoints") {
		t.Errorf("exit %d\n%s", code, out.String())
	}
}
