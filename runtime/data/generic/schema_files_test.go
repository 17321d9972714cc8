package generic

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"mspecc/runtime/data"
)

// madeFiles are those that testdata/schema.py wrote, and what pyarrow reads in them.
func madeFiles(t *testing.T, names ...string) (fs.FS, map[string][]map[string]any) {
	t.Helper()
	root := fstest.MapFS{}
	for _, name := range names {
		raw, err := os.ReadFile("testdata/schema/" + name)
		if err != nil {
			t.Fatal(err)
		}
		root[name] = &fstest.MapFile{Data: raw}
	}
	raw, err := os.ReadFile("testdata/schema/expect.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	expect := map[string][]map[string]any{}
	for name, text := range all {
		var rows []map[string]any
		if json.Unmarshal(text, &rows) == nil {
			expect[name] = rows
		}
	}
	return root, expect
}

// rows are the examples of both parts, in order.
func rows(t *testing.T, reader string, root fs.FS, want data.Want, options map[string]string) []string {
	t.Helper()
	o := map[string]string{"split": "last", "test_fraction": "0.5"}
	maps.Copy(o, options)
	got, _ := read(t, reader, root, want, o)
	return append(got.train, got.test...)
}

// flatText are the numbers of nested lists, in reading order, as text.
func flatText(v any) string {
	var out []string
	var walk func(v any)
	walk = func(v any) {
		if list, ok := v.([]any); ok {
			for _, x := range list {
				walk(x)
			}
			return
		}
		out = append(out, fmt.Sprint(v))
	}
	walk(v)
	return "[" + strings.Join(out, " ") + "]"
}

// Lists in lists have the name of their column, whatever their parts are called, and must all be of one shape.
func TestParquetNestedNames(t *testing.T) {
	for _, name := range []string{"nested.parquet", "nested-item.parquet"} {
		root, expect := madeFiles(t, name)
		got := rows(t, "parquet", root, row(12), map[string]string{"columns": "x"})
		var want []string
		for _, r := range expect[name] {
			want = append(want, flatText(r["x"])+" [0]")
		}
		equal(t, name, got, want)
		refused(t, "parquet", root, row(12), map[string]string{"columns": "z"}, "its columns are k, x")
	}
	root, _ := madeFiles(t, "ragged.parquet")
	refused(t, "parquet", root, row(4), nil, "row 1", "the column x holds lists of different lengths")
	for _, text := range []string{`[[1, 2], [3, 4]]}` + "\n" + `{"x": [[1], [2, 3, 4]]}`, `[[1, 2], [3, 4]]}` + "\n" + `{"x": [1, 2, 3, 4]}`} {
		refused(t, "jsonl", fstest.MapFS{"a.jsonl": file(`{"x": ` + text + "\n")}, row(4), map[string]string{"test_fraction": "0.5"}, "line 2", "x")
	}
}

// A null in a list keeps its place, as a missing value or as the label of a token that does not count.
func TestParquetNullInList(t *testing.T) {
	root, _ := madeFiles(t, "nulls.parquet")
	root.(fstest.MapFS)["same.jsonl"] = file("{\"x\": [null, 5, 6]}\n{\"x\": [1, NaN, 3]}\n{\"x\": [7, 8, null]}\n{\"x\": null}\n{\"x\": []}\n{\"x\": [null, null, null]}\n")
	for _, reader := range []string{"parquet", "jsonl"} {
		equal(t, reader, rows(t, reader, root, row(3), map[string]string{"columns": "x", "missing": "zero"}), []string{"[0 5 6] [0]", "[1 0 3] [0]", "[7 8 0] [0]", "[0 0 0] [0]", "[0 0 0] [0]", "[0 0 0] [0]"})
		refused(t, reader, root, row(3), map[string]string{"columns": "x", "missing": "drop"}, "holds no good record")
		refused(t, reader, root, row(3), map[string]string{"columns": "x"}, "lacks a value in column x")
	}
}

// The same lists in JSON lines.
func TestNullLabelsOfTokens(t *testing.T) {
	root, _ := madeFiles(t, "nulls.parquet")
	root.(fstest.MapFS)["same.jsonl"] = file("{\"k\": 0, \"y\": [null, 1, 2]}\n{\"k\": 1, \"y\": [0, null, 2]}\n{\"k\": 2, \"y\": [0, 1, NaN]}\n{\"k\": 3, \"y\": null}\n{\"k\": 4, \"y\": []}\n{\"k\": 5, \"y\": [-1, -100, null]}\n")
	want := []string{"[0 0 0] [NaN 1 2]", "[1 0 0] [0 NaN 2]", "[2 0 0] [0 1 NaN]", "[3 0 0] [NaN NaN NaN]", "[4 0 0] [NaN NaN NaN]", "[5 0 0] [NaN NaN NaN]"}
	for _, reader := range []string{"parquet", "jsonl"} {
		equal(t, reader, rows(t, reader, root, words(3, 6), map[string]string{"columns": "k", "tokens": "numbers", "label": "y", "labels": "each", "classes": "3"}), want)
	}
}

// Labels of tokens that are not as many as the tokens are told of; padding at the end of either is none.
func TestLabelsOfOtherTokens(t *testing.T) {
	numbers := map[string]string{"columns": "k", "tokens": "numbers", "label": "y", "labels": "each", "classes": "3"}
	letters := map[string]string{"columns": "k", "alphabet": "ACD", "label": "y", "labels": "each", "classes": "h,e"}
	for _, c := range []struct {
		options map[string]string
		line    string
		want    string
	}{
		{numbers, `{"k": [1, 2, 3], "y": [0, 1, 2]}`, ""},
		{numbers, `{"k": [1, 2, 3], "y": [0, 1]}`, "20 records have another number of labels than of tokens; the first, a.jsonl, line 1, has 2 labels and 3 tokens"},
		{numbers, `{"k": [1, 2], "y": [0, 1, 2]}`, "has 3 labels and 2 tokens"},
		{numbers, `{"k": [1, 2, 0, 0], "y": [0, 1]}`, ""},
		{numbers, `{"k": [1, 2], "y": [0, 1, -100, null]}`, ""},
		{numbers, `{"k": [1, 2], "y": null}`, ""},
		{letters, `{"k": "ACD", "y": "heh"}`, ""},
		{letters, `{"k": "ACD", "y": "he"}`, "has 2 labels and 3 tokens"},
	} {
		var notes []string
		_, _, err := data.Open("jsonl", c.options, fstest.MapFS{"a.jsonl": file(strings.Repeat(c.line+"\n", 20))}, "folder", words(4, 6), data.OpenOptions{Note: func(text string) { notes = append(notes, text) }})
		if err != nil || (len(notes) > 0) != (c.want != "") || c.want != "" && !strings.Contains(notes[0], c.want) {
			t.Errorf("%s: %q, %v", c.line, notes, err)
		}
	}
}

// Row labels that pandas wrote are left out, in every format, unless they are asked for.
func TestPandasIndex(t *testing.T) {
	jsonl := file("{\"a\": 0, \"b\": 1.0, \"__index_level_0__\": 0}\n{\"a\": 2, \"b\": 1.0, \"__index_level_0__\": 2}\n{\"a\": 4, \"b\": 1.0, \"__index_level_0__\": 4}\n{\"a\": 6, \"b\": 1.0, \"__index_level_0__\": 6}\n")
	for _, c := range []struct{ reader, name, index string }{
		{"parquet", "index.parquet", "__index_level_0__"}, {"parquet", "named-index.parquet", "when"}, {"csv", "index.csv", "Unnamed: 0"}, {"csv", "index-twice.csv", ""}, {"jsonl", "index.jsonl", "__index_level_0__"},
	} {
		var root fs.FS = fstest.MapFS{c.name: jsonl}
		if c.reader != "jsonl" {
			root, _ = madeFiles(t, c.name)
		}
		var notes []string
		train, test, err := data.Open(c.reader, map[string]string{"split": "last", "test_fraction": "0.25"}, root, "folder", row(2), data.OpenOptions{Note: func(text string) { notes = append(notes, text) }})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := append(all(t, train, row(2)), all(t, test, row(2))...); !strings.HasSuffix(got[1], " 1] [0]") || len(notes) == 0 || !strings.Contains(notes[0], c.index) {
			t.Errorf("%s: %v, notes %q", c.name, got, notes)
		}
		if c.index != "" {
			if got := rows(t, c.reader, root, row(2), map[string]string{"columns": c.index + ",a"}); got[1] != "[2 2] [0]" && got[1] != "[10 1] [0]" {
				t.Errorf("%s, index asked for: %v", c.name, got)
			}
		}
	}
	got, _ := read(t, "csv", fstest.MapFS{"a.csv": file(",a,\n7,1,2\n8,3,4\n")}, row(2), map[string]string{"split": "last", "test_fraction": "0.5"}) // only the first place is that of an index
	equal(t, "a last column without a name", append(got.train, got.test...), []string{"[1 2] [0]", "[3 4] [0]"})
}

// What nobody asked for does not make a file unreadable; what somebody asks for is named.
func TestOtherColumnsAndMembers(t *testing.T) {
	root, _ := madeFiles(t, "others.parquet")
	got, labels := read(t, "parquet", root, row(2), map[string]string{"columns": "a,half", "label": "y", "split": "last", "test_fraction": "0.4"})
	equal(t, "parquet", append(got.train, got.test...), []string{"[1 0] [0]", "[2 1] [1]", "[3 2] [0]"})
	if fmt.Sprint(labels.Names) != "[u v]" {
		t.Errorf("%+v", labels)
	}
	for column, part := range map[string]string{"texts": "lists of texts", "raw": "raw", "both": "its columns are"} {
		refused(t, "parquet", root, row(1), map[string]string{"columns": column}, "others.parquet", part)
	}
	npz := npzBytes(t, []string{"header", "x", "fs", "y"}, map[string][]byte{"x": npyBytes("<f4", "2, 2", make([]byte, 16)), "y": npyBytes("<i4", "2,", []byte{0, 0, 0, 0, 1, 0, 0, 0}),
		"fs": npyBytes("<f8", "", make([]byte, 8)), "header": npyBytes("|O", "", []byte("pickled"))})
	files := fstest.MapFS{"s1.npz": {Data: npz}, "s2.npz": {Data: npz}}
	got, _ = read(t, "npy", files, row(2), map[string]string{"columns": "x", "label": "y", "test": "s2.npz"})
	equal(t, "npz", append(got.train, got.test...), []string{"[0 0] [0]", "[0 0] [1]", "[0 0] [0]", "[0 0] [1]"})
	refused(t, "npy", files, row(2), map[string]string{"label": "y"}, "s1.npz", "header")
}

// Part files of distributed writers may be empty. All may not.
func TestEmptyParts(t *testing.T) {
	everyReader(t, func(t *testing.T, reader string) {
		full := func(from float64) records {
			return records{[]string{"a", "b"}, [][]any{{from, from + 1}, {from + 2, from + 3}}}
		}
		root := folderOf(t, reader, map[string]records{"1": full(0), "2": {columns: []string{"a", "b"}}, "3": full(10), "t0": {columns: []string{"a", "b"}}, "t1": full(20)})
		root["0"+writers[reader].ending] = root["2"+writers[reader].ending]
		if reader == "csv" || reader == "jsonl" || reader == "tfrecord" {
			root["00"+writers[reader].ending] = file("")
		}
		var notes []string
		train, test, err := data.Open(reader, map[string]string{"test": "t*"}, root, "folder", row(2), data.OpenOptions{Note: func(text string) { notes = append(notes, text) }})
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "rows", append(all(t, train, row(2)), all(t, test, row(2))...), []string{"[0 1] [0]", "[2 3] [0]", "[10 11] [0]", "[12 13] [0]", "[20 21] [0]", "[22 23] [0]"})
		if len(notes) < 3 {
			t.Errorf("notes %q", notes)
		}
		empty := fstest.MapFS{}
		for _, name := range []string{"0", "2", "t0"} {
			empty[name+writers[reader].ending] = root[name+writers[reader].ending]
		}
		refused(t, reader, empty, row(2), nil, "holds no record")
		for name := range root {
			if strings.HasPrefix(name, "t1") {
				delete(root, name)
			}
		}
		refused(t, reader, root, row(2), map[string]string{"test": "t*"}, "no good test record")
	})
}

// Likewise of sequences.
func TestEmptyFilesOfSequences(t *testing.T) {
	root := fstest.MapFS{"a.fa": file(">r\nACG\n>s\nGGA\n"), "b.fa": file("")}
	if got, _ := read(t, "fasta", root, words(3, 4), map[string]string{"test_fraction": "0.5"}); len(got.train) != 1 || len(got.test) != 1 {
		t.Errorf("sequences %v", got)
	}
	delete(root, "a.fa")
	refused(t, "fasta", root, words(3, 4), nil, "b.fa", "is empty")
}

// A column has one type in all files: numbers of any width, but not numbers and texts, nor times in two units, nor
// bytes and floating numbers.
func TestTypesOfAColumn(t *testing.T) {
	root, _ := madeFiles(t, "times-ms.parquet", "times-us.parquet")
	refused(t, "parquet", root, row(1), map[string]string{"columns": "t"}, "times-us.parquet", "the column t is of the type timestamp[us], expected timestamp[ms]")
	rows(t, "parquet", root, row(1), map[string]string{"columns": "a"})
	for _, column := range []string{"t", "l", "g.t"} {
		for i, unit := range []string{"s", "ms", "us", "ns"} {
			root, _ := madeFiles(t, "durations-"+unit+".parquet")
			train, _, err := data.Open("parquet", map[string]string{"columns": column, "test_fraction": "0.4"}, root, "folder", row(1), data.OpenOptions{})
			if err != nil || data.SchemaOf(train).Columns[0].Type != "duration["+unit+"]" {
				t.Errorf("%s in %s: %v", column, unit, err)
			}
			next := []string{"ms", "us", "ns", "s"}[i]
			root, _ = madeFiles(t, "durations-"+unit+".parquet", "durations-"+next+".parquet")
			refused(t, "parquet", root, row(1), map[string]string{"columns": column}, "the column "+column+" is of the type duration[", "expected duration[")
		}
	}
	numbers, texts := records{[]string{"a"}, [][]any{{1.0}, {2.0}}}, records{[]string{"a"}, [][]any{{"x"}, {"y"}}}
	for _, reader := range []string{"npy", "parquet"} {
		refused(t, reader, folderOf(t, reader, map[string]records{"0": numbers, "1": texts}), row(1), nil, "1"+writers[reader].ending, "column a", "text", "float64")
		whole := records{[]string{"a"}, [][]any{{int64(3)}, {int64(4)}}}
		rows(t, reader, folderOf(t, reader, map[string]records{"0": numbers, "1": whole}), row(1), nil)
	}
	two := fstest.MapFS{"0.npz": {Data: npzBytes(t, []string{"x"}, map[string][]byte{"x": npyBytes("|u1", "2, 2", []byte{1, 2, 3, 4})})},
		"1.npz": {Data: npzBytes(t, []string{"x"}, map[string][]byte{"x": npyBytes("<f4", "2, 2", make([]byte, 16))})}}
	refused(t, "npy", two, row(2), nil, "1.npz", "column x", "float32, expected uint8")
	two["1.npz"] = &fstest.MapFile{Data: npzBytes(t, []string{"x"}, map[string][]byte{"x": npyBytes("|u1", "2, 4", make([]byte, 8))})}
	refused(t, "npy", two, row(2), nil, "1.npz", "column x", "axes [4]", "[2]")
}

// Arrays whose channels are last are not taken for those whose channels are first, in any format; the option layout turns them.
func TestLayout(t *testing.T) {
	want := data.Want{{Shape: []int{2, 3}}}
	last := records{columns: []string{"x"}}
	first := records{columns: []string{"x"}}
	for i := range 4 {
		v := float64(10 * i)
		last.rows = append(last.rows, []any{[][]float64{{v, v + 3}, {v + 1, v + 4}, {v + 2, v + 5}}}) // [samples, channels]
		first.rows = append(first.rows, []any{[][]float64{{v, v + 1, v + 2}, {v + 3, v + 4, v + 5}}})
	}
	examples := []string{"[0 1 2 3 4 5] [0]", "[10 11 12 13 14 15] [0]", "[20 21 22 23 24 25] [0]", "[30 31 32 33 34 35] [0]"}
	for _, reader := range []string{"jsonl", "npy", "parquet", "tfrecord"} {
		open := func(r records, options map[string]string) []string {
			return rows(t, reader, folderOf(t, reader, map[string]records{"0": r}), want, options)
		}
		equal(t, reader, open(first, map[string]string{}), examples)
		equal(t, reader, open(first, map[string]string{"layout": "NCT", "window": "0"}), examples)
		equal(t, reader, open(last, map[string]string{"layout": "NTC"}), examples)
		refused(t, reader, folderOf(t, reader, map[string]records{"0": last}), want, nil, "the column x", "axes [3 2]", "wants [2 3]", `layout: "NTC"`)
		refused(t, reader, folderOf(t, reader, map[string]records{"0": first}), want, map[string]string{"layout": "NTC"}, "the column x", "axes [2 3]", "option layout")
		refused(t, reader, folderOf(t, reader, map[string]records{"0": first}), data.Want{{Shape: []int{2, 1, 3}}}, map[string]string{"layout": "NTC"}, "option layout", "NHWC")
		plain := records{[]string{"a", "b", "c", "d", "e", "f"}, [][]any{{0.0, 3.0, 1.0, 4.0, 2.0, 5.0}, {10.0, 13.0, 11.0, 14.0, 12.0, 15.0}}}
		equal(t, reader+", columns sample by sample", open(plain, map[string]string{"layout": "NTC"}), examples[:2])
	}
	image := data.Want{{Shape: []int{2, 2, 3}}}
	raw := make([]byte, 24)
	for i := range 24 {
		channel, place := i%2, i/2%6
		raw[i] = byte(100*(i/12) + 6*channel + place)
	}
	root := fstest.MapFS{"x.npy": {Data: npyBytes("|u1", "2, 2, 3, 2", raw)}}
	refused(t, "npy", root, image, nil, "the column x", "axes [2 3 2]", "wants [2 2 3]", `layout: "NHWC"`)
	got := rows(t, "npy", root, image, map[string]string{"layout": "NHWC"})
	equal(t, "pictures", got[:1], []string{"[0 1 2 3 4 5 6 7 8 9 10 11] [0]"})
}

// Arrow's tensors are read as they are meant, or refused: not in the order in which they are stored.
func TestArrowTensors(t *testing.T) {
	want := data.Want{{Shape: []int{2, 3}}}
	for name, layout := range map[string]string{"tensor.parquet": "", "tensor-permuted.parquet": "", "tensor-last.parquet": "NTC", "tensor-swapped.parquet": ""} {
		root, expect := madeFiles(t, name)
		shape := want
		if name == "tensor-swapped.parquet" {
			shape = data.Want{{Shape: []int{2, 3, 4}}}
		}
		got := rows(t, "parquet", root, shape, map[string]string{"layout": layout})
		var examples []string
		for _, r := range expect[name] {
			text := flatText(r["x"])
			if layout != "" { // of [3, 2]
				var turned []any
				for c := range 2 {
					for _, x := range r["x"].([]any) {
						turned = append(turned, x.([]any)[c])
					}
				}
				text = flatText(turned)
			}
			examples = append(examples, text+" [0]")
		}
		equal(t, name, got, examples)
	}
	root, _ := madeFiles(t, "tensor-places.parquet") // wherever they are
	_, expect := madeFiles(t, "tensor-permuted.parquet")
	for _, column := range []string{"x.y", "s.t"} {
		var examples []string
		for _, r := range expect["tensor-permuted.parquet"] {
			examples = append(examples, flatText(r["x"])+" [0]")
		}
		equal(t, column, rows(t, "parquet", root, want, map[string]string{"columns": column}), examples)
	}
	refused(t, "parquet", root, want, map[string]string{"columns": "l"}, "the column l has lists of tensors")
	root, _ = madeFiles(t, "tensor-last.parquet")
	refused(t, "parquet", root, want, map[string]string{"test_fraction": "0.5"}, "the column x", "axes [3 2]", `layout: "NTC"`)
	root, _ = madeFiles(t, "tensor-cycle.parquet")
	refused(t, "parquet", root, data.Want{{Shape: []int{2, 4, 3}}}, nil, "tensor-cycle.parquet", "column x", "permutation")
}

// An array of whole examples needs no window: 0. One of samples in time gets the model's.
func TestDefaultWindow(t *testing.T) {
	want := data.Want{{Shape: []int{2, 3}}}
	whole, samples := records{columns: []string{"x"}}, records{columns: []string{"x"}}
	for i := range 12 {
		v := float64(i)
		whole.rows = append(whole.rows, []any{[]float64{v, v + 1, v + 2, v + 3, v + 4, v + 5}})
		samples.rows = append(samples.rows, []any{[]float64{v, v + 100}})
	}
	for _, reader := range []string{"jsonl", "npy", "parquet", "tfrecord"} {
		got, _ := read(t, reader, folderOf(t, reader, map[string]records{"0": whole}), want, map[string]string{"split": "last"})
		if len(got.train)+len(got.test) != 12 || got.train[1] != "[1 2 3 4 5 6] [0]" {
			t.Errorf("%s, whole examples: %v", reader, got)
		}
		got, _ = read(t, reader, folderOf(t, reader, map[string]records{"0": samples}), want, map[string]string{"stride": "3", "test_fraction": "0.5"})
		equal(t, reader+", samples", got.train, []string{"[0 1 2 100 101 102] [0]", "[3 4 5 103 104 105] [0]"})
		for i := range whole.rows {
			whole.rows[i][0] = whole.rows[i][0].([]float64)[:4]
		}
		refused(t, reader, folderOf(t, reader, map[string]records{"0": whole}), want, nil, "has 4 values", "window: 0", "wants 2 of each of 3 rows")
		for i := range whole.rows {
			v := float64(i)
			whole.rows[i][0] = []float64{v, v + 1, v + 2, v + 3, v + 4, v + 5}
		}
	}
	refused(t, "csv", fstest.MapFS{"a.csv": file("x\n1\n2\n3\n4\n")}, row(4), nil, "has 1 values", "window: 4")
	refused(t, "npy", fstest.MapFS{"x.npy": {Data: npyBytes("|u1", "2, 9", make([]byte, 18))}}, want, nil, "has 9 values", "x.T")
	refused(t, "npy", fstest.MapFS{"x.npy": {Data: npyBytes("|u1", "9, 2", make([]byte, 18))}}, want, map[string]string{"layout": "NTC"}, "option layout", "windows")
}

// A model's columns are found by name in whatever data it is used on.
func TestSchemaOfTheModel(t *testing.T) {
	everyReader(t, func(t *testing.T, reader string) {
		open := func(r records, options map[string]string, l data.Learned) ([]string, data.Learned, error) {
			o := map[string]string{"label": "y", "split": "last", "test_fraction": "0.4"}
			for k, v := range options {
				o[k] = v
			}
			train, test, err := data.Open(reader, o, folderOf(t, reader, map[string]records{"0": r}), "folder", row(2), data.OpenOptions{Learned: l})
			if err != nil {
				return nil, data.Learned{}, err
			}
			return append(all(t, train, row(2)), all(t, test, row(2))...), data.LearnedOf(train), nil
		}
		first := records{[]string{"a", "b", "y"}, [][]any{{1.0, 2.0, "u"}, {3.0, 4.0, "v"}, {5.0, 6.0, "w"}}}
		_, l, err := open(first, nil, data.Learned{})
		if err != nil {
			t.Fatal(err)
		}
		text, _ := json.Marshal(l)
		var kept data.Learned
		if err := json.Unmarshal(text, &kept); err != nil || kept.Schema == nil || !slices.Equal(kept.Schema.Names(), []string{"a", "b"}) || !slices.Equal(kept.Schema.Classes, []string{"u", "v", "w"}) {
			t.Fatalf("kept %s, %v", text, err)
		}
		// Another order, one column more, fewer classes.
		got, again, err := open(records{[]string{"more", "b", "y", "a"}, [][]any{{0.0, 8.0, "w", 7.0}, {0.0, 10.0, "v", 9.0}}}, nil, kept)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "by name", got, []string{"[7 8] [2]", "[9 10] [1]"})
		if !slices.Equal(again.Schema.Names(), []string{"a", "b"}) {
			t.Errorf("the schema of the model's columns is %v", again.Schema.Names())
		}
		// Other classes are those of the data.
		got, _, err = open(records{[]string{"b", "y", "a"}, [][]any{{8.0, "z", 7.0}, {10.0, "v", 9.0}}}, nil, kept)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "other classes", got, []string{"[7 8] [1]", "[9 10] [0]"})
		other := records{[]string{"b", "y", "c"}, [][]any{{8.0, "w", 7.0}, {10.0, "v", 9.0}}}
		if _, _, err := open(other, nil, kept); err == nil || !strings.Contains(err.Error(), `0`+writers[reader].ending+`: has no column "a", which the model was trained with`) {
			t.Errorf("a column that is missing: %v", err)
		}
		if got, _, err = open(other, map[string]string{"columns": "c,b"}, kept); err != nil || got[0] != "[7 8] [2]" {
			t.Errorf("columns that the user names: %v, %v", got, err)
		}
		// Columns that were chosen from more are the model's wherever nobody chooses others.
		_, chosen, err := open(records{[]string{"n", "a", "y", "b"}, [][]any{{6.0, 1.0, "u", 2.0}, {6.0, 3.0, "v", 4.0}, {6.0, 5.0, "w", 6.0}}}, map[string]string{"columns": "b,a"}, data.Learned{})
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err = open(records{[]string{"n", "a", "y", "b"}, [][]any{{0.0, 7.0, "w", 8.0}, {0.0, 9.0, "v", 10.0}}}, nil, chosen); err != nil || !slices.Equal(got, []string{"[8 7] [2]", "[10 9] [1]"}) {
			t.Errorf("columns that nobody chooses: %v, %v", got, err)
		}
		if reader == "parquet" || reader == "npy" {
			texts := records{[]string{"a", "y", "b"}, [][]any{{"x", "w", 7.0}, {"x", "v", 9.0}}}
			if _, _, err := open(texts, nil, kept); err == nil || !strings.Contains(err.Error(), "column a is of the type text, expected float64, with which the model was trained") {
				t.Errorf("a column of another type: %v", err)
			}
		}
	})
}

// Recordings shorter than the window are counted and named, filled up, or refused.
func TestShortRecordings(t *testing.T) {
	want := data.Want{{Shape: []int{2, 3}}}
	everyReader(t, func(t *testing.T, reader string) {
		long, short := records{columns: []string{"a", "b", "y"}}, records{columns: []string{"a", "b", "y"}}
		for i := range 6 {
			long.rows = append(long.rows, []any{float64(i), float64(10 + i), int64(0)})
		}
		short.rows = [][]any{{1.0, 2.0, int64(1)}, {3.0, 4.0, int64(1)}}
		files := map[string]records{"0": long, "1": short, "2": short, "t": long}
		root, test := folderOf(t, reader, files), "t"+writers[reader].ending
		open := func(options map[string]string) (opened, []string) {
			var notes []string
			o := map[string]string{"label": "y", "window": "3", "stride": "3", "test": test}
			maps.Copy(o, options)
			train, part, err := data.Open(reader, o, root, "folder", want, data.OpenOptions{Note: func(text string) { notes = append(notes, text) }})
			if err != nil {
				t.Fatal(err)
			}
			return opened{all(t, train, want), all(t, part, want)}, notes
		}
		whole := []string{"[0 1 2 10 11 12] [0]", "[3 4 5 13 14 15] [0]"}
		got, notes := open(nil)
		equal(t, "skipped", got.train, whole)
		name := "1" + writers[reader].ending
		if len(notes) != 1 || !strings.Contains(notes[0], "2 of 4 recordings") || !strings.Contains(notes[0], name+" (2)") || !strings.Contains(notes[0], "short: pad") {
			t.Errorf("notes %q", notes)
		}
		got, notes = open(map[string]string{"short": "pad"})
		equal(t, "filled up", got.train, append(whole, "[1 3 0 2 4 0] [1]", "[1 3 0 2 4 0] [1]"))
		if len(notes) != 1 || !strings.Contains(notes[0], "filled up") {
			t.Errorf("notes %q", notes)
		}
		got, _ = open(map[string]string{"short": "pad", "standardize": "true"}) // the mean is 0
		if r := got.train[2]; !strings.Contains(r, " 0 -") || !strings.HasSuffix(r, " 0] [1]") {
			t.Errorf("filled up with the mean: %s", r)
		}
		got, _ = open(map[string]string{"short": "pad", "split": "last", "test": "", "test_fraction": "0.5"}) // a part of a recording is none
		if len(got.train) != 2 || len(got.test) != 2 {
			t.Errorf("split: %d and %d", len(got.train), len(got.test))
		}
		refused(t, reader, root, want, map[string]string{"label": "y", "window": "3", "short": "error"}, name, "2 good rows", "short: pad or skip")
	})
}
