package generic

import (
	"strings"
	"testing"
	"testing/fstest"

	"mspecc/internal/optiontest"
	"mspecc/runtime/data"
)

// tables are two files of records in which every option of a table has something to do.
func tables(t *testing.T, reader string, gap bool) fstest.MapFS {
	r := records{columns: []string{"a", "b", "c", "d", "e", "f", "id", "kind", "group", "text", "tags"}}
	for i := range 12 {
		k := float64(i)
		row := []any{k, 10 - k*k, k / 2, 1.5, 2 * k, -k, int64(i % 11), []string{"x", "y", "y"}[i%3], []string{"g1", "g2", "g3"}[i%3],
			[]string{"ab", "Ba", "b a", "aB"}[i%4], []string{"xy", "yx"}[i%2]}
		r.rows = append(r.rows, row)
	}
	if gap {
		r.rows[4][1] = nil
	}
	two := records{columns: r.columns, rows: r.rows[8:]}
	r.rows = r.rows[:8]
	root := folderOf(t, reader, map[string]records{"one": r, "two": two})
	root["words.txt"] = file("[PAD]\n[UNK]\nb\nB\na\nA\n \n")
	return root
}

// tableCases prove the options of all readers of tables; the same records are written in each format.
func tableCases(t *testing.T, reader string, more map[string]optiontest.Case) map[string]optiontest.Case {
	files, gap, ending := tables(t, reader, false), tables(t, reader, true), writers[reader].ending
	pair, six, texts := row(2), data.Want{{Shape: []int{2, 3}}}, words(3, 9)
	of := func(want data.Want, value string, others ...string) optiontest.Case {
		c := optiontest.Case{Files: files, Want: want, Value: value, Others: map[string]string{"columns": "a,b"}}
		if len(want) == 1 && want[0].Tokens {
			c.Others["columns"] = "text"
		}
		for i := 0; i < len(others); i += 2 {
			c.Others[others[i]] = others[i+1]
		}
		return c
	}
	from := func(before string, c optiontest.Case) optiontest.Case {
		c.Before = before
		return c
	}
	holding := func(files fstest.MapFS, c optiontest.Case) optiontest.Case {
		c.Files = files
		return c
	}
	series := data.Want{{Shape: []int{2, 4}}}
	cases := map[string]optiontest.Case{
		"files":         of(pair, "one"+ending),
		"test":          of(pair, "two"+ending),
		"columns":       from("a,b", of(pair, "b,a")),
		"label":         of(pair, "kind"),
		"classes":       of(pair, "y,x", "label", "kind"),
		"labels":        of(words(2, 9), "each", "label", "tags", "classes", "x,y"),
		"id":            of(pair, "id"),
		"missing":       holding(gap, of(pair, "zero")),
		"standardize":   of(pair, "true"),
		"scale":         of(pair, "2"),
		"window":        from("0", of(series, "4")),
		"layout":        from("NCT", of(six, "NTC", "columns", "a..f", "window", "0")),
		"stride":        of(data.Want{{Shape: []int{2, 2}}}, "2", "split", "last"),
		"window_label":  of(data.Want{{Shape: []int{2, 2}}}, "last", "label", "kind", "split", "last"),
		"short":         of(data.Want{{Shape: []int{2, 6}}}, "pad", "test", "two"+ending),
		"split":         of(pair, "last"),
		"test_fraction": of(pair, "0.5"),
		"test_groups":   of(pair, "g2", "split", "by group"),
		"tokens":        of(texts, "words"),
		"alphabet":      of(texts, "bBaA "),
		"vocabulary":    of(texts, "words.txt"),
		"lower":         of(texts, "true"),
		"pad":           of(texts, "a", "alphabet", "bBaA "),
		"unknown":       of(texts, "b", "alphabet", "ba "),
	}
	return optiontest.Named(reader, optiontest.Join(cases, more))
}

// Every option of every reader does something.
func TestOptionsMatter(t *testing.T) {
	arrays := folderOf(t, "npy", map[string]records{"all": {columns: []string{"x", "y", "xt", "yt"}, rows: [][]any{
		{1.0, int64(0), 5.0, int64(1)}, {2.0, int64(1), 6.0, int64(0)}, {3.0, int64(0), 7.0, int64(1)}, {4.0, int64(1), 8.0, int64(0)}}}})
	bytes := folderOf(t, "tfrecord", map[string]records{"all": {columns: []string{"raw"}, rows: [][]any{{"1"}, {"2"}, {"3"}, {"4"}}}})
	headless := fstest.MapFS{"a.csv": file("1,2\n3,4\n5,6\n7,8\n")}
	optiontest.Check(t, []string{"audio", "captioned", "csv", "fasta", "images", "jsonl", "npy", "parquet", "tfrecord"}, optiontest.Join(
		tableCases(t, "csv", map[string]optiontest.Case{
			"separator": {Files: fstest.MapFS{"a.csv": file("a;b\n1;2\n3;4\n5;6\n")}, Want: row(2), Value: "semicolon"},
			"header":    {Files: headless, Want: row(2), Value: "false"},
			"quotes":    {Files: fstest.MapFS{"a.csv": file("text\n\"ab\"\n\"b\"\na\n")}, Want: words(4, 9), Value: "none"},
		}),
		tableCases(t, "jsonl", nil),
		tableCases(t, "npy", map[string]optiontest.Case{
			"test_columns": {Files: arrays, Want: row(1), Others: map[string]string{"columns": "x"}, Value: "xt"},
			"test_label":   {Files: arrays, Want: row(1), Others: map[string]string{"columns": "x", "label": "y", "test_columns": "xt"}, Before: "y", Value: "yt"},
		}),
		tableCases(t, "parquet", nil),
		tableCases(t, "tfrecord", map[string]optiontest.Case{"bytes": {Files: bytes, Want: row(1), Value: "numbers"}}),
		captionedCases(t), fastaCases(), imageCases(t), audioCases(),
	))
}

// captionedCases prove the options of pictures with texts.
func captionedCases(t *testing.T) map[string]optiontest.Case {
	files := captionedFiles(t)
	files["wide.png"] = &fstest.MapFile{Data: deepPNG(t, 12, 4, func(x, y int) uint16 { return uint16(x * x * 400) })}
	files["notes.csv"] = file("image,other,text,say,kind,group,id\n" +
		"a/1.png,a/ü 2.png,red fox,A b,x,g1,1\na/ü 2.png,a/1.png,\"a Fox, red\",b b,y,g2,2\na/1.png,wide.png,zebra,c d,x,g1,2\nwide.png,a/1.png,red,d,y,g3,3\n")
	files["more.csv"] = file("image,other,text,say,kind,group,id\na/1.png,a/ü 2.png,fox,A b,x,g1,1\n")
	files["bar.csv"] = file("image|text\na/1.png|red fox\na/1.png|fox\n")
	files["bare.csv"] = file("a/1.png,red fox\na/1.png,fox\na/1.png,red\n")
	files["each.csv"] = file("image,text,tags\na/1.png,abc,xyx\na/1.png,cba,yyy\na/1.png,bca,xxy\n")
	files["gap.csv"] = file("image,text\na/1.png,abc\na/1.png,\na/1.png,bca\n")
	files["pages.tif"] = &fstest.MapFile{Data: variant(t, "pages.tif")}
	files["pages.csv"] = file("image,text\npages.tif,red\npages.tif,fox\npages.tif,a\n")
	files["quoted.csv"] = file("image,text\na/1.png,\"red\"\na/1.png,\"fox\"\na/1.png,red\n")
	files["words.txt"] = file("[PAD]\n[UNK]\nfox\nred\n")
	of := func(value string, others ...string) optiontest.Case {
		c := optiontest.Case{Files: files, Want: both, Value: value, Others: map[string]string{"files": "notes.csv", "tokens": "words"}}
		for i := 0; i < len(others); i += 2 {
			c.Others[others[i]] = others[i+1]
		}
		return c
	}
	return optiontest.Named("captioned", map[string]optiontest.Case{
		"files":         {Files: files, Want: both, Others: map[string]string{"tokens": "words"}, Before: "notes.csv", Value: "more.csv,notes.csv"},
		"test":          of("more.csv"),
		"columns":       of("say"),
		"label":         of("kind"),
		"classes":       of("y,x", "label", "kind"),
		"labels":        of("each", "files", "each.csv", "tokens", "characters", "label", "tags", "classes", "x,y"),
		"id":            of("id"),
		"missing":       of("drop", "files", "gap.csv"),
		"split":         of("by kind"),
		"test_fraction": of("0.5"),
		"test_groups":   of("g2", "split", "by group"),
		"tokens":        {Files: files, Want: both, Others: map[string]string{"files": "notes.csv"}, Value: "words"},
		"alphabet":      {Files: files, Want: both, Others: map[string]string{"files": "each.csv"}, Value: "cba"},
		"vocabulary":    of("words.txt"),
		"lower":         of("true"),
		"pad":           of("fox", "vocabulary", "words.txt"),
		"unknown":       of("red", "vocabulary", "words.txt"),
		"image":         of("other"),
		"separator":     of("pipe", "files", "bar.csv"),
		"quotes":        of("none", "files", "quoted.csv"),
		"header":        of("false", "files", "bare.csv", "columns", "2", "image", "1"),
		"resize":        of("squash"),
		"filter":        of("box"),
		"pages":         of("first", "files", "pages.csv"),
	})
}

// fastaCases prove the options of sequences.
func fastaCases() map[string]optiontest.Case {
	files := fstest.MapFS{"a/x.fa": file(">r1 set=one\nACGT\nacgt\n>r2 set=two\nGGTAC\n>r3 set=one\nTTTTAGC\n"), "b/y.fa": file(">q1 set=two\nCATTGA\n>q2 set=two\nCAACCCC\n")}
	unknown := fstest.MapFS{"a.fa": file(">a\nACNT\n>b\nGGTT\n>c\nGGAA\n")}
	twice := fstest.MapFS{"a.fa": file(">a\nACGT\n>a\nGGTT\n>c\nGGAA\n")}
	of := func(value string, others ...string) optiontest.Case {
		c := optiontest.Case{Files: files, Want: words(4, 4), Value: value, Others: map[string]string{}}
		for i := 0; i < len(others); i += 2 {
			c.Others[others[i]] = others[i+1]
		}
		return c
	}
	long := of("G")
	long.Want = words(9, 4)
	all := map[string]optiontest.Case{"unknown": {Files: unknown, Want: words(4, 4), Value: "drop"}, "unique": {Files: twice, Want: words(4, 4), Value: "false"}, "pad": long}
	for name, c := range map[string]optiontest.Case{
		"files":         of("x.fa"),
		"test":          of("y.fa"),
		"alphabet":      of("TGCA"),
		"stride":        of("2"),
		"label":         of("set="),
		"classes":       of("two,one", "label", "set="),
		"split":         of("by file"),
		"test_fraction": of("0.5"),
		"test_groups":   of("a/x.fa", "split", "by file"),
	} {
		all[name] = c
	}
	return optiontest.Named("fasta", all)
}

// imageCases prove the options of folders of pictures.
func imageCases(t *testing.T) map[string]optiontest.Case {
	picture := func(w, h int, k uint16) *fstest.MapFile {
		return &fstest.MapFile{Data: deepPNG(t, w, h, func(x, y int) uint16 { return uint16(x*x*700+y*3000) + k*500 })}
	}
	files := fstest.MapFS{"train/p/a.png": picture(4, 2, 0), "train/q/b.png": picture(4, 2, 1), "train/q/c.png": picture(4, 4, 2), "train/p/d.png": picture(4, 4, 2),
		"val/p/e.png": picture(4, 2, 3), "val/q/f.png": picture(6, 2, 4), "other/p/g.png": picture(2, 2, 5)}
	of := func(value string, others ...string) optiontest.Case {
		c := optiontest.Case{Files: files, Want: data.Want{{Shape: []int{1, 3, 3}}}, Value: value, Others: map[string]string{}}
		for i := 0; i < len(others); i += 2 {
			c.Others[others[i]] = others[i+1]
		}
		return c
	}
	pages, gaps := &fstest.MapFile{Data: variant(t, "pages.tif")}, &fstest.MapFile{Data: variant(t, "sparse-nodata.tif")}
	return optiontest.Named("images", map[string]optiontest.Case{
		"files":         of("[a-e].png"),
		"train":         of("other", "label", "none"),
		"test":          of("other", "classes", "p,q"),
		"label":         of("([a-f]).png", "classes", "a,b,c,d,e,f"),
		"classes":       of("q,p"),
		"split":         of("by /([pq])/", "train", "none", "test", "", "label", "none"),
		"test_fraction": of("0.5", "train", "none", "test", ""),
		"test_groups":   of("p", "split", "by /([pq])/", "train", "none", "test", "", "label", "none"),
		"duplicates":    of("error"),
		"standardize":   of("true"),
		"resize":        of("squash"),
		"filter":        of("box"),
		"missing":       {Files: fstest.MapFS{"p/a.tif": gaps, "q/b.tif": gaps}, Want: data.Want{{Shape: []int{2, 32, 32}}}, Others: map[string]string{"test_fraction": "0.5"}, Value: "zero"},
		"pages":         {Files: fstest.MapFS{"p/a.tif": pages, "q/b.tif": pages}, Want: data.Want{{Shape: []int{1, 6, 5}}}, Others: map[string]string{"test_fraction": "0.5"}, Value: "first"},
	})
}

// audioCases prove the options of folders of recordings.
func audioCases() map[string]optiontest.Case {
	clip := func(n int, k int16) *fstest.MapFile {
		var samples []int16
		for i := range n {
			samples = append(samples, int16(i*i*37)*k)
		}
		return &fstest.MapFile{Data: wav(8000, samples...)}
	}
	files := fstest.MapFS{"train/p/a.wav": clip(40, 1), "train/q/b.wav": clip(300, 2), "train/q/c.wav": clip(30, 3), "train/p/d.wav": clip(30, 3),
		"val/p/e.wav": clip(20, 5), "val/q/f.wav": clip(400, 7), "other/p/g.wav": clip(10, 9)}
	of := func(value string, others ...string) optiontest.Case {
		c := optiontest.Case{Files: files, Want: data.Want{{Shape: []int{1, 16}}}, Value: value, Others: map[string]string{}}
		for i := 0; i < len(others); i += 2 {
			c.Others[others[i]] = others[i+1]
		}
		return c
	}
	mel := func(value string, others ...string) optiontest.Case {
		c := of(value, others...)
		c.Want = data.Want{{Shape: []int{1, 4, 5}}}
		return c
	}
	return optiontest.Named("audio", map[string]optiontest.Case{
		"files":         of("[a-e].wav"),
		"train":         of("other", "label", "none"),
		"test":          of("other", "classes", "p,q"),
		"label":         of("([a-f]).wav", "classes", "a,b,c,d,e,f"),
		"classes":       of("q,p"),
		"split":         of("by /([pq])/", "train", "none", "test", "", "label", "none"),
		"test_fraction": of("0.5", "train", "none", "test", ""),
		"test_groups":   of("p", "split", "by /([pq])/", "train", "none", "test", "", "label", "none"),
		"duplicates":    of("error"),
		"standardize":   of("true"),
		"rate":          of("16000"),
		"cut":           of("middle"),
		"stride":        of("8"),
		"fft":           mel("64", "hop", "16"),
		"hop":           mel("16", "fft", "64"),
		"pad_mode":      mel("reflect", "fft", "64", "hop", "16"),
	})
}

// An option that is given and has nothing to do is told, and nothing is told of others.
func TestIdleOptions(t *testing.T) {
	files := tables(t, "csv", false)
	for _, c := range []struct {
		want    data.Want
		options map[string]string
		note    string
	}{
		{row(2), map[string]string{"columns": "a,b", "tokens": "words", "stride": "3"}, "the options stride, tokens of the reader csv do nothing with this model and these other options"},
		{row(2), map[string]string{"columns": "a,b", "test": "two.csv", "test_fraction": "0.5"}, "the option test_fraction of the reader csv does nothing"},
		{words(3, 9), map[string]string{"columns": "text", "scale": "2"}, "the option scale of the reader csv does nothing"},
		{row(2), map[string]string{"columns": "a,b", "standardise": "true", "scale": "2", "test_fraction": "0.5"}, ""},
		{data.Want{{Shape: []int{2, 2}}}, map[string]string{"columns": "a,b", "window": "2", "stride": "2", "window_label": "last", "split": "last"}, ""},
	} {
		var notes []string
		if _, ok := c.options["test"]; !ok {
			c.options["test_fraction"] = "0.34"
		}
		_, _, err := data.Open("csv", c.options, files, "data", c.want, data.OpenOptions{Note: func(text string) { notes = append(notes, text) }})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(notes, "\n"); !strings.Contains(got, c.note) || c.note == "" && strings.Contains(got, "option") {
			t.Errorf("%v: %q, expected %q", c.options, got, c.note)
		}
	}
}
