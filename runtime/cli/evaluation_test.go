package cli

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mspecc/runtime"
	"mspecc/runtime/eval"
	"mspecc/runtime/internal/tiny"
	"mspecc/runtime/runs"
)

// tabular is the tiny program for rows of a table, and a folder with one: 60 rows of 16 numbers, a name, a person of three,
// and a label that the numbers tell with some noise.
func tabular(t *testing.T) (p *runtime.Program, folder string, options []string) {
	t.Helper()
	p, folder = tiny.Program(), t.TempDir()
	p.Modality.Inputs[0].Shape = []int{1, 16}
	var b strings.Builder
	b.WriteString("name,who,kind")
	for c := range 16 {
		fmt.Fprintf(&b, ",c%d", c)
	}
	u := make([]float32, 60*16)
	runtime.Uniform(u, "tabular", 1, 0)
	for row := range 60 {
		fmt.Fprintf(&b, "\n\"n %d\",p%d,%s", row, row%3, []string{"even", "odd"}[row%2])
		for c := range 16 {
			fmt.Fprintf(&b, ",%g", u[row*16+c]+float32(row%2*(c%2))/3)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "a.csv"), []byte(b.String()+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return p, folder, []string{"--data", folder, "--reader", "csv", "--data-option", "columns=c0..c15", "--data-option", "label=kind", "--data-option", "test_fraction=0.4"}
}

func must(t *testing.T, p *runtime.Program, args ...string) string {
	t.Helper()
	code, out, errs := command(p, args...)
	if code != 0 {
		t.Fatalf("%v: %d, %s", args, code, errs)
	}
	return out
}

// What train --eval says is what eval says: the same split as in training, the same seeds, the same protocol.
func TestTrainAndEvalAgree(t *testing.T) {
	p, _, data := tabular(t)
	run := filepath.Join(t.TempDir(), "run")
	must(t, p, append([]string{"train", "--steps", "3", "--seed", "9", "--eval", "--out", run}, data...)...)
	quick := append([]string{"eval", "--checkpoint", run}, data...)
	must(t, p, quick...)
	must(t, p, append(quick, "--data-seed", "10")...)
	must(t, p, append(quick, "--seed", "10")...)
	list, damaged, err := eval.ReadLog(runs.Dir(run))
	if err != nil || damaged != 0 || len(list) != 4 {
		t.Fatal(len(list), damaged, err)
	}
	text := func(e eval.Evaluation) string {
		e.Time = ""
		for i := range e.Results {
			e.Results[i].Seconds = 0
		}
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	if a, b := text(list[0]), text(list[1]); a != b {
		t.Errorf("train --eval says\n%s\neval says\n%s", a, b)
	}
	if list[0].DataSeed != 9 || list[0].Protocol["seed"] != 9.0 {
		t.Errorf("the seeds are %v and %v, expected that of the run", list[0].DataSeed, list[0].Protocol["seed"])
	}
	if list[2].TestDigest == list[0].TestDigest || list[3].TestDigest != list[0].TestDigest {
		t.Errorf("another seed of the data must give another split, another seed of the heads the same: %s, %s, %s", list[0].TestDigest, list[2].TestDigest, list[3].TestDigest)
	}
}

// Random encoders are several, and their deviation is that between them.
func TestSpreadOfRandomEncoders(t *testing.T) {
	p, _, data := tabular(t)
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	must(t, p, append([]string{"train", "--steps", "3", "--out", run}, data...)...)
	one := func(seed, seeds int, methods string) map[string]eval.Result {
		t.Helper()
		out := filepath.Join(dir, "r.json")
		must(t, p, append([]string{"eval", "--checkpoint", run, "--no-feature-cache", "--epochs", "5", "--lr", "0.1", "--episodes", "4", "--tune-epochs", "1", "--baselines", "random", "--methods", methods,
			"--seed", strconv.Itoa(seed), "--seeds", strconv.Itoa(seeds), "--out", out}, data...)...)
		raw, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		var e eval.Evaluation
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatal(err)
		}
		found := map[string]eval.Result{}
		for _, r := range e.Results {
			if r.Input == "random encoder" {
				found[r.Method+r.Detail] = r
			}
		}
		return found
	}
	all := "linear,knn,fewshot,finetune"
	three := one(5, 3, all)
	if len(three) != 6 {
		t.Fatalf("%d results", len(three))
	}
	spread := false
	for name, r := range three {
		if r.Encoders != 3 || len(r.Test.Values) != 3 {
			t.Errorf("%s: %d encoders, values %v", name, r.Encoders, r.Test.Values)
			continue
		}
		for i, v := range r.Test.Values {
			if alone := one(5+i, 1, all)[name]; alone.Test.Mean != v {
				t.Errorf("%s: encoder %d has %v, alone it has %v", name, i, v, alone.Test.Mean)
			}
		}
		spread = spread || r.Test.Deviation > 0
	}
	if !spread {
		t.Error("all encoders are alike")
	}
}

// What leaves the trainer names records as the data do, whatever the split, and carries along what is asked for.
func TestIDs(t *testing.T) {
	p, folder, data := tabular(t)
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	must(t, p, append([]string{"train", "--steps", "3", "--out", run}, data...)...)
	rows := func(name string) [][]string {
		t.Helper()
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		all, err := csv.NewReader(f).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	column := func(all [][]string, name string) (list []string) {
		at := slices.Index(all[0], name)
		for _, row := range all[1:] {
			if at < 0 {
				t.Fatalf("there is no column %s in %v", name, all[0])
			}
			list = append(list, row[at])
		}
		return list
	}
	embedded := func(args ...string) [][]string {
		t.Helper()
		must(t, p, slices.Concat([]string{"embed", "--checkpoint", run, "--out", filepath.Join(dir, "f.csv")}, data, args)...)
		return rows("f.csv")
	}
	whole := embedded("--split", "all", "--columns", "who,kind,name")
	if want := "id,f0,f1,f2,f3,f4,label,class,split,who,kind,name"; strings.Join(whole[0], ",") != want {
		t.Errorf("columns %v, expected %s", whole[0], want)
	}
	byID := map[string][]string{} // features by id
	ids, split, who, class, name := column(whole, "id"), column(whole, "split"), column(whole, "who"), column(whole, "class"), column(whole, "name")
	for k, id := range ids {
		row, err := strconv.Atoi(strings.TrimPrefix(id, "a.csv:"))
		if err != nil || byID[id] != nil || who[k] != fmt.Sprint("p", row%3) || class[k] != []string{"even", "odd"}[row%2] || name[k] != fmt.Sprint("n ", row) {
			t.Errorf("row %d of the file: %v", row, whole[1+k])
		}
		byID[id] = whole[1+k][1:6]
	}
	if len(byID) != 60 || slices.Index(split, "test") != 36 || split[59] != "test" {
		t.Errorf("%d ids, split %v", len(byID), split)
	}
	same := func(what string, all [][]string, id func(id string) string) {
		t.Helper()
		for k, x := range column(all, "id") {
			if !slices.Equal(all[1+k][1:6], byID[id(x)]) {
				t.Errorf("%s: %s has the features %v, expected %v", what, x, all[1+k][1:6], byID[id(x)])
			}
		}
	}
	as := func(id string) string { return id }
	same("test", embedded("--split", "test"), as)
	same("another split", embedded("--split", "test", "--data-seed", "77"), as)
	same("the column id", embedded("--data-option", "id=name"), func(id string) string { return "a.csv:" + strings.TrimPrefix(id, "n ") })
	grouped := embedded("--data-option", "split=by who", "--split", "test")
	same("split by who", grouped, as)
	if g := column(grouped, "group"); len(g) != 20 || g[0] != g[19] || !strings.HasPrefix(g[0], "p") {
		t.Errorf("groups %v", g)
	}

	// With records left out, the others keep their names.
	raw, err := os.ReadFile(filepath.Join(folder, "a.csv"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(raw), "\n")
	for _, row := range []int{0, 7, 8, 30} {
		lines[1+row] += ",too much"
	}
	if err := os.WriteFile(filepath.Join(folder, "a.csv"), []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	some := embedded("--split", "all", "--skip-bad", "9")
	same("with bad records", some, as)
	if got := column(some, "id"); len(got) != 56 || slices.Contains(got, "a.csv:7") {
		t.Errorf("%d ids: %v", len(got), got)
	}

	out := filepath.Join(dir, "p.csv")
	must(t, p, slices.Concat([]string{"eval", "--checkpoint", run, "--methods", "knn", "--baselines", "raw", "--no-feature-cache", "--predictions", out, "--skip-bad", "9", "--columns", "who"}, data)...)
	said := rows("p.csv")
	if want := "id,label,class,who,knn, k 20, trained encoder,knn, k 20, raw input"; strings.Join(said[0], ",") != want {
		t.Errorf("columns %q, expected %s", said[0], want)
	}
	for _, row := range said[1:] {
		n, err := strconv.Atoi(strings.TrimPrefix(row[0], "a.csv:"))
		if err != nil || row[1] != fmt.Sprint(n%2) || row[2] != []string{"even", "odd"}[n%2] || row[3] != fmt.Sprint("p", n%3) || row[4] != "even" && row[4] != "odd" {
			t.Errorf("prediction %v", row)
		}
	}
	if len(said) != 23 {
		t.Errorf("%d predictions, expected 22", len(said)-1)
	}
}

// Metrics that are undefined are null in JSON, and said to be so elsewhere.
func TestUndefinedMetrics(t *testing.T) {
	p, folder, _ := tabular(t)
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	raw, err := os.ReadFile(filepath.Join(folder, "a.csv"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	kept := lines[:1]
	for row, line := range lines[1:] {
		if row < 40 || row%2 == 0 {
			kept = append(kept, line)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "a.csv"), []byte(strings.Join(kept, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	data := []string{"--data", folder, "--reader", "csv", "--data-option", "columns=c0..c15", "--data-option", "label=kind", "--data-option", "split=last", "--data-option", "test_fraction=0.2"}
	must(t, p, append([]string{"train", "--steps", "3", "--out", run}, data...)...)
	evaluate := append([]string{"eval", "--checkpoint", run, "--metric", "auroc", "--epochs", "2", "--methods", "linear,knn", "--no-feature-cache"}, data...)
	out := must(t, p, evaluate...)
	if !strings.Contains(out, "undefined (-)") || !strings.Contains(out, "auroc is undefined where the labels are all of one class") {
		t.Errorf("the table says\n%s", out)
	}
	text := must(t, p, append(evaluate, "--json")...)
	if !json.Valid([]byte(text)) || !strings.Contains(text, `"test":{"mean":null,"deviation":null,"values":[null,null,null],"undefined":"the labels are all of one class"}`) {
		t.Errorf("in JSON: %s", text)
	}
	must(t, p, "report", run)
	page, err := os.ReadFile(filepath.Join(run, "report.html"))
	if err != nil || !strings.Contains(string(page), "undefined") || strings.Contains(string(page), "NaN") {
		t.Errorf("the report does not say so: %v", err)
	}
	if out := must(t, p, "runs", dir, "--json"); !json.Valid([]byte(out)) {
		t.Errorf("runs: %s", out)
	}
	if out := must(t, p, "compare", run, run, "--json"); !json.Valid([]byte(out)) || !strings.Contains(out, "undefined") {
		t.Errorf("compare: %s", out)
	}
}
