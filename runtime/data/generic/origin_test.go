package generic

import (
	"bytes"
	"fmt"
	"image/color"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/parquet-go/parquet-go"

	"mspecc/runtime/data"
)

// told opens a data set that carries columns along, with bad records left out, and gives what each example is told to
// be as ID, group and columns, behind its values or tokens; training before testing.
func told(t *testing.T, reader string, root fstest.MapFS, want data.Want, options map[string]string, columns ...string) map[string]string {
	t.Helper()
	train, test, err := data.Open(reader, options, root, "folder", want, data.OpenOptions{Seed: 5, Columns: columns, Skip: &data.Skip{Limit: 50}})
	if err != nil {
		t.Fatal(reader, err)
	}
	out := map[string]string{}
	for _, set := range []data.Dataset{train, test} {
		e := data.NewExample(want, set.Labels())
		for i := range set.Len() {
			if err := set.Example(i, 0, e); err != nil {
				t.Fatal(reader, err)
			}
			o, err := data.OriginOf(set, i, 0)
			if err != nil {
				t.Fatal(reader, err)
			}
			values := fmt.Sprint(e.X)
			if len(e.Tokens) > 0 {
				values = fmt.Sprint(e.Tokens)
			}
			id := o.ID()
			if _, twice := out[id]; twice {
				t.Errorf("%s: two examples are %s", reader, id)
			}
			out[id] = strings.TrimSpace(strings.Join(append([]string{values, o.Group}, o.Columns...), " "))
		}
	}
	return out
}

// tableText writes 30 rows as CSV and as JSON lines: v counts them from first on, every seventh lacks its value.
func tableText(first int) (csv, jsonl string) {
	var a, b strings.Builder
	a.WriteString("v,name,who,time\n")
	for i := first; i < first+30; i++ {
		v := fmt.Sprint(i)
		if i%7 == 3 {
			v = `"?"`
		}
		fmt.Fprintf(&a, "%s,n%d,p%d,\"t, %d\"\n", strings.Trim(v, `"`), i, i/4, i)
		fmt.Fprintf(&b, "{\"v\": %s, \"name\": \"n%d\", \"who\": \"p%d\", \"time\": \"t, %d\"}\n", v, i, i/4, i)
	}
	return a.String(), b.String()
}

type parquetRow struct {
	V    *float64 `parquet:"v,optional"`
	Name string   `parquet:"name"`
	Who  string   `parquet:"who"`
	Time string   `parquet:"time"`
}

func parquetText(t *testing.T, first int) []byte {
	t.Helper()
	var rows []parquetRow
	for i := first; i < first+30; i++ {
		r := parquetRow{Name: fmt.Sprint("n", i), Who: fmt.Sprint("p", i/4), Time: fmt.Sprint("t, ", i)}
		if v := float64(i); i%7 != 3 {
			r.V = &v
		}
		rows = append(rows, r)
	}
	var b bytes.Buffer
	if err := parquet.Write(&b, rows); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The id of an example is its own, in every reader of tables, whatever is left out and however the data are split; so are its
// group and the columns asked for.
func TestOriginsOfTables(t *testing.T) {
	csvA, jsonA := tableText(0)
	csvB, jsonB := tableText(100)
	for reader, files := range map[string][2][]byte{"csv": {[]byte(csvA), []byte(csvB)}, "jsonl": {[]byte(jsonA), []byte(jsonB)}, "parquet": {parquetText(t, 0), parquetText(t, 100)}} {
		root := fstest.MapFS{"a." + reader: {Data: files[0]}, "d/b." + reader: {Data: files[1]}}
		for _, missing := range []string{"drop", "error"} {
			for _, o := range []map[string]string{{"split": "random", "test_fraction": "0.3"}, {"split": "last", "test_fraction": "0.3"}, {"split": "by who", "test_fraction": "0.3"}, {"test": "b." + reader}, {"id": "name"}} {
				o["columns"], o["missing"] = "v", missing
				got := told(t, reader, root, row(1), o, "time", "name")
				if len(got) != 51 {
					t.Errorf("%s %v: %d examples, expected 51: %v", reader, o, len(got), got)
				}
				for k, file := range []string{"a." + reader, "d/b." + reader} {
					for i := range 30 {
						v := 100*k + i
						id, group := fmt.Sprintf("%s:%d", file, i), ""
						if o["id"] != "" {
							id = fmt.Sprint("n", v)
						}
						if o["split"] == "by who" {
							group = fmt.Sprintf("p%d", v/4)
						}
						want := fmt.Sprintf("[%d] %s t, %d n%d", v, group, v, v)
						if v%7 == 3 {
							want = ""
						}
						if got[id] != want {
							t.Errorf("%s %v: %s is %q, expected %q", reader, o, id, got[id], want)
						}
					}
				}
			}
		}
		// Windows are of rows, which have names only one by one.
		got := told(t, reader, root, data.Want{{Shape: []int{1, 3}}}, map[string]string{"columns": "v", "missing": "drop", "window": "3", "stride": "2", "split": "by file", "test_fraction": "0.5", "id": "name"}, "time")
		if w := got["d/b."+reader+":4-6"]; w != "[104 105 106] d/b."+reader+" t, 104" || got["a."+reader+":2-4"] != "" || len(got) < 12 {
			t.Errorf("%s: windows %v", reader, got)
		}
		_, _, err := data.Open(reader, map[string]string{"columns": "v", "missing": "drop"}, root, "folder", row(1), data.OpenOptions{Columns: []string{"tme"}})
		if err == nil || !strings.Contains(err.Error(), `no column "tme" to carry along; its columns are v, name, who, time`) {
			t.Errorf("%s: a column that is not there: %v", reader, err)
		}
	}
}

// Arrays, records of TensorFlow, texts, sequences and files.
func TestOriginsOfOtherFiles(t *testing.T) {
	expect := func(what string, got map[string]string, want ...string) {
		t.Helper()
		if len(got) != len(want)/2 {
			t.Errorf("%s: %v, expected %v", what, got, want)
		}
		for i := 0; i < len(want); i += 2 {
			if got[want[i]] != want[i+1] {
				t.Errorf("%s: %s is %q, expected %q", what, want[i], got[want[i]], want[i+1])
			}
		}
	}
	npz, err := os.ReadFile("testdata/stored.npz")
	if err != nil {
		t.Fatal(err)
	}
	got := told(t, "npy", fstest.MapFS{"s/a.npz": {Data: npz}}, data.Want{{Shape: []int{1}}}, map[string]string{"columns": "k", "test_fraction": "0.5"}, "y")
	for i := range 6 {
		if o := got[fmt.Sprint("s/a.npz:", i)]; !strings.HasPrefix(o, fmt.Sprintf("[%d] ", i)) {
			t.Errorf("npz: %v", got)
		}
	}
	records := tfRecords(tfExample(1, 2, 3), []byte{1, 2, 3}, tfExample(0, 4, 5), tfExample(0, 6, 7))
	expect("tfrecord", told(t, "tfrecord", fstest.MapFS{"a.tfrecord": {Data: records}}, row(2), map[string]string{"columns": "x", "test_fraction": "0.4"}, "y"),
		"a.tfrecord:0", "[2 3]  1", "a.tfrecord:2", "[4 5]  0", "a.tfrecord:3", "[6 7]  0")
	expect("texts", told(t, "csv", fstest.MapFS{"a.csv": file("t,z\na,1\nb,2\nc,3\nd,4\n")}, words(1, 8), map[string]string{"columns": "t", "alphabet": "abc", "test_fraction": "0.4"}, "z"),
		"a.csv:0", "[0]  1", "a.csv:1", "[1]  2", "a.csv:2", "[2]  3") // d is not in the alphabet

	fasta := fstest.MapFS{"a.fa": file(">r1 of=x\nACGT\n>r2 of=y\nAXC\n>r3 of=y\nGG\n"), "b.fq": file("@r1 of=z\nTTTT\n+\nIIII\n")}
	expect("fasta", told(t, "fasta", fasta, words(2, 4), map[string]string{"split": "by of=", "test_fraction": "0.4"}),
		"a.fa:r1", "[0 1] x", "a.fa:r3", "[2 2] y", "b.fq:r1", "[3 3] z")
	expect("windows of sequences", told(t, "fasta", fasta, words(2, 4), map[string]string{"stride": "2", "unknown": "drop", "test": "b.fq"}),
		"a.fa:r1:0-1", "[0 1]", "a.fa:r1:2-3", "[2 3]", "a.fa:r3:0-1", "[2 2]", "b.fq:r1:0-1", "[3 3]", "b.fq:r1:2-3", "[3 3]")
	expect("sequences without names", told(t, "fasta", fstest.MapFS{"a.fa": file(">\nAC\n>\nGG\n>\nTT\n")}, words(2, 4), map[string]string{"unique": "false", "test_fraction": "0.4"}),
		"a.fa:0", "[0 1]", "a.fa:1", "[2 2]", "a.fa:2", "[3 3]")

	sounds := fstest.MapFS{}
	for _, name := range []string{"a", "b"} {
		var samples []int16
		for k := range 7 {
			samples = append(samples, int16(k*1024))
		}
		sounds[name+".wav"] = &fstest.MapFile{Data: wav(100, samples...)}
	}
	options := map[string]string{"label": "none", "test_fraction": "0.5", "cut": "head"}
	expect("recordings", told(t, "audio", sounds, data.Want{{Shape: []int{1, 3}}}, options), "a.wav", "[0 0.03125 0.0625]", "b.wav", "[0 0.03125 0.0625]")
	options["stride"] = "2"
	expect("windows of recordings", told(t, "audio", sounds, data.Want{{Shape: []int{1, 3}}}, options),
		"a.wav:0-2", "[0 0.03125 0.0625]", "a.wav:2-4", "[0.0625 0.09375 0.125]", "a.wav:4-6", "[0.125 0.15625 0.1875]",
		"b.wav:0-2", "[0 0.03125 0.0625]", "b.wav:2-4", "[0.0625 0.09375 0.125]", "b.wav:4-6", "[0.125 0.15625 0.1875]")

	red, blue := color.RGBA{255, 0, 0, 255}, color.RGBA{0, 0, 255, 255}
	pictures := fstest.MapFS{"p1/a.png": {Data: pngBytes(1, 1, red)}, "p1/b.png": {Data: pngBytes(1, 1, blue)}, "p2/a.png": {Data: pngBytes(1, 1, red)}, "p3/c.png": {Data: pngBytes(1, 1, blue)}}
	expect("images", told(t, "images", pictures, data.Want{{Shape: []int{3, 1, 1}}}, map[string]string{"label": "none", "split": "by (p[0-9])/", "test_fraction": "0.4"}),
		"p1/a.png", "[1 0 0] p1", "p1/b.png", "[0 0 1] p1", "p2/a.png", "[1 0 0] p2", "p3/c.png", "[0 0 1] p3")
	_, _, err = data.Open("images", map[string]string{"label": "none", "test_fraction": "0.4"}, pictures, "folder", data.Want{{Shape: []int{3, 1, 1}}}, data.OpenOptions{Columns: []string{"x"}})
	if err == nil || !strings.Contains(err.Error(), "no columns to carry along") {
		t.Errorf("columns of pictures: %v", err)
	}
}
