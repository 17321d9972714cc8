package data

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/fstest"

	"mspecc/runtime/data/tfrecord"
)

func mapFile(b []byte) *fstest.MapFile { return &fstest.MapFile{Data: b} }

// idxBytes is an IDX file of the dimensions with the values i mod 10.
func idxBytes(dims ...int) []byte {
	b := []byte{0, 0, 8, byte(len(dims))}
	n := 1
	for _, d := range dims {
		b = binary.BigEndian.AppendUint32(b, uint32(d))
		n *= d
	}
	for i := range n {
		b = append(b, byte(i%10))
	}
	return b
}

func gz(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

var idxFiles = fstest.MapFS{
	"train-images-idx3-ubyte": mapFile(idxBytes(3, 2, 2)), "train-labels-idx1-ubyte": mapFile(idxBytes(3)),
	"t10k-images-idx3-ubyte": mapFile(idxBytes(2, 2, 2)), "t10k-labels-idx1-ubyte": mapFile(idxBytes(2)),
}

func TestIDXErrors(t *testing.T) {
	want := Want{{Shape: []int{1, 2, 2}}}
	images, labels := "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
	train, _, err := Open("idx", nil, idxFiles, "f", want, OpenOptions{Seed: 0})
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, 4)
	if l, _ := take(train, 2, 0, x, nil); l != 2 || x[0] != float32(8)/255 || x[3] != float32(1)/255 {
		t.Errorf("label %v, pixels %v", l, x)
	}
	for _, c := range []struct {
		file    string
		content []byte
		parts   []string
	}{
		{images, []byte{}, []string{images, "is empty"}},
		{images, []byte("P5 28 28 "), []string{images, "50 35 20 32", "00 00 08"}},
		{images, idxBytes(3, 2, 2)[:10], []string{images, "header", "ends too early"}},
		{images, idxBytes(3, 2, 2)[:20], []string{"byte 4 of 12", "ends too early", "fetch it again"}},
		{images, append(idxBytes(3, 2, 2), 1), []string{"goes on after the 12 values"}},
		{images, idxBytes(0, 2, 2), []string{"holds no image"}},
		{images, []byte{0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}, []string{"impossibly large"}},
		{images, gz(idxBytes(3, 2, 2))[:20], []string{"ends too early"}},
		{images, append(gz(idxBytes(3, 2, 2)), 1, 2, 3), []string{"fetch it again"}},
		{images, []byte{0x1f, 0x8b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, []string{"damaged gzip header"}},
		{labels, idxBytes(4), []string{labels, "[4]", "[3]", images}},
		{labels, []byte{0, 0, 8, 1, 0, 0, 0, 3, 1, 10, 2}, []string{labels, "record 1", "label is 10", "0..9"}},
		{labels, nil, []string{labels, "not found"}},
	} {
		refused(t, "idx", nil, mutate(idxFiles, c.file, c.content), want, c.parts...)
	}
	// EMNIST letters count from 1: a setting helps, and no other copy of the file.
	emnist := mutate(idxFiles, labels, []byte{0, 0, 8, 1, 0, 0, 0, 3, 1, 26, 2})
	if _, _, err := Open("idx", nil, emnist, "f", want, OpenOptions{}); err == nil || !strings.Contains(err.Error(), "label is 26, expected 0..9; say classes: 27, as") || strings.Contains(err.Error(), "fetch") {
		t.Errorf("labels that count from 1: %v", err)
	}
	if train, _, err := Open("idx", map[string]string{"classes": "27"}, emnist, "f", want, OpenOptions{}); err != nil || train.Labels().Classes != 27 {
		t.Errorf("labels that count from 1, with classes: %v", err)
	}
	bad := mutate(mutate(idxFiles, images, nil), images+".gz", idxBytes(3, 2, 2))
	refused(t, "idx", nil, bad, want, images+".gz", "is not a gzip file")
	flipped := gz(idxBytes(3, 2, 2))
	flipped[len(flipped)-6] ^= 1 // in the CRC
	refused(t, "idx", nil, mutate(idxFiles, images, flipped), want, images, "damaged")
}

func cifarBytes(n int) []byte {
	var b []byte
	for i := range n {
		b = append(b, byte(i%10))
		b = append(b, bytes.Repeat([]byte{byte(i), byte(2 * i), 255}, 1024)...)
	}
	return b
}

func TestCIFAR10(t *testing.T) {
	want := Want{{Shape: []int{3, 32, 32}}}
	files := fstest.MapFS{"cifar-10-batches-bin/data_batch_1.bin": mapFile(cifarBytes(3)), "cifar-10-batches-bin/data_batch_2.bin": mapFile(cifarBytes(2)),
		"cifar-10-batches-bin/test_batch.bin": mapFile(cifarBytes(1))}
	train, test, err := Open("cifar10", map[string]string{"standardize": "true"}, files, "f", want, OpenOptions{Seed: 0})
	if err != nil {
		t.Fatal(err)
	}
	if train.Len() != 5 || test.Len() != 1 || train.Labels().Classes != 10 {
		t.Errorf("%d + %d examples", train.Len(), test.Len())
	}
	check(t, train, want)
	name := "cifar-10-batches-bin/data_batch_2.bin"
	refused(t, "cifar10", nil, mutate(files, name, cifarBytes(2)[:5000]), want, name, "record 1", "ends too early")
	refused(t, "cifar10", nil, mutate(files, name, nil), Want{{Shape: []int{1, 28, 28}}}, "f32[1,28,28]", "f32[3,32,32]")
	refused(t, "cifar10", nil, mutate(files, name, []byte{}), want, name, "is empty")
	wrong := cifarBytes(2)
	wrong[3073] = 10
	refused(t, "cifar10", nil, mutate(files, name, wrong), want, name, "record 1", "label is 10")
	refused(t, "cifar10", map[string]string{"test": "t*.bin"}, files, want, "t*.bin not found")
	refused(t, "cifar10", map[string]string{"test": "["}, files, want, "option test", "pattern")
}

func TestHiggsErrors(t *testing.T) {
	want := Want{{Shape: []int{1, 2}}}
	files := fstest.MapFS{"HIGGS_train.csv": mapFile([]byte("1.00E+00,2,3\r\n\r\n0,4.5,-6e2\n")), "HIGGS_test.csv": mapFile([]byte("1,2,3\n"))}
	train, _, err := Open("higgs", nil, files, "f", want, OpenOptions{Seed: 0})
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, 2)
	if l, _ := take(train, 1, 0, x, nil); l != 0 || x[0] != 4.5 || x[1] != -600 {
		t.Errorf("label %v, values %v", l, x)
	}
	pandas := mutate(files, "HIGGS_train.csv", []byte(",class_label,a,b\n0,1.0,2,3\n1,0.0,4,5\n"))
	if train, _, err := Open("higgs", nil, pandas, "f", want, OpenOptions{Seed: 0}); err != nil || train.Len() != 2 {
		t.Errorf("with header and row numbers: %v", err)
	}
	regression := mutate(files, "HIGGS_train.csv", []byte("1.5,2,3\n"))
	if train, _, err := Open("higgs", map[string]string{"classes": "1"}, regression, "f", want, OpenOptions{Seed: 0}); err != nil || train.Labels().Classes != 1 {
		t.Errorf("regression: %v", err)
	}
	for _, c := range []struct {
		content string
		parts   []string
	}{
		{"", []string{"is empty"}},
		{"label,a,b\n", []string{"holds no rows"}},
		{"1,2\n", []string{"line 1", "2 columns", "2 features"}},
		{"1,2,3\n1,2\n", []string{"line 2", "has 2 columns", "have 3"}},
		{"1,2,3\n\n1,2,x\n", []string{"line 3", "column 3", `"x"`, "finite number"}},
		{"1,2,3\n1,2,NaN\n", []string{"line 2", "column 3", `"NaN"`}},
		{"1,2,3\n1,2,1e99\n", []string{"line 2", "1e99"}},
		{"1,2,3\n1,2,1_0\n", []string{"line 2", `"1_0"`}},
		{"1,2,3\n0x0p0,2,3\n", []string{"line 2", `label is "0x0p0"`}},
		{"1,2,3\n2,2,3\n", []string{"line 2", `label is "2"`, "0..1"}},
		{"1,2,3\n0.5,2,3\n", []string{"line 2", `label is "0.5"`}},
		{"1,2," + strings.Repeat("3", maxLine), []string{"line 1", "longer than"}},
	} {
		refused(t, "higgs", nil, mutate(files, "HIGGS_train.csv", []byte(c.content)), want, append(c.parts, "HIGGS_train.csv")...)
	}
	ordered := fstest.MapFS{"HIGGS_train.csv": {Data: []byte("label,a,b\n0,1,2\n1,3,4\n")}, "HIGGS_test.csv": {Data: []byte("label,\"b\",a\n0,2,1\n")}}
	refused(t, "higgs", nil, ordered, want, "HIGGS_test.csv, line 1", `has the feature "b" where HIGGS_train.csv has "a"`, "reader csv")
	refused(t, "higgs", map[string]string{"train": "HIGGS_test.csv", "test": "HIGGS_train.csv"}, ordered, want, "HIGGS_train.csv, line 1", `has the feature "a"`)
	ordered["HIGGS_test.csv"] = &fstest.MapFile{Data: []byte("0,2,1\n")} // without a header nothing is known
	named, _, err := Open("higgs", nil, ordered, "f", want, OpenOptions{})
	if err != nil || fmt.Sprint(SchemaOf(named).Names()) != "[a b]" {
		t.Errorf("%v, %v", SchemaOf(named), err)
	}
	ordered["HIGGS_train.csv"] = &fstest.MapFile{Data: []byte("label,b,a\n0,2,1\n1,4,3\n")}
	if _, _, err := Open("higgs", nil, ordered, "f", want, OpenOptions{Learned: LearnedOf(named)}); err == nil || !strings.Contains(err.Error(), `has the feature "b" where the data that the model was trained with has "a"`) {
		t.Errorf("a model of other columns: %v", err)
	}
	refused(t, "higgs", map[string]string{"test": "split"}, files, want, "test_fraction", "leaves some of 2 examples on both sides")
	refused(t, "higgs", map[string]string{"test": "split", "test_fraction": "NaN"}, files, want, "test_fraction", "between 0 and 1")
	refused(t, "higgs", map[string]string{"classes": "0"}, files, want, "classes", "at least 1")
}

// sensorCSV is a recording of n samples with the label switching at half.
func sensorCSV(n int) []byte {
	var b strings.Builder
	b.WriteString("a,b,timestamp,label\n")
	for i := range n {
		fmt.Fprintf(&b, "%d,%d.5,%d,%s\n", i, -i, 10*i, []string{"WALK", "SIT"}[2*i/n])
	}
	return []byte(b.String())
}

func TestSensorWindows(t *testing.T) {
	want := Want{{Shape: []int{2, 4}}}
	files := fstest.MapFS{"x/s1_01_sp.csv": mapFile(sensorCSV(10)), "x/s1_02_sp.csv": mapFile(sensorCSV(3)), "s2_01_sp.csv": mapFile(sensorCSV(8)),
		"s2_01_sw.csv": mapFile([]byte("junk")), "info.csv": mapFile([]byte("junk"))}
	options := func(more ...string) map[string]string {
		o := map[string]string{"columns": "a, b", "standardize": "false", "stride": "3"}
		for i := 0; i < len(more); i += 2 {
			o[more[i]] = more[i+1]
		}
		return o
	}
	train, test, err := Open("sensor_csv", options(), files, "f", want, OpenOptions{Seed: 0})
	if err != nil {
		t.Fatal(err)
	}
	if train.Len() != 3 || test.Len() != 2 || train.Labels().Classes != 2 {
		t.Fatalf("%d + %d windows of %d classes", train.Len(), test.Len(), train.Labels().Classes)
	}
	x := make([]float32, 8)
	label, _ := take(train, 1, 0, x, nil) // samples 3..6: WALK, WALK, SIT, SIT
	if got := fmt.Sprint(label, x); got != "1 [3 4 5 6 -3.5 -4.5 -5.5 -6.5]" {
		t.Errorf("window 1 is %s", got)
	}
	train, _, err = Open("sensor_csv", options("label", "last", "classes", "WALK SIT"), files, "f", want, OpenOptions{Seed: 0})
	if err != nil {
		t.Fatal(err)
	}
	if label, _ = take(train, 1, 0, x, nil); label != 1 {
		t.Errorf("last label is %v, expected 1 (SIT)", label)
	}
	if train, _, err = Open("sensor_csv", options("label_column", "none"), files, "f", want, OpenOptions{Seed: 0}); err != nil || train.Labels().Classes != 0 {
		t.Errorf("without labels: %v", err)
	}
	refused(t, "sensor_csv", options("device", "watch"), files, want, "device", "sp, sw or both")
	refused(t, "sensor_csv", options("device", "both"), files, want, "s2_01_sw.csv", "line 1", `no column "a"`)
	refused(t, "sensor_csv", options("test_subjects", "s3"), files, want, "test_subjects", "s1, s2")
	refused(t, "sensor_csv", options("test_subjects", "s1,s2"), files, want, "none would be left")
	refused(t, "sensor_csv", options("window", "5"), files, want, "window", "4")
	refused(t, "sensor_csv", options("stride", "0"), files, want, "stride", "at least 1")
	refused(t, "sensor_csv", options("label", "first"), files, want, "majority or last")
	refused(t, "sensor_csv", options("classes", "WALK"), files, want, "s2_01_sp.csv", "line 6", `"SIT"`)
	refused(t, "sensor_csv", options(), files, Want{{Shape: []int{2, 9}}}, "no test recording has 9 samples")
	refused(t, "sensor_csv", options(), fstest.MapFS{"a_b.csv": mapFile(nil)}, want, "SUBJECT_RUN_sp.csv", "not found")
	refused(t, "sensor_csv", options(), mutate(files, "s2_01_sp.csv", []byte{}), want, "no test recording has 4 samples")
	for content, part := range map[string]string{
		"a,b,c\n":                    `no column "label"`,
		"a,b,label\n1,2\n":           "has 2 columns, the header has 3",
		"a,b,label\n1,inf,X\n":       `column 2 is "inf"`,
		"a,b,label\n1,2,\xe9\n":      "is not UTF-8",
		"a,b,label\n1,2,X\n1,,WALK":  `line 3: column 2 is ""`,
		"a,b,label\n1,2,X\n1,\x00,Y": "line 3",
	} {
		refused(t, "sensor_csv", options(), mutate(files, "s2_01_sp.csv", []byte(content)), want, "s2_01_sp.csv", part)
	}
}

// pamapBytes is a recording of n rows; the activity changes every 20 rows, channel c counts rows + c, and
// heart rate is known in every third row only.
func pamapBytes(n int, activities ...int) []byte {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%.2f %d", 5+0.01*float64(i), activities[i/20%len(activities)])
		for c := range pamapChannels {
			if c == 0 && i%3 != 1 {
				b.WriteString(" NaN")
			} else {
				fmt.Fprintf(&b, " %d", i+c)
			}
		}
		b.WriteByte('\n')
	}
	return []byte(b.String())
}

func TestPAMAP2(t *testing.T) {
	want := Want{{Shape: []int{52, 8}}}
	files := fstest.MapFS{"Protocol/subject101.dat": mapFile(pamapBytes(59, 0, 1, 24)), "Protocol/subject105.dat": mapFile(gz(pamapBytes(50, 1, 5)))}
	options := map[string]string{"train_subjects": "101", "test_subjects": "105", "train_items": "200", "test_items": "30"}
	train, test, err := Open("pamap2", options, files, "f", want, OpenOptions{Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	if train.Len() != 200 || test.Len() != 30 || train.Labels().Classes != 12 {
		t.Fatalf("%d + %d windows of %d classes", train.Len(), test.Len(), train.Labels().Classes)
	}
	if n := check(t, train, want); n[0] == 0 || n[11] == 0 || n[0]+n[11] != 200 {
		t.Errorf("training classes %v", n)
	}
	x, y := make([]float32, want.Values()), make([]float32, want.Values())
	different := 0
	for i := range 200 {
		label, _ := take(train, i, 3, x, nil)
		start := float32(20)
		if label == 11 {
			start = 40
		}
		if x[0] < start || x[0] > start+12 {
			t.Fatalf("window %d of class %v starts at row %v", i, label, x[0])
		}
		for c := range 52 {
			for s := range 8 {
				if x[c*8+s] != x[0]+float32(c+s) {
					t.Fatalf("window %d, channel %d, sample %d: %v; the gaps are not filled linearly or the order is wrong", i, c, s, x[c*8+s])
				}
			}
		}
		if take(train, i, 4, y, nil); y[0] != x[0] {
			different++
		}
	}
	if different < 150 {
		t.Errorf("only %d of 200 windows differ between epochs", different)
	}
	for i := range 30 {
		take(test, i, 0, x, nil)
		if take(test, i, 9, y, nil); x[0] != y[0] {
			t.Errorf("test window %d depends on the epoch", i)
		}
	}
	name := "Protocol/subject101.dat"
	line := strings.Repeat(" 1", 52) + "\n"
	for content, part := range map[string]string{
		"":                                       "subject101.dat: is empty",
		" \n":                                    "holds no rows",
		"1 1 1\n":                                "line 1: has 3 columns, expected 54",
		"1 x" + line:                             `line 1: column 2 is "x"`,
		"1 1" + line + "1 1 a" + line[2:]:        `line 2: column 3 is "a"`,
		"1 1 NaN" + line[2:]:                     "column 3 has no number",
		"1 1" + line:                             "no activity of the train subjects has 8 rows",
		"1 1" + line + "1 1 infinity" + line[2:]: `column 3 is "infinity"`,
	} {
		refused(t, "pamap2", options, mutate(files, name, []byte(content)), want, part)
	}
	refused(t, "pamap2", nil, files, want, "subject102.dat not found", "train_subjects")
	refused(t, "pamap2", map[string]string{"activities": "1,1"}, files, want, "activities")
	refused(t, "pamap2", map[string]string{"train_items": "-1"}, files, want, "train_items")
}

// Gaps are filled in linearly in time, also across what is filled in at once, in memory and in a file.
func TestGaps(t *testing.T) {
	nan := float32(math.NaN())
	for _, room := range []int64{1 << 20, 0} {
		f := newGapFiller((&Source{memory: room}).NewSpool(), 2)
		const n = 3*gapRows + 7
		for i := range n {
			row := []float32{nan, nan}
			switch {
			case i == 1, i == 4, i == n-2:
				row[0] = float32(10 * i)
			}
			if i >= 3 {
				row[1] = float32(i)
			}
			if err := f.add(row); err != nil {
				t.Fatal(err)
			}
		}
		first, empty, err := f.finish()
		if first != 3 || empty != -1 || err != nil {
			t.Fatalf("first row %d, empty column %d, %v", first, empty, err)
		}
		raw, got := make([]byte, 8*n), make([]float32, 2*n)
		if _, err := f.spool.ReadAt(raw, 0); err != nil {
			t.Fatal(err)
		}
		for i := range got {
			got[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
		for i := range n {
			want := float32(10 * min(i, n-2))
			if i == 0 && got[0] == got[0] || i > 0 && !(math.Abs(float64(got[2*i]-want)) <= 1e-2) {
				t.Fatalf("row %d is %v, expected %v", i, got[2*i], want)
			}
		}
	}
	f := newGapFiller((&Source{memory: 1 << 20}).NewSpool(), 2)
	_ = f.add([]float32{1, nan})
	if _, empty, _ := f.finish(); empty != 1 {
		t.Errorf("column without numbers is %d, expected 1", empty)
	}
}

// tfexample encodes a tf.train.Example with features x (bytes) and y (int64).
func tfexample(x string, y int64, packed bool) []byte {
	chunk := func(number int, b []byte) []byte {
		return append(binary.AppendUvarint([]byte{byte(number<<3 | 2)}, uint64(len(b))), b...)
	}
	entry := func(name string, value []byte) []byte {
		return chunk(1, append(chunk(1, []byte(name)), chunk(2, value)...))
	}
	label := binary.AppendUvarint([]byte{8}, uint64(y))
	if packed {
		label = chunk(1, binary.AppendUvarint(nil, uint64(y)))
	}
	return chunk(1, append(entry("x", chunk(1, chunk(1, []byte(x)))), entry("y", chunk(3, label))...))
}

func tfrecords(records ...[]byte) []byte {
	var b []byte
	for _, r := range records {
		head := binary.LittleEndian.AppendUint64(nil, uint64(len(r)))
		b = append(b, head...)
		b = binary.LittleEndian.AppendUint32(b, tfrecord.Checksum(head))
		b = append(b, r...)
		b = binary.LittleEndian.AppendUint32(b, tfrecord.Checksum(r))
	}
	return b
}

func TestGenomicsErrors(t *testing.T) {
	want := Want{{Shape: []int{3}, Tokens: true, Vocab: 4}}
	good := tfrecords(tfexample("0 1 2", 3, true), tfexample("3 3 3", 9, false))
	name := "before_2011_in_tr/a.tfrecord"
	files := fstest.MapFS{name: mapFile(good), "between_2011-2016_in_val/a.tfrecord-00000-of-00001": mapFile(good)}
	train, _, err := Open("genomics", nil, files, "f", want, OpenOptions{Seed: 0})
	if err != nil {
		t.Fatal(err)
	}
	tok := make([]int32, 3)
	if l, _ := take(train, 1, 0, nil, tok); l != 9 || fmt.Sprint(tok) != "[3 3 3]" {
		t.Errorf("label %v, tokens %v", l, tok)
	}
	flip := func(at int) []byte {
		b := bytes.Clone(good)
		b[at] ^= 0x10
		return b
	}
	for _, c := range []struct {
		content []byte
		parts   []string
	}{
		{[]byte{}, []string{"is empty"}},
		{good[:5], []string{"record 0", "ends too early"}},
		{good[:30], []string{"record 0", "ends too early"}},
		{good[:len(good)-2], []string{"record 1", "ends too early"}},
		{flip(0), []string{"record 0", "length's CRC-32C"}},
		{flip(20), []string{"record 0", "data's CRC-32C"}},
		{tfrecords([]byte{0xff}), []string{"record 0", "no tf.train.Example"}},
		{tfrecords([]byte{}), []string{"record 0", "lacks feature x"}},
		{tfrecords(tfexample("0 1", 3, true)), []string{"has 2 bases", "wants 3"}},
		{tfrecords(tfexample("0 1 4", 3, true)), []string{"base 2", `"4"`}},
		{tfrecords(tfexample("0 1 A", 3, true)), []string{"base 2", `"A"`}},
		{tfrecords(tfexample("0 1 1", 10, true)), []string{"label y is 10", "0..9"}},
		{tfrecords(tfexample("0 1 1", -2, true)), []string{"label y is -2"}},
	} {
		refused(t, "genomics", nil, mutate(files, name, c.content), want, append(c.parts, name)...)
	}
	huge := binary.LittleEndian.AppendUint64(nil, 1<<62)
	huge = binary.LittleEndian.AppendUint32(huge, tfrecord.Checksum(huge))
	refused(t, "genomics", nil, mutate(files, name, huge), want, "bytes long")
	refused(t, "genomics", nil, files, Want{{Shape: []int{3}}}, "token modality")
	refused(t, "genomics", nil, mutate(files, name, nil), want, "before_2011_in_tr", "not found")
}
