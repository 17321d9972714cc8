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
		{"csv", fstest.MapFS{"t.parquet": {Data: []byte("PAR1")}}, "1 *.parquet (t.parquet is a Parquet file)", "reader parquet"},
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
