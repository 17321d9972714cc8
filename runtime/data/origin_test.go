package data

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// traced is a data set in which every example says what its origin must be.
type traced struct {
	reader  string
	options map[string]string
	want    Want
	files   fstest.MapFS
	origin  func(e *Example) Origin // of an example, as its values tell it
}

// tracedSets has one for each reader of this package, with bad records among the good ones.
func tracedSets() []traced {
	dna := func(from, n int) (b []byte) {
		for i := from; i < from+n; i++ {
			bases := fmt.Sprintf("%d %d %d", i/16%4, i/4%4, i%4)
			if i%5 == 3 {
				bases = "0 1" // too short
			}
			b = append(b, tfrecords(tfexample(bases, int64(i%10), true))...)
		}
		return b
	}
	var table, recording, pamap strings.Builder
	table.WriteString("label,a,b\n\n")
	recording.WriteString("a,b,label\n")
	for i := range 40 {
		bad := ""
		if i%7 == 2 {
			bad = "?"
		}
		fmt.Fprintf(&table, "%d,%d,0%s\n\n", i%2, i, bad)
		fmt.Fprintf(&recording, "%d,0%s,%s\n", i, bad, []string{"WALK", "SIT"}[i/13%2])
		fmt.Fprintf(&pamap, "%d%s %d%s\n", i, bad, []int{1, 9, 24}[i/9%3], strings.Repeat(fmt.Sprint(" ", i, bad), pamapChannels))
	}
	cifar := cifarBytes(6)
	row := func(file string, e *Example) Origin { return Origin{File: file, First: int(e.X[0]), Count: 1} }
	images := idxBytes(6, 2, 2)
	for i := range 6 {
		images[len(images)-24+4*i] = byte(40 * i)
	}
	return []traced{
		{"higgs", map[string]string{"test": "split", "test_fraction": "0.3"}, Want{{Shape: []int{2}}}, fstest.MapFS{"HIGGS.csv": mapFile([]byte(table.String()))},
			func(e *Example) Origin { return row("HIGGS.csv", e) }},
		{"genomics", map[string]string{"train": "*.tfrecord", "test": "split", "test_fraction": "0.3"}, Want{{Shape: []int{3}, Tokens: true, Vocab: 4}},
			fstest.MapFS{"a.tfrecord": mapFile(dna(0, 32)), "b.tfrecord": mapFile(gz(dna(32, 32)))},
			func(e *Example) Origin {
				i := int(e.Tokens[0])*16 + int(e.Tokens[1])*4 + int(e.Tokens[2])
				return Origin{File: []string{"a.tfrecord", "b.tfrecord"}[i/32], First: i % 32, Count: 1}
			}},
		{"cifar10", nil, Want{{Shape: []int{3, 32, 32}}}, fstest.MapFS{"data_batch_1.bin": mapFile(cifar), "data_batch_2.bin": mapFile(cifar), "test_batch.bin": mapFile(cifar)}, nil},
		{"idx", map[string]string{"train_labels": "none", "test_labels": "none", "test_images": "train-images-idx3-ubyte"}, Want{{Shape: []int{2, 2}}},
			fstest.MapFS{"train-images-idx3-ubyte": mapFile(images)},
			func(e *Example) Origin {
				return Origin{File: "train-images-idx3-ubyte", First: int(e.X[0]*255+1) / 40, Count: 1}
			}},
		{"sensor_csv", map[string]string{"columns": "a,b", "stride": "3", "standardize": "false"}, Want{{Shape: []int{2, 4}}},
			fstest.MapFS{"s1_01_sp.csv": mapFile([]byte(recording.String())), "s2_01_sp.csv": mapFile([]byte(recording.String()))},
			func(e *Example) Origin { return Origin{First: int(e.X[0]), Count: int(e.X[3]-e.X[0]) + 1} }},
		{"pamap2", map[string]string{"train_subjects": "101", "test_subjects": "105", "train_items": "60", "test_items": "40"}, Want{{Shape: []int{52, 5}}},
			fstest.MapFS{"subject101.dat": mapFile([]byte(pamap.String())), "subject105.dat": mapFile([]byte(pamap.String()))},
			func(e *Example) Origin { return Origin{First: int(e.X[0]), Count: int(e.X[4]-e.X[0]) + 1} }},
	}
}

// Every example says which record of which file it is, whatever was left out and however the data are split.
func TestOrigins(t *testing.T) {
	for _, c := range tracedSets() {
		train, test, err := Open(c.reader, c.options, c.files, "f", c.want, OpenOptions{Seed: 3, Skip: &Skip{Limit: 20}})
		if err != nil {
			t.Errorf("%s: %v", c.reader, err)
			continue
		}
		ids := map[string]int{}
		for _, set := range []Dataset{train, test} {
			e := NewExample(c.want, set.Labels())
			for i := range set.Len() {
				if err := set.Example(i, 1, e); err != nil {
					t.Fatal(c.reader, err)
				}
				if e.From != i {
					t.Fatalf("%s: example %d is %d", c.reader, i, e.From)
				}
				got, err := OriginOf(set, i, 1)
				if err != nil {
					t.Fatal(c.reader, err)
				}
				ids[got.ID()]++
				if c.origin == nil {
					continue
				}
				want := c.origin(e)
				if want.File == "" {
					want.File, want.Group = got.File, map[string]string{"s1_01_sp.csv": "s1", "s2_01_sp.csv": "s2", "subject101.dat": "101", "subject105.dat": "105"}[got.File]
				}
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Fatalf("%s: example %d is from %+v, its values say %+v", c.reader, i, got, want)
				}
			}
		}
		if n := train.Len() + test.Len(); len(ids) != n && c.reader != "pamap2" && c.reader != "idx" {
			t.Errorf("%s: %d ids of %d examples: %v", c.reader, len(ids), n, ids)
		}
	}
}

// What stands for a bad record says which one it is; of a data set that says nothing, the number is known.
func TestOriginsOfOthers(t *testing.T) {
	set := tolerate(holes{counter{7, 7}}, &Skip{Limit: 9})
	e := NewExample(pair, set.Labels())
	for i, want := range []int{0, 2, 2, 3, 5, 5, 6} {
		if err := set.Example(i, 0, e); err != nil || e.From != want {
			t.Errorf("example %d is %d (%v), expected %d", i, e.From, err, want)
		}
	}
	b, err := loader(t, set, pair, LoaderOptions{Batch: 4, Partial: true}).Batch(0)
	if err != nil || !slices.Equal(b.From, []int{0, 2, 2, 3}) {
		t.Errorf("the rows of the batch are %v (%v)", b.From, err)
	}
	if o, err := OriginOf(set, 4, 0); err != nil || o.ID() != "4" {
		t.Errorf("an example without an origin is %q (%v)", o.ID(), err)
	}
	for want, o := range map[string]Origin{"a.csv:3": {File: "a.csv", First: 3, Count: 1}, "a.csv:3-9": {File: "a.csv", First: 3, Count: 7}, "d/a.png": {File: "d/a.png"},
		"x.fa:chr1": {File: "x.fa", Record: "chr1"}, "x.fa:chr1:0-99": {File: "x.fa", Record: "chr1", Count: 100}, "p7": {Name: "p7", File: "a.csv", First: 3, Count: 1}} {
		if o.ID() != want {
			t.Errorf("%+v is called %q, expected %q", o, o.ID(), want)
		}
	}
}
