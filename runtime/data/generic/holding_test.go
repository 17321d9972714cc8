package generic

import (
	"strings"
	"testing"
	"testing/fstest"

	"mspecc/runtime/data"
)

// A folder without the files that a reader looks for is told what it holds, and how that becomes what is read.
func TestWhatTheFolderHolds(t *testing.T) {
	tar := make([]byte, 512)
	copy(tar[257:], "ustar\x00")
	for _, c := range []struct {
		reader string
		files  fstest.MapFS
		want   string
		advice string
	}{
		{"images", fstest.MapFS{"s-000.tar": {Data: tar}, "s-001.tar": {Data: tar}, "README": {Data: []byte("x")}},
			"holds no file *.jpg or *.jpeg", "tar -xf"},
		{"images", fstest.MapFS{"s-000.tar": {Data: tar}, "README": {Data: []byte("x")}}, "it holds 1 without an ending, 1 *.tar (s-000.tar is a tar archive)", "tar -xf"},
		{"audio", fstest.MapFS{"a/x.mp3": {Data: []byte("ID3\x03")}, "a/y.MP3": {Data: []byte("ID3\x03")}}, "2 *.mp3 (x.mp3 is an MP3 recording)", "ffmpeg"},
		{"parquet", fstest.MapFS{"data-00000-of-00001.arrow": {Data: []byte("\xff\xff\xff\xff\x00\x01\x00\x00\x10\x00\x00\x00")}, "state.json": {Data: []byte("{}")}},
			"is an Arrow stream, as Hugging Face's datasets write", "to_parquet"},
		{"images", fstest.MapFS{"t.parquet": {Data: []byte("PAR1")}}, "1 *.parquet (t.parquet is a Parquet file)", "write what is in the table to files"},
		{"csv", fstest.MapFS{"t.parquet": {Data: []byte("PAR1")}}, "1 *.parquet (t.parquet is a Parquet file)", "reader parquet"},
		{"csv", fstest.MapFS{"t.npz": {Data: []byte("PK\x03\x04")}}, "1 *.npz", "reader npy"},
		{"npy", fstest.MapFS{"t.jsonl": {Data: []byte("{}")}}, "1 *.jsonl", "reader jsonl"},
		{"jsonl", fstest.MapFS{"t.tsv": {Data: []byte("a\tb")}}, "1 *.tsv", "reader csv"},
		{"fasta", fstest.MapFS{"x.txt": {Data: []byte("hello")}}, "1 *.txt", "option files"},
	} {
		want := data.Want{{Shape: []int{3, 4, 4}}}
		switch c.reader {
		case "audio":
			want = data.Want{{Shape: []int{1, 16}}}
		case "fasta":
			want = data.Want{{Shape: []int{4}, Tokens: true, Vocab: 4}}
		}
		_, _, err := data.Open(c.reader, nil, c.files, "DIR", want, data.OpenOptions{})
		bad, ok := err.(*data.Error)
		if !ok || !strings.Contains(bad.Msg, c.want) || !strings.Contains(bad.Fix, c.advice) {
			t.Errorf("%s: %v", c.reader, err)
		}
	}
}

// Files of the right kind that the default patterns pass over are told of.
func TestFilesPassedOver(t *testing.T) {
	files := fstest.MapFS{"a.wav": {Data: ramp(9)}, "b.wav": {Data: ramp(9)}, "c.mp3": {Data: []byte("ID3\x03")}, "d.mp3": {Data: []byte("ID3\x03")}, "cover.jpg": {Data: []byte("\xff\xd8\xff")}, "README": {Data: []byte("x")}}
	for files1, want := range map[string]int{"": 1, "*.wav": 0} {
		var notes []string
		options := map[string]string{"label": "none", "test_fraction": "0.5"}
		if files1 != "" {
			options["files"] = files1
		}
		_, _, err := data.Open("audio", options, files, "DIR", data.Want{{Shape: []int{1, 4}}}, data.OpenOptions{Note: func(text string) { notes = append(notes, text) }})
		if err != nil {
			t.Fatal(err)
		}
		if len(notes) != want || want > 0 && !strings.Contains(notes[0], "2 files *.mp3 are no part of the data set (c.mp3 is an MP3 recording)") {
			t.Errorf("%q: %q", files1, notes)
		}
	}
}
