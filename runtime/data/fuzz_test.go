package data

import (
	"errors"
	"testing"
	"testing/fstest"

	"mspecc/internal/fuzzing"
)

// fuzz feeds a reader one file of arbitrary content: it must either refuse it with an
// *Error that says what to do, or give examples that are all good.
func fuzz(f *testing.F, reader string, options map[string]string, files fstest.MapFS, name string, want Want) {
	f.Add(files[name].Data)
	f.Add(gz(files[name].Data))
	f.Add([]byte{})
	fuzzing.Bound(f)
	f.Fuzz(func(t *testing.T, content []byte) {
		train, test, err := Open(reader, options, mutate(files, name, append([]byte{}, content...)), "f", want, OpenOptions{Seed: 1})
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Fix == "" || e.Msg == "" {
				t.Fatalf("error without advice: %v", err)
			}
			return
		}
		for _, set := range []Dataset{train, test} {
			if set.Len() < 1 {
				t.Fatal("an empty data set")
			}
			check(t, set, want)
		}
	})
}

func FuzzIDX(f *testing.F) {
	f.Add([]byte{0, 0, 8, 3, 255, 255, 255, 255, 0, 0, 0, 2})
	fuzz(f, "idx", map[string]string{"standardize": "true"}, idxFiles, "train-images-idx3-ubyte", Want{{Shape: []int{2, 2}}})
}

func FuzzCIFAR10(f *testing.F) {
	files := fstest.MapFS{"data_batch_1.bin": mapFile(cifarBytes(1)), "test_batch.bin": mapFile(cifarBytes(1))}
	fuzz(f, "cifar10", nil, files, "data_batch_1.bin", Want{{Shape: []int{3, 32, 32}}})
}

func FuzzHiggs(f *testing.F) {
	f.Add([]byte(",l,a,b\n0,1,2,3\n"))
	files := fstest.MapFS{"HIGGS_train.csv": mapFile([]byte("1,2,3\n0,4,5e-3\n")), "HIGGS_test.csv": mapFile([]byte("1,2,3\n"))}
	fuzz(f, "higgs", map[string]string{"standardize": "true"}, files, "HIGGS_train.csv", Want{{Shape: []int{2}}})
}

func FuzzSensorCSV(f *testing.F) {
	files := fstest.MapFS{"s1_01_sp.csv": mapFile(sensorCSV(9)), "s2_01_sp.csv": mapFile(sensorCSV(9))}
	fuzz(f, "sensor_csv", map[string]string{"columns": "a,b"}, files, "s1_01_sp.csv", Want{{Shape: []int{2, 4}}})
}

func FuzzPAMAP2(f *testing.F) {
	files := fstest.MapFS{"subject101.dat": mapFile(pamapBytes(30, 1, 2)), "subject105.dat": mapFile(pamapBytes(30, 1, 2))}
	options := map[string]string{"train_subjects": "101", "test_subjects": "105", "train_items": "5", "test_items": "5", "standardize": "true"}
	fuzz(f, "pamap2", options, files, "subject101.dat", Want{{Shape: []int{52, 4}}})
}

func FuzzTFRecord(f *testing.F) {
	good := tfrecords(tfexample("0 1 2", 3, true))
	files := fstest.MapFS{"before_2011_in_tr/a.tfrecord": mapFile(good), "between_2011-2016_in_val/a.tfrecord": mapFile(good)}
	fuzz(f, "genomics", nil, files, "before_2011_in_tr/a.tfrecord", Want{{Shape: []int{3}, Tokens: true, Vocab: 4}})
}

// FuzzExample goes past the CRC, which random bytes seldom satisfy.
func FuzzExample(f *testing.F) {
	f.Add(tfexample("0 1 2", 3, true))
	f.Add(tfexample("0 1 2", -1, false))
	fuzzing.Bound(f)
	f.Fuzz(func(t *testing.T, record []byte) {
		files := fstest.MapFS{"a": mapFile(tfrecords(record))}
		want := Want{{Shape: []int{3}, Tokens: true, Vocab: 4}}
		if train, _, err := Open("genomics", map[string]string{"train": "a", "test": "a"}, files, "f", want, OpenOptions{Seed: 0}); err == nil {
			check(t, train, want)
		}
	})
}
