package data_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"mspecc/internal/optiontest"
	"mspecc/runtime/data"
)

// Every option of every reader of a known data set does something.
func TestOptionsMatter(t *testing.T) {
	optiontest.Check(t, []string{"cifar10", "genomics", "higgs", "idx", "imagenet32", "pamap2", "sensor_csv"}, optiontest.Join(
		batchCases("cifar10", "data_batch_2.bin", fstest.MapFS{"data_batch_1.bin": data.MapFile(data.CIFARBytes(3)), "data_batch_2.bin": data.MapFile(data.CIFARBytes(2)), "test_batch.bin": data.MapFile(data.CIFARBytes(1))}),
		batchCases("imagenet32", "train_data_batch_2.npz", data.ImageNet32Files(t)),
		genomicsCases(), higgsCases(), idxCases(), pamapCases(), sensorCases()))
}

// with makes cases of one data set.
func with(files fstest.MapFS, want data.Want) func(value string, others ...string) optiontest.Case {
	return func(value string, others ...string) optiontest.Case {
		c := optiontest.Case{Files: files, Want: want, Value: value, Others: map[string]string{}}
		for i := 0; i < len(others); i += 2 {
			c.Others[others[i]] = others[i+1]
		}
		return c
	}
}

func values(shape ...int) data.Want { return data.Want{{Shape: shape}} }

func batchCases(reader, one string, files fstest.MapFS) map[string]optiontest.Case {
	of := with(files, values(3, 32, 32))
	return optiontest.Named(reader, map[string]optiontest.Case{"train": of(one), "test": of(one), "standardize": of("true")})
}

func genomicsCases() map[string]optiontest.Case {
	var records [][]byte
	for i := range 12 {
		records = append(records, data.TFExample(fmt.Sprint(i%4, " ", i/3%4, " 2"), int64(i%6), true))
	}
	all := data.MapFile(data.TFRecords(records...))
	few := data.MapFile(data.TFRecords(records[3:5]...)) // labels 3 and 4
	files := fstest.MapFS{"before_2011_in_tr/a.tfrecord": all, "between_2011-2016_in_val/a.tfrecord": all, "few.tfrecord": few}
	of := with(files, data.Want{{Shape: []int{3}, Tokens: true, Vocab: 4}})
	return optiontest.Named("genomics", map[string]optiontest.Case{
		"train":            of("few.tfrecord"),
		"test":             of("split"),
		"test_fraction":    of("0.5", "test", "split"),
		"classes":          of("7"),
		"first_label":      of("3", "train", "few.tfrecord", "test", "few.tfrecord"),
		"test_classes":     of("3"),
		"test_first_label": of("2", "test", "few.tfrecord"),
	})
}

func higgsCases() map[string]optiontest.Case {
	var rows strings.Builder
	for i := range 20 {
		fmt.Fprintf(&rows, "%d,%d,%d\n", i%2, i, i*i)
	}
	files := fstest.MapFS{"HIGGS_train.csv": data.MapFile([]byte(rows.String())), "HIGGS_test.csv": data.MapFile([]byte("1,2,3\n")), "other.csv": data.MapFile([]byte("0,7,8\n1,9,9\n"))}
	of := with(files, values(1, 2))
	return optiontest.Named("higgs", map[string]optiontest.Case{
		"train":         of("other.csv"),
		"test":          of("other.csv"),
		"test_fraction": of("0.5", "test", "split"),
		"rows":          of("reference", "test", "tenth"),
		"shuffle":       of("none", "test", "tenth"),
		"classes":       of("3"),
		"standardize":   of("true"),
	})
}

func idxCases() map[string]optiontest.Case {
	images, labels := data.MapFile(data.IDXBytes(3, 2, 2)), data.MapFile(data.IDXBytes(3))
	files := fstest.MapFS{"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels, "t10k-images-idx3-ubyte": images, "t10k-labels-idx1-ubyte": labels,
		"images": data.MapFile(bytes.ReplaceAll(data.IDXBytes(3, 2, 2), []byte{7}, []byte{77})), "labels": data.MapFile([]byte{0, 0, 8, 1, 0, 0, 0, 3, 5, 4, 3})}
	of := with(files, values(2, 2))
	return optiontest.Named("idx", map[string]optiontest.Case{
		"train_images": of("images"), "train_labels": of("labels"), "test_images": of("images"), "test_labels": of("labels"), "classes": of("12"), "standardize": of("true"),
	})
}

func pamapCases() map[string]optiontest.Case {
	files := fstest.MapFS{}
	for i, subject := range []string{"101", "102", "105", "106"} {
		files["subject"+subject+".dat"] = data.MapFile(bytes.ReplaceAll(data.PAMAPBytes(80, 1, 2, 5, 24), []byte(" 7 "), fmt.Appendf(nil, " %d ", 70+i)))
	}
	all := with(files, values(52, 8))
	of := func(option, value string) optiontest.Case {
		others := map[string]string{"train_subjects": "101", "test_subjects": "105", "train_items": "5", "test_items": "4"}
		c := all(value)
		c.Before = others[option]
		delete(others, option)
		c.Others = others
		return c
	}
	window := of("window", "8")
	window.Refuse = "9" // it is the model's length, and no other
	return optiontest.Named("pamap2", map[string]optiontest.Case{
		"window": window, "train_subjects": of("train_subjects", "102"), "test_subjects": of("test_subjects", "106"), "train_items": of("train_items", "6"),
		"test_items": of("test_items", "6"), "activities": of("activities", "1,24"), "standardize": of("standardize", "true"),
	})
}

func sensorCases() map[string]optiontest.Case {
	files := fstest.MapFS{"s1_01_sp.csv": data.MapFile(data.SensorCSV(18)), "s2_01_sp.csv": data.MapFile(data.SensorCSV(12)), "s2_01_sw.csv": data.MapFile(data.SensorCSV(14)), "s1_01_sw.csv": data.MapFile(data.SensorCSV(16))}
	of := func(value string, others ...string) optiontest.Case {
		c := with(files, values(2, 4))(value, append([]string{"columns", "a,b"}, others...)...)
		return c
	}
	window := of("4")
	window.Refuse = "5"
	columns := of("b,a")
	columns.Before = "a,b"
	return optiontest.Named("sensor_csv", map[string]optiontest.Case{
		"window": window, "stride": of("3"), "columns": columns, "label_column": of("none"), "label": of("last", "stride", "3"), "classes": of("WALK,SIT"), "device": of("sw"),
		"test_subjects": of("s1"), "standardize": of("false"),
	})
}
