package data

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// large is a data set of some MiB on disk whose examples can be told by their number.
type large struct {
	reader  string
	options map[string]string
	want    Want
	files   map[string][]byte // the first file is for training
	main    string
	// number is that of the training example, as far as it can be told.
	number func(e *Example) int
}

// largeSets has one for each reader of this package.
func largeSets() []large {
	const n = 2000
	pixels := func(i int, size int) []byte {
		p := bytes.Repeat([]byte{byte(i), byte(i >> 8)}, size/2)
		return p
	}
	byPixels := func(e *Example) int {
		return int(math.Round(float64(255*e.X[0]))) | int(math.Round(float64(255*e.X[1])))<<8
	}
	var cifar, images, table, dna, recording, pamap bytes.Buffer
	images.Write([]byte{0, 0, 8, 3})
	for _, d := range []uint32{n, 64, 64} {
		_ = binary.Write(&images, binary.BigEndian, d)
	}
	for i := range n {
		cifar.WriteByte(byte(i % 10))
		cifar.Write(pixels(i, cifarSize))
		images.Write(pixels(i, 64*64))
	}
	for i := range 20 * n {
		fmt.Fprintf(&table, "%d,%d%s\n", i%2, i, strings.Repeat(",0.1234567", 27))
	}
	for i := range 150 * n {
		fmt.Fprintf(&recording, "%d,0.12345,%s\n", i, []string{"SIT", "WALK"}[i/500%2])
	}
	bases := strings.TrimSpace(strings.Repeat("0 1 2 3 ", 400))
	for i := range n {
		number := []byte(bases)
		for k := range 8 {
			number[2*k] = '0' + byte(i>>(2*k)&3)
		}
		dna.Write(tfrecords(tfexample(string(number), int64(i%10), true)))
	}
	for i := range 20 * n {
		fmt.Fprintf(&pamap, "%d 1%s\n", i, strings.Repeat(fmt.Sprintf(" %d", i), pamapChannels))
	}
	header := "a,b,label\n"
	labels := append([]byte{0, 0, 8, 1, 0, 0, n >> 8, n & 255}, make([]byte, n)...)
	byBases := func(e *Example) int {
		i := 0
		for k := range 8 {
			i |= int(e.Tokens[k]) << (2 * k)
		}
		return i
	}
	return []large{
		{"cifar10", nil, Want{{Shape: []int{3, 32, 32}}}, map[string][]byte{"data_batch_1.bin": cifar.Bytes(), "test_batch.bin": cifar.Bytes()[:3073]}, "data_batch_1.bin", byPixels},
		{"idx", nil, Want{{Shape: []int{64, 64}}}, map[string][]byte{"train-images-idx3-ubyte": images.Bytes(), "train-labels-idx1-ubyte": labels,
			"t10k-images-idx3-ubyte": idxBytes(1, 64, 64), "t10k-labels-idx1-ubyte": idxBytes(1)}, "train-images-idx3-ubyte", byPixels},
		{"higgs", nil, Want{{Shape: []int{28}}}, map[string][]byte{"HIGGS_train.csv": table.Bytes(), "HIGGS_test.csv": table.Bytes()[:bytes.IndexByte(table.Bytes(), '\n')]}, "HIGGS_train.csv",
			func(e *Example) int { return int(e.X[0]) }},
		{"genomics", nil, Want{{Shape: []int{1600}, Tokens: true, Vocab: 4}}, map[string][]byte{"before_2011_in_tr/a.tfrecord": dna.Bytes(), "between_2011-2016_in_val/a.tfrecord": dna.Bytes()[:16+bytes.Index(dna.Bytes()[16:], dna.Bytes()[:8])]},
			"before_2011_in_tr/a.tfrecord", byBases},
		{"sensor_csv", map[string]string{"columns": "a,b", "stride": "10", "standardize": "false"}, Want{{Shape: []int{2, 10}}},
			map[string][]byte{"s1_01_sp.csv": append([]byte(header), recording.Bytes()...), "s2_01_sp.csv": []byte(header + strings.Repeat("1,2,SIT\n", 10))}, "s1_01_sp.csv",
			func(e *Example) int { return int(e.X[0]) / 10 }},
		{"pamap2", map[string]string{"train_subjects": "101", "test_subjects": "105", "train_items": "50", "test_items": "1"}, Want{{Shape: []int{52, 10}}},
			map[string][]byte{"subject101.dat": pamap.Bytes(), "subject105.dat": pamapBytes(20, 1)}, "subject101.dat", nil},
	}
}

// write puts the files into a folder and opens it with little memory.
func (l *large) write(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, content := range l.files {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, content, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func (l *large) open(t *testing.T, dir string) Dataset {
	t.Helper()
	train, _, err := Open(l.reader, l.options, os.DirFS(dir), "DIR", l.want, OpenOptions{Memory: 1 << 20})
	if err != nil {
		t.Fatal(l.reader, err)
	}
	return train
}

// inUse is the memory of what is reachable.
func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools hold is dropped by the second
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// An open data set takes a part of the memory that its examples would, and any example can be read.
func TestLargerThanMemory(t *testing.T) {
	for _, l := range largeSets() {
		dir := l.write(t)
		size := int64(len(l.files[l.main]))
		l.files = nil
		before := inUse()
		set := l.open(t, dir)
		if grown := inUse() - before; size < 4<<20 || grown > 3<<19 {
			t.Errorf("%s: %d KiB more memory with an open file of %d KiB", l.reader, grown>>10, size>>10)
		}
		e := NewExample(l.want, set.Labels())
		for k := range 50 {
			i := k * 7919 % set.Len()
			if err := set.Example(i, 0, e); err != nil {
				t.Fatal(l.reader, err)
			}
			if l.number != nil && l.number(e) != i {
				t.Fatalf("%s: example %d is %d", l.reader, i, l.number(e))
			}
		}
		runtime.KeepAlive(set)
	}
}

// A file that is replaced, cut off or taken away during a run is noticed.
func TestReplacedFiles(t *testing.T) {
	for _, l := range largeSets() {
		dir := l.write(t)
		set := l.open(t, dir)
		e := NewExample(l.want, set.Labels())
		if err := set.Example(0, 0, e); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, l.main)
		for _, change := range []func() error{
			func() error { return os.Chtimes(name, time.Now(), time.Now().Add(time.Hour)) },
			func() error { return os.Truncate(name, 5000) },
			func() error { return os.Remove(name) },
		} {
			if err := change(); err != nil {
				t.Fatal(err)
			}
			err := set.Example(1, 0, e)
			var own *Error
			if !errors.As(err, &own) || !strings.Contains(err.Error(), l.main) || !strings.Contains(err.Error(), "start again") {
				t.Errorf("%s: %v", l.reader, err)
			}
		}
	}
}

// An index that must stay small keeps fewer places and finds every record all the same.
func TestPlaces(t *testing.T) {
	p := Places{Limit: 8}
	for i := range 1000 {
		p.Add(int64(10*i), int64(10*i+10))
	}
	if len(p.at) > 8 || p.n != 1000 || p.step != 128 {
		t.Fatalf("%d places, a step of %d", len(p.at), p.step)
	}
	for i := range 1000 {
		from, to, before := p.Around(i)
		if at := from + int64(10*before); at != int64(10*i) || to < at+10 || to-from > 1280 {
			t.Fatalf("record %d: the %d. behind %d, up to %d", i, before, from, to)
		}
	}
}

// Records that are left out do not shift the others, wherever the index has places.
func TestLeftOutBetweenPlaces(t *testing.T) {
	var csv strings.Builder
	var dna []byte
	var want []int
	for i := range 200 {
		if i%7 == 3 {
			fmt.Fprintf(&csv, "0,bad,0\n\n")
			dna = append(dna, tfrecords(tfexample("0 1 2", 77, true))...)
			continue
		}
		fmt.Fprintf(&csv, "0,%d,0\n", i)
		dna = append(dna, tfrecords(tfexample(fmt.Sprintf("%d %d %d", i&3, i>>2&3, i>>4&3), int64(i%10), true))...)
		want = append(want, i)
	}
	root := idxFiles
	root = mutate(mutate(root, "HIGGS_train.csv", []byte(csv.String())), "HIGGS_test.csv", []byte("0,1,1\n"))
	root = mutate(mutate(root, "before_2011_in_tr/a.tfrecord", dna), "between_2011-2016_in_val/a.tfrecord", tfrecords(tfexample("0 1 2", 7, true)))
	for reader, w := range map[string]Want{"higgs": {{Shape: []int{2}}}, "genomics": {{Shape: []int{3}, Tokens: true, Vocab: 4}}} {
		skip := &Skip{Limit: 50}
		train, _, err := Open(reader, nil, root, "f", w, OpenOptions{Skip: skip})
		if err != nil {
			t.Fatal(err)
		}
		if train.Len() != len(want) || skip.Count() != 200-len(want) {
			t.Fatalf("%s: %d records, %d left out", reader, train.Len(), skip.Count())
		}
		thin(train.(tolerant).Dataset)
		e := NewExample(w, train.Labels())
		for k, i := range want {
			if err := train.Example(k, 0, e); err != nil {
				t.Fatal(reader, k, err)
			}
			if reader == "higgs" && e.X[0] != float32(i) || reader == "genomics" && (e.Labels[0] != float64(i%10) || e.Tokens[0] != int32(i&3) || e.Tokens[2] != int32(i>>4&3)) {
				t.Fatalf("%s: example %d is %v, expected %d", reader, k, *e, i)
			}
		}
	}
}

// thin keeps every eighth place of an index.
func thin(set Dataset) {
	p := (*Places)(nil)
	switch s := set.(type) {
	case *table:
		p = &s.rows
	case *joined:
		p = &s.sets[0].(*genomes).records
	}
	var at []int64
	for i := 0; i < len(p.at); i += 8 {
		at = append(at, p.at[i])
	}
	p.at, p.step = at, 8
}

// What packed files unpack to lies on the disk where it is much, and what their headers say is not believed.
func TestUnpackingTakesNoMemory(t *testing.T) {
	const n = 32 << 20
	var gzipped bytes.Buffer
	g := gzip.NewWriter(&gzipped)
	header := []byte{0, 0, 8, 3}
	for _, d := range []uint32{n >> 10, 32, 32} {
		header = binary.BigEndian.AppendUint32(header, d)
	}
	_, _ = g.Write(append(header, make([]byte, n)...))
	g.Close()
	array := npyText("|u1", fmt.Sprint(n/3072, ", 3072"), 0)
	labels := npyText("|u1", fmt.Sprint(n/3072, ","), n/3072)
	archive := npzBytes(map[string]string{"data.npy": array + strings.Repeat("\x07", n/3072*3072), "labels.npy": labels})
	idx := fstest.MapFS{"train-images-idx3-ubyte.gz": mapFile(gzipped.Bytes()), "t10k-images-idx3-ubyte": mapFile(idxBytes(1, 32, 32))}
	batches := fstest.MapFS{"train_data_batch_1.npz": mapFile(archive), "val_data.npz": imagenet32Files(t)["val_data.npz"]}
	for _, c := range []struct {
		reader  string
		options map[string]string
		files   fstest.MapFS
		want    Want
	}{
		{"idx", map[string]string{"train_labels": "none", "test_labels": "none"}, idx, Want{{Shape: []int{32, 32}}}},
		{"imagenet32", nil, batches, imagenet32Want},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		train, _, err := Open(c.reader, c.options, c.files, "f", c.want, OpenOptions{Memory: 1 << 20})
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Fatal(err)
		}
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 8<<20 {
			t.Errorf("%s: takes %d MiB to unpack %d MiB", c.reader, taken>>20, n>>20)
		}
		e := NewExample(c.want, train.Labels())
		if err := train.Example(train.Len()-1, 0, e); err != nil {
			t.Error(err)
		}
	}
	// The archive's list says another size than the array has.
	lying := bytes.Clone(archive)
	at := bytes.LastIndex(lying, []byte("PK\x01\x02")) // of labels.npy
	binary.LittleEndian.PutUint32(lying[at+24:], 1<<31)
	refused(t, "imagenet32", nil, mutate(batches, "train_data_batch_1.npz", lying), imagenet32Want, "train_data_batch_1.npz, labels.npy", "cannot be unpacked")
}
