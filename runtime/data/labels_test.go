package data

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/fstest"

	"mspecc/runtime/data/tfrecord"
)

// labelsOf opens a data set and lists the labels of both parts.
func labelsOf(t *testing.T, reader string, root fstest.MapFS, want Want, options map[string]string) (out []string, labels Labels, notes []string) {
	t.Helper()
	train, test, err := Open(reader, options, root, "folder", want, OpenOptions{Note: func(text string) { notes = append(notes, text) }})
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range []Dataset{train, test} {
		e := NewExample(want, set.Labels())
		for i := range set.Len() {
			if err := set.Example(i, 0, e); err != nil {
				t.Fatal(err)
			}
			out = append(out, fmt.Sprint(e.Labels[0]))
		}
	}
	return out, train.Labels(), notes
}

// Labels keep their digits, and those that are missing are missing: nothing, NaN, -1 among classes that count from 0.
func TestLabelsOfTheOtherReaders(t *testing.T) {
	table := Want{{Shape: []int{1, 2}}}
	higgs := func(label string) fstest.MapFS {
		return fstest.MapFS{"HIGGS_train.csv": file("0,1,2\n" + label + ",3,4\n1,5,6\n"), "HIGGS_test.csv": file("1,1,2\n")}
	}
	for label, want := range map[string]string{"-1": "NaN", "nan": "NaN", "": "NaN", "1.0": "1"} {
		got, _, _ := labelsOf(t, "higgs", higgs(label), table, nil)
		if got[1] != want {
			t.Errorf("higgs, label %q: %v", label, got)
		}
	}
	got, _, _ := labelsOf(t, "higgs", higgs("1700000003"), table, map[string]string{"classes": "1"})
	if got[1] != "1.700000003e+09" {
		t.Errorf("higgs, a large number: %v", got)
	}
	got, _, _ = labelsOf(t, "higgs", higgs("-1"), table, map[string]string{"classes": "1"})
	if got[1] != "-1" {
		t.Errorf("higgs, -1 to regress: %v", got)
	}

	signal := Want{{Shape: []int{1, 2}}}
	recording := func(labels ...string) *fstest.MapFile {
		text := "x_acc,label\n"
		for _, l := range labels {
			text += "1," + l + "\n2," + l + "\n"
		}
		return file(text)
	}
	options := map[string]string{"columns": "x_acc", "stride": "2", "standardize": "false"}
	for _, c := range []struct {
		labels []string
		want   string
		names  string
	}{
		{[]string{"0", "-1", "10", "2", ""}, "0 NaN 2 1 NaN 0", "[0 2 10]"},
		{[]string{"0.0", "2", "2.0", "nan", "0"}, "0 1 1 NaN 0 0", "[0 2]"},
		{[]string{"b", "a", "", "NaN", "b"}, "2 1 NaN NaN 2 0", "[0 a b]"},
	} {
		root := fstest.MapFS{"s01_1_sp.csv": recording(c.labels...), "s02_1_sp.csv": recording("0")}
		got, labels, notes := labelsOf(t, "sensor_csv", root, signal, options)
		if strings.Join(got, " ") != c.want || fmt.Sprint(labels.Names) != c.names || len(notes) != 1 || !strings.Contains(notes[0], "have no label") {
			t.Errorf("sensor_csv %v: labels %v, %v, notes %q", c.labels, got, labels, notes)
		}
	}
	root := fstest.MapFS{"s01_1_sp.csv": recording("0", "1"), "s01_2_sp.csv": file("x_acc,label\n1,0\n"), "s02_1_sp.csv": recording("0")}
	if _, _, notes := labelsOf(t, "sensor_csv", root, signal, options); len(notes) != 1 || !strings.Contains(notes[0], "1 of 3 recordings") || !strings.Contains(notes[0], "s01_2_sp.csv") {
		t.Errorf("a short recording: notes %q", notes)
	}

	root["s01_3_sp.csv"] = file("")
	if _, _, notes := labelsOf(t, "sensor_csv", root, signal, options); len(notes) != 2 || notes[0] != "s01_3_sp.csv is empty" {
		t.Errorf("an empty recording: notes %q", notes)
	}

	example := func(y int64) []byte {
		feature := func(name string, list []byte) []byte {
			return wireOf(1, append(wireOf(1, []byte(name)), wireOf(2, list)...))
		}
		return wireOf(1, append(feature("x", wireOf(1, wireOf(1, []byte("0 1 2")))), feature("y", wireOf(3, binary.AppendUvarint([]byte{1 << 3}, uint64(y))))...))
	}
	var records []byte
	for _, y := range []int64{0, -1, 3} {
		r := example(y)
		head := binary.LittleEndian.AppendUint64(nil, uint64(len(r)))
		records = append(records, binary.LittleEndian.AppendUint32(head, tfrecord.Checksum(head))...)
		records = append(records, binary.LittleEndian.AppendUint32(r, tfrecord.Checksum(r))...)
	}
	dna := fstest.MapFS{"a.tfrecord": {Data: records}, "b.tfrecord": file("")}
	got, _, notes := labelsOf(t, "genomics", dna, Want{{Shape: []int{3}, Tokens: true, Vocab: 4}}, map[string]string{"train": "*.tfrecord", "test": "a.tfrecord", "classes": "4"})
	if strings.Join(got[:3], " ") != "0 NaN 3" || len(notes) != 1 || notes[0] != "b.tfrecord is empty" {
		t.Errorf("genomics: %v, notes %q", got, notes)
	}
}

// wireOf is a field of a message.
func wireOf(number int, payload []byte) []byte {
	return append(binary.AppendUvarint([]byte{byte(number<<3 | 2)}, uint64(len(payload))), payload...)
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

// What numbers of labels become as classes.
func TestClasses(t *testing.T) {
	for _, c := range []struct{ found, names, ranks string }{
		{"b a c", "[a b c]", "[1 0 2]"},
		{"10 9 0 9.0 00 1e1", "[0 9 10]", "[2 1 0 1 0 2]"},
		{"007 1.0 02", "[1.0 02 007]", "[2 0 1]"},
		{"True FALSE true", "[FALSE true]", "[1 0 1]"},
		{"True False None", "[False True]", "[1 0 NaN]"},
		{"True False 1", "[1 False True]", "[2 1 0]"},
		{"1 -1 0 -100", "[0 1]", "[1 NaN 0 NaN]"},
		{"1 -1", "[-1 1]", "[1 0]"},
		{"1 -1 -2 0", "[-2 -1 0 1]", "[3 1 0 2]"},
		{"0 1 NA none", "[0 1]", "[0 1 NaN NaN]"},
		{"0 none x", "[0 none x]", "[0 1 2]"},
		{"0.5 -1 0", "[-1 0 0.5]", "[2 0 1]"},
		{"9007199254740993 9007199254740992 -1 0", "[0 9007199254740992 9007199254740993]", "[2 1 NaN 0]"},
	} {
		classes := NewClasses(nil)
		for _, name := range strings.Fields(c.found) {
			if _, ok := classes.ID(name); !ok {
				t.Fatalf("%q is refused", name)
			}
		}
		if got := fmt.Sprint(classes.Names()); got != c.names {
			t.Errorf("%s: classes %s, expected %s", c.found, got, c.names)
		}
		if got := fmt.Sprint(classes.Ranks()); got != c.ranks {
			t.Errorf("%s: ranks %s, expected %s", c.found, got, c.ranks)
		}
	}
	trained := NewClasses(nil)
	trained.Order = []string{"0.0", "1.0", "2.0"}
	for _, name := range []string{"2", "1"} {
		trained.ID(name)
	}
	if fmt.Sprint(trained.Names(), trained.Ranks()) != "[0.0 1.0 2.0] [2 1]" {
		t.Errorf("classes of the model: %v, ranks %v", trained.Names(), trained.Ranks())
	}
	given := NewClasses([]string{"1.0", "0"})
	for name, want := range map[string]float64{"1": 0, "1.0": 0, "0.0": 1, "-1": math.NaN(), "": math.NaN()} {
		id, ok := given.ID(name)
		if got := given.Class(id); !ok || got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("label %q: %v, %v, expected %v", name, got, ok, want)
		}
	}
	if _, ok := given.ID("2"); ok {
		t.Error("a label that is none of the classes is taken")
	}
}
