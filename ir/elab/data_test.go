package elab

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const dataModel = `
model m(d: modality) {
    set batch = 2
    param w [3] = 0.5
    objective() { return sum(w * w) }
}
`

// Everything that is wrong in what modalities say of their data is said at once, with its place, what was expected and
// what may have been meant.
func TestData(t *testing.T) {
	for _, c := range []struct {
		name, text string
		own        bool
		want       []string // column, code, message and first note of each diagnostic
	}{
		{"reader", `data csvv(label: "y") metric "accurracy"`, false, []string{
			`6 E075 there is no data reader csvv: did you mean "csv"?`,
			`30 E075 there is no metric accurracy: did you mean "accuracy"?`}},
		{"options", `data csv(lable: "y", standardize: 1, missing: "intrpolate", window: 8.5, test_fraction: 1.0, columns: true)`, false, []string{
			`10 E075 the data reader csv has no option lable: did you mean "label"?`,
			`35 E075 standardize must be true or false, this is the whole number 1: standardize:`,
			`47 E075 missing must be error, zero, interpolate or drop, this is the string "intrpolate": did you mean "interpolate"?`,
			`69 E075 window must be a whole number of at least 0, this is the number 8.5: window:`,
			`89 E075 test_fraction must be a number between 0 and 1, this is the number 1: test_fraction:`,
			`103 E075 columns must be names of columns, patterns with *, or FIRST..LAST, this is true: columns:`}},
		{"values", `data parquet(scale: 0, stride: "often", files: "[", classes: ["a", "a"], label: wrong, nonsense: 1)`, false, []string{
			`21 E075 scale must be a number above 0, this is the whole number 0: scale:`,
			`32 E075 stride must be a whole number of at least 1, this is the string "often": stride:`,
			`48 E075 files must be names of files, or patterns with * and ?, this is the string "[": files:`,
			`62 E075 classes must be the names of the classes, each once, or how many there are, this is a list of 2: classes:`,
			`81 E075 label must be the name of a column, this is a function: label:`,
			`88 E075 the data reader parquet has no option nonsense: its options are files,`}},
		{"twice", `data csv(standardize: true, standardise: false)`, false, []string{`29 E030 csv gets its option standardize twice: first here`}},
		{"task", `task "t" { data csv(labl: "y") metric "f1" }`, false, []string{
			`21 E075 the data reader csv has no option labl: did you mean "label"?`,
			`39 E075 there is no metric f1: there are accuracy,`}},
		{"right", `data csv(window: 8.0, standardise: true, columns: ["a", 2], classes: 3, separator: "\t", scale: 1e-3) metric "auroc"`, false, nil},
		{"own", `data squares(corner: 4) metric "f1"`, true, []string{
			`6 W005 the data reader squares is none of this library's: the program must register it: data.Register`,
			`32 E075 there is no metric f1: there are`}},
		{"own and known", `data csv(lable: 3)`, true, []string{`10 E075 the data reader csv has no option lable: did you mean`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "m.mspec")
			src := "import \"std/modality\"\nfn wrong(x) = x\nmodality a = series(3, 8) {\n" + c.text + "\n}\n" + dataModel
			if err := os.WriteFile(file, []byte(src), 0o644); err != nil {
				t.Fatal(err)
			}
			_, diags := read(file, Options{OwnReaders: c.own})
			var got []string
			for _, d := range diags {
				if d.Code == "W001" {
					continue
				}
				if d.Pos.Line != 4 || len(d.Notes) == 0 {
					t.Errorf("%v: line %d, notes %v", d, d.Pos.Line, d.Notes)
				}
				got = append(got, fmt.Sprintf("%d %s %s: %s", d.Pos.Col, d.Code, d.Msg, d.Notes[0].Msg))
			}
			if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
				t.Errorf("got\n%s\nexpected\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// A list of an option is told the trainer so that it gets its values back.
func TestListOption(t *testing.T) {
	file := filepath.Join(t.TempDir(), "m.mspec")
	src := "import \"std/modality\"\nmodality a = series(3, 8, 4) { data csv(classes: [\"a, b\", \"c\"], columns: [\"x\", \"y\"], window: 8.0) }\n" + dataModel
	if err := os.WriteFile(file, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	want := []Option{{"classes", `["a, b", c]`}, {"columns", "[x, y]"}, {"window", "8"}}
	if got := load(t, file, Options{}).Variants[0].Modality.Options; !slices.Equal(got, want) {
		t.Errorf("%v, expected %v", got, want)
	}
}
