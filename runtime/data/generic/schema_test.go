package generic

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"mspecc/runtime/data"
)

// Which column is which is decided by their names, over all files, those for testing too.
func TestColumnsInAnotherOrder(t *testing.T) {
	everyReader(t, func(t *testing.T, reader string) {
		root := folderOf(t, reader, map[string]records{
			"0": {[]string{"a", "b", "c", "y"}, [][]any{{1.0, 2.0, 3.0, int64(0)}, {4.0, 5.0, 6.0, int64(1)}}},
			"1": {[]string{"c", "y", "b", "a"}, [][]any{{9.0, int64(0), 8.0, 7.0}, {12.0, int64(1), 11.0, 10.0}}},
			"t": {[]string{"y", "c", "a", "b"}, [][]any{{int64(1), 15.0, 13.0, 14.0}, {int64(0), 18.0, 16.0, 17.0}}},
		})
		test := "t" + writers[reader].ending
		got, _ := read(t, reader, root, row(3), map[string]string{"label": "y", "test": test})
		equal(t, "all columns", append(got.train, got.test...), []string{"[1 2 3] [0]", "[4 5 6] [1]", "[7 8 9] [0]", "[10 11 12] [1]", "[13 14 15] [1]", "[16 17 18] [0]"})
		got, _ = read(t, reader, root, row(2), map[string]string{"label": "y", "test": test, "columns": "c,a"})
		equal(t, "columns in the order of the option", append(got.train, got.test...), []string{"[3 1] [0]", "[6 4] [1]", "[9 7] [0]", "[12 10] [1]", "[15 13] [1]", "[18 16] [0]"})
		got, _ = read(t, reader, root, row(2), map[string]string{"label": "y", "test": test, "columns": "a..b"})
		equal(t, "a range", append(got.train, got.test...), []string{"[1 2] [0]", "[4 5] [1]", "[7 8] [0]", "[10 11] [1]", "[13 14] [1]", "[16 17] [0]"})
		got, _ = read(t, reader, root, data.Want{{Shape: []int{3, 2}}}, map[string]string{"label": "y", "test": test, "window": "2", "window_label": "last"})
		equal(t, "windows", append(got.train, got.test...), []string{"[1 4 2 5 3 6] [1]", "[7 10 8 11 9 12] [1]", "[13 16 14 17 15 18] [0]"})
	})
}

// A file that lacks a column, or has one more where all are taken, is named.
func TestFilesOfOtherColumns(t *testing.T) {
	everyReader(t, func(t *testing.T, reader string) {
		first := records{[]string{"a", "b", "c"}, [][]any{{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}}}
		for _, c := range []struct {
			what    string
			second  records
			columns string
			parts   []string
		}{
			{"lacks one", records{[]string{"b", "a"}, [][]any{{5.0, 4.0}}}, "", []string{"1" + writers[reader].ending, "c"}},
			{"lacks one that the option names", records{[]string{"b", "a"}, [][]any{{5.0, 4.0}}}, "a..c", []string{"1" + writers[reader].ending, "c"}},
			{"has another one", records{[]string{"a", "b", "d"}, [][]any{{4.0, 5.0, 6.0}}}, "", []string{writers[reader].ending}},
		} {
			for _, part := range []string{"1", "t"} {
				other := c.second
				root := folderOf(t, reader, map[string]records{"0": first, part: other})
				options := map[string]string{"columns": c.columns, "test_fraction": "0.4"}
				if part == "t" {
					options["test"] = "t" + writers[reader].ending
				}
				err := openError(reader, root, row(3), options)
				if err == nil {
					t.Errorf("a file that %s is taken", c.what)
					continue
				}
				for _, p := range c.parts {
					if p = strings.Replace(p, "1.", part+".", 1); !strings.Contains(err.Error(), p) {
						t.Errorf("%s: message %q lacks %q", c.what, err, p)
					}
				}
			}
		}
	})
}

// Numbers that name something keep all their digits: labels, classes, ids and groups.
func TestLargeWholeNumbers(t *testing.T) {
	const big = int64(1) << 53
	everyReader(t, func(t *testing.T, reader string) {
		r := records{columns: []string{"a", "u", "y"}}
		for i := range 20 {
			r.rows = append(r.rows, []any{float64(i), big + int64(i), 1_700_000_000 + int64(i)})
		}
		root := folderOf(t, reader, map[string]records{"0": r})
		got, _ := read(t, reader, root, row(1), map[string]string{"columns": "a", "label": "y", "classes": "1", "id": "u", "split": "last"})
		for i, text := range append(got.train, got.test...) {
			if want := fmt.Sprintf("[%d] [%v]", i, float64(1_700_000_000+i)); text != want {
				t.Errorf("example %d is %s, expected %s", i, text, want)
			}
		}
		_, labels := read(t, reader, root, row(1), map[string]string{"columns": "a", "label": "u", "split": "last"})
		if labels.Classes != 20 || labels.Names[1] != "9007199254740993" {
			t.Errorf("%d classes %v, expected 20", labels.Classes, labels.Names)
		}
		got, _ = read(t, reader, root, row(1), map[string]string{"columns": "a", "split": "by u", "test_groups": "9007199254740993"})
		equal(t, "one group", got.test, []string{"[1] [0]"})
		_, labels = read(t, reader, root, row(1), map[string]string{"columns": "a", "label": "y", "split": "last"})
		if labels.Classes != 20 || labels.Names[0] != "1700000000" {
			t.Errorf("classes %v", labels.Names)
		}
		r.rows[7][1] = big + 6
		refused(t, reader, folderOf(t, reader, map[string]records{"0": r}), row(1), map[string]string{"columns": "a", "id": "u"}, "has the same u as")
	})
}

// 0 and 0.0 are one class where all labels are numbers, and one group.
func TestNumbersWrittenInTwoWays(t *testing.T) {
	everyReader(t, func(t *testing.T, reader string) {
		files := map[string]records{"0": {[]string{"a", "y"}, [][]any{{1.0, int64(0)}, {2.0, int64(1)}, {3.0, int64(10)}, {4.0, int64(2)}}}, "1": {[]string{"a", "y"}, [][]any{{5.0, 0.0}, {6.0, 1.0}, {7.0, 10.0}, {8.0, nil}}}}
		root := folderOf(t, reader, files)
		if reader == "csv" { // as pandas writes whole numbers where one is missing
			root["1.csv"] = file("a,y\n5,0.0\n6,1.0\n7,1e1\n8,\n")
		}
		got, labels := read(t, reader, root, row(1), map[string]string{"columns": "a", "label": "y", "test": "1" + writers[reader].ending})
		equal(t, "rows", append(got.train, got.test...), []string{"[1] [0]", "[2] [1]", "[3] [3]", "[4] [2]", "[5] [0]", "[6] [1]", "[7] [3]", "[8] [NaN]"})
		if fmt.Sprint(labels.Names) != "[0 1 2 10]" {
			t.Errorf("classes %v", labels.Names)
		}
		got, _ = read(t, reader, root, row(1), map[string]string{"columns": "a", "split": "by y", "test_groups": "0"})
		equal(t, "the group 0", got.test, []string{"[1] [0]", "[5] [0]"})
		got, _ = read(t, reader, root, row(1), map[string]string{"columns": "a", "split": "by y", "test_groups": "0.0"})
		equal(t, "the group 0.0", got.test, []string{"[1] [0]", "[5] [0]"})
		// So are whole numbers beside names; others are what they are written as.
		names := folderOf(t, reader, map[string]records{"0": {[]string{"a", "y"}, [][]any{{1.0, "0"}, {2.0, "1.0"}, {3.0, "other"}, {4.0, "0.50"}}}, "1": {[]string{"a", "y"}, [][]any{{5.0, "0.0"}, {6.0, "2.0"}, {7.0, "1"}, {8.0, "0.5"}}}})
		got, labels = read(t, reader, names, row(1), map[string]string{"columns": "a", "label": "y", "test": "1" + writers[reader].ending})
		equal(t, "beside names", append(got.train, got.test...), []string{"[1] [0]", "[2] [3]", "[3] [5]", "[4] [2]", "[5] [0]", "[6] [4]", "[7] [3]", "[8] [1]"})
		if fmt.Sprint(labels.Names) != "[0 0.5 0.50 1 2.0 other]" {
			t.Errorf("classes %v", labels.Names)
		}
	})
}

// What only Go's source text takes for a number names something, or is an error: with underscores, 1_12 and 11_2 would be one.
func TestNamesThatAreNoNumbers(t *testing.T) {
	texts := []string{"1_12", "11_2", "0x1p3", "8", "112"}
	everyReader(t, func(t *testing.T, reader string) {
		r := records{columns: []string{"a", "y"}}
		for i, text := range texts {
			r.rows = append(r.rows, []any{float64(i), text})
		}
		root := folderOf(t, reader, map[string]records{"0": r})
		got, labels := read(t, reader, root, row(1), map[string]string{"columns": "a", "label": "y", "split": "last", "test_fraction": "0.4"})
		equal(t, "classes", append(got.train, got.test...), []string{"[0] [3]", "[1] [2]", "[2] [0]", "[3] [4]", "[4] [1]"})
		if fmt.Sprint(labels.Names) != "[0x1p3 112 11_2 1_12 8]" {
			t.Errorf("classes %v", labels.Names)
		}
		got, _ = read(t, reader, root, row(1), map[string]string{"columns": "a", "split": "by y", "test_groups": "112"})
		equal(t, "the group 112", got.test, []string{"[4] [0]"})
		for _, text := range texts[:3] {
			refused(t, reader, folderOf(t, reader, map[string]records{"0": {columns: []string{"a"}, rows: [][]any{{text}, {text}}}}), row(1), map[string]string{"test_fraction": "0.5"}, strconv.Quote(text), "expected a number")
		}
	})
	refused(t, "csv", fstest.MapFS{"a.csv": file("a\n\"[1, 1_2]\"\n")}, row(2), nil, "line 2", "expected a number")
}

// A label that is missing is no class, however it is written: nothing, NaN, or -1 as Hugging Face's data sets have it.
func TestMissingLabels(t *testing.T) {
	everyReader(t, func(t *testing.T, reader string) {
		var notes []string
		open := func(r records, options map[string]string) ([]string, data.Labels) {
			t.Helper()
			notes = nil
			options["columns"], options["label"], options["split"], options["test_fraction"] = "a", "y", "last", "0.4"
			train, test, err := data.Open(reader, options, folderOf(t, reader, map[string]records{"0": r}), "folder", row(1), data.OpenOptions{Note: func(text string) { notes = append(notes, text) }})
			if err != nil {
				t.Fatal(err)
			}
			return append(all(t, train, row(1)), all(t, test, row(1))...), train.Labels()
		}
		table := func(labels ...any) records {
			r := records{columns: []string{"a", "y"}}
			for i, y := range labels {
				r.rows = append(r.rows, []any{float64(i), y})
			}
			return r
		}
		three := table(int64(0), int64(-1), int64(2), int64(1), int64(-1))
		want := []string{"[0] [0]", "[1] [NaN]", "[2] [2]", "[3] [1]", "[4] [NaN]"}
		got, labels := open(three, map[string]string{})
		equal(t, "found", got, want)
		if labels.Classes != 3 || fmt.Sprint(labels.Names) != "[0 1 2]" || len(notes) != 1 || !strings.Contains(notes[0], "2 of 5 records have no label (-1 in the column y)") || !strings.Contains(notes[0], "option classes") {
			t.Errorf("%+v, notes %q", labels, notes)
		}
		got, _ = open(three, map[string]string{"classes": "3"})
		equal(t, "numbered", got, want)
		got, _ = open(three, map[string]string{"classes": "0,1,2"})
		equal(t, "named", got, want)
		got, labels = open(three, map[string]string{"classes": "-1,0,1,2"})
		equal(t, "named, with -1", got, []string{"[0] [1]", "[1] [0]", "[2] [3]", "[3] [2]", "[4] [0]"})
		got, _ = open(three, map[string]string{"classes": "1"})
		equal(t, "numbers to regress", got, []string{"[0] [0]", "[1] [-1]", "[2] [2]", "[3] [1]", "[4] [-1]"})
		got, _ = open(table(int64(-1), int64(1), int64(-1)), map[string]string{})
		equal(t, "-1 and 1", got, []string{"[0] [0]", "[1] [1]", "[2] [0]"})
		got, _ = open(table(int64(-2), int64(-1), int64(0), int64(1)), map[string]string{})
		equal(t, "other numbers below 0", got, []string{"[0] [0]", "[1] [1]", "[2] [2]", "[3] [3]"})
		got, labels = open(table(0.0, nil, 1.0, 0.0), map[string]string{})
		equal(t, "nothing there", got, []string{"[0] [0]", "[1] [NaN]", "[2] [1]", "[3] [0]"})
		got, _ = open(table(0.5, nil, 1.0, 0.0), map[string]string{"classes": "1"})
		equal(t, "no number there", got, []string{"[0] [0.5]", "[1] [NaN]", "[2] [1]", "[3] [0]"})
		got, labels = open(table("b", "", "a", "NA"), map[string]string{})
		equal(t, "names", got, []string{"[0] [2]", "[1] [NaN]", "[2] [1]", "[3] [0]"}) // NA may be a name
	})
}

// A column that is there twice is an error where it is wanted, and nothing where it is not.
func TestColumnsOfOneName(t *testing.T) {
	root := fstest.MapFS{"a.csv": file("a,b,a,y\n1,2,3,0\n4,5,6,1\n")}
	for _, columns := range []string{"", "a", "a*"} {
		refused(t, "csv", root, row(3), map[string]string{"label": "y", "columns": columns}, "a.csv", `two columns called "a"`)
	}
	equal(t, "another column", rows(t, "csv", root, row(1), map[string]string{"label": "y", "columns": "b"}), []string{"[2] [0]", "[5] [1]"})
}

// Patterns and ranges leave out the columns that have another use, and those that were named before.
func TestPatternsLeaveOutOtherUses(t *testing.T) {
	root := fstest.MapFS{"a.csv": file("x1,x2,xy,x3\n1,2,0,3\n4,5,1,6\n")}
	for columns, want := range map[string]string{"x*": "[1 2 3] [0]", "x1..x3": "[1 2 3] [0]", "x3,*": "[3 1 2] [0]", "": "[1 2 3] [0]"} {
		if got := rows(t, "csv", root, row(3), map[string]string{"label": "xy", "columns": columns}); got[0] != want {
			t.Errorf("columns %q: %v, expected %s", columns, got, want)
		}
	}
}

// Arrays for training and for testing in several .npz files, and .npy files whose names differ.
func TestPartsOfArrays(t *testing.T) {
	npz := func(from byte) *fstest.MapFile {
		one := func(v ...byte) []byte { return npyBytes("|u1", fmt.Sprint(len(v), ","), v) }
		return &fstest.MapFile{Data: npzBytes(t, []string{"x_test", "y_train", "x_train", "y_test"}, map[string][]byte{"x_train": one(from, from+1), "y_train": one(0, 1), "x_test": one(from + 2), "y_test": one(1)})}
	}
	got, _ := read(t, "npy", fstest.MapFS{"0.npz": npz(0), "1.npz": npz(10)}, row(1), map[string]string{"columns": "x_train", "label": "y_train", "test_columns": "x_test", "test_label": "y_test"})
	equal(t, "training", got.train, []string{"[0] [0]", "[1] [1]", "[10] [0]", "[11] [1]"})
	equal(t, "testing", got.test, []string{"[2] [1]", "[12] [1]"})
	refused(t, "npy", fstest.MapFS{"0.npz": npz(0)}, row(1), map[string]string{"columns": "x_train", "test_columns": "x_val"}, `no column "x_val"`)
	npy := fstest.MapFS{"x_train.npy": {Data: npyBytes("|u1", "2, ", []byte{1, 2})}, "x_test.npy": {Data: npyBytes("|u1", "1, ", []byte{3})}}
	got, _ = read(t, "npy", npy, row(1), map[string]string{"files": "x_train.npy", "test": "x_test.npy"})
	equal(t, "one file each", append(got.train, got.test...), []string{"[1] [0]", "[2] [0]", "[3] [0]"})
	npy["a.npz"] = npz(0)
	refused(t, "npy", npy, row(1), map[string]string{"files": "*"}, "either .npy files")
}

// Folders that are named as partitions are no columns, which is said.
func TestPartitionsAreNoted(t *testing.T) {
	root := folderOf(t, "parquet", map[string]records{"day=1/a": {[]string{"x"}, [][]any{{1.0}, {2.0}}}, "day=2/a": {[]string{"x"}, [][]any{{3.0}, {4.0}}}})
	var notes []string
	_, _, err := data.Open("parquet", map[string]string{"split": "by folder", "test_fraction": "0.5"}, root, "folder", row(1), data.OpenOptions{Note: func(text string) { notes = append(notes, text) }})
	if err != nil || len(notes) != 1 || !strings.Contains(notes[0], "day=...") {
		t.Errorf("%v, notes %q", err, notes)
	}
}
