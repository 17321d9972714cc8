package dabs

import (
	"io/fs"
	"maps"
	"testing"

	"mspecc/internal/optiontest"
)

// Every option of every reader of the benchmark does something, on the small data sets of testdata.
func TestOptionsMatter(t *testing.T) {
	known := map[string]*expectation{}
	for _, x := range expectations(t) {
		known[x.Name] = &x
	}
	root := trees(t)
	// of is a case on the data of an expectation, with its options and others; "-name" takes one away.
	of := func(name, value string, others ...string) optiontest.Case {
		x := known[name]
		sub, err := fs.Sub(root, x.Root)
		if err != nil {
			t.Fatal(err)
		}
		c := optiontest.Case{Files: sub, Want: x.want(), Value: value, Others: maps.Clone(x.Options)}
		for i := 0; i < len(others); i += 2 {
			c.Others[others[i]] = others[i+1]
		}
		return c
	}
	// from takes the option's value in the expectation as the one to compare with.
	from := func(option string, c optiontest.Case) optiontest.Case {
		c.Before = c.Others[option]
		delete(c.Others, option)
		return c
	}
	holding := func(files fs.FS, c optiontest.Case) optiontest.Case {
		c.Files = files
		return c
	}
	ten := tree(t, "tif")
	delete(ten, "Forest/Forest_10.tif")
	optiontest.Check(t, []string{"captions", "eurosat", "pictures", "sequences", "speech", "wafer"}, optiontest.Join(
		optiontest.Named("captions", map[string]optiontest.Case{
			"layout":     from("layout", of("coco", "mismatched")),
			"vocabulary": of("coco", "annotations/captions_val2017.json"),
			"lower":      of("coco", "false"),
			"swap_seed":  of("mismatched captions", "7"),
		}),
		optiontest.Named("eurosat", map[string]optiontest.Case{
			"file":        of("eurosat folders", "nosuch.pkl"),
			"part":        from("part", of("eurosat folders", "pretrain")),
			"standardize": of("eurosat", "false"),
			"rows":        holding(ten, of("eurosat folders", "reference")),
			"shuffle":     of("eurosat", "7"),
		}),
		optiontest.Named("pictures", map[string]optiontest.Case{
			"layout": from("layout", of("imagenet", "dtd")),
			"split":  of("flowers random", "official"),
			"filter": of("imagenet", "box"),
			"mean":   from("mean", of("imagenet", "0.5", "std", "1", "mean", "0")),
			"std":    from("std", of("imagenet", "0.5", "std", "1", "mean", "0")),
		}),
		optiontest.Named("sequences", map[string]optiontest.Case{
			"train":       from("train", of("pfam", "pfam/pfam_pretrain_train.csv")),
			"test":        of("pfam", "pfam/pfam_pretrain_train.csv"),
			"sequence":    of("pfam", "clan"),
			"label":       from("label", of("stability", "")),
			"kind":        from("kind", of("pfam", "number")),
			"classes":     from("classes", of("genomics", "70")),
			"first_label": from("first_label", of("genomics", "9")),
			"ranks_of":    from("ranks_of", of("pfam", "pfam/pfam_transfer.csv")),
			"alphabet":    from("alphabet", of("genomics", "TGCA")),
			"pad":         of("pfam", "A"),
			"padding":     from("padding", of("secondary structure", "class")),
			"rows":        of("genomics", "reference"),
			"shuffle":     from("shuffle", of("genomics", "7")),
		}),
		optiontest.Named("speech", map[string]optiontest.Case{
			"layout":   from("layout", of("librispeech", "librispeech_transfer")),
			"label":    from("label", of("fluent action", "object")),
			"parts":    from("parts", of("librispeech", "dev-clean")),
			"split":    of("google speech", "reference"),
			"mean":     of("voxceleb1", "3"),
			"std":      of("voxceleb1", "7"),
			"cut":      from("cut", of("audiomnist", "random")),
			"rate":     of("voxceleb1", "44100"),
			"samples":  from("samples", of("audiomnist", "4100")),
			"hop":      from("hop", of("voxceleb1", "199")),
			"fft":      of("voxceleb1", "1024"),
			"pad_mode": of("voxceleb1", "reflect"),
			"squared":  of("voxceleb1", "false"),
		}),
		optiontest.Named("wafer", map[string]optiontest.Case{
			"file":    of("wafer", "LSWMD.pkl"),
			"labeled": of("wafer", "false"),
			"rows":    of("wafer", "reference"),
			"shuffle": of("wafer", "7"),
		})))
}
