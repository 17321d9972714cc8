package generic

import (
	"strings"
	"testing"

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
