package generic

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"mspecc/runtime/data"
	"mspecc/runtime/data/unpack"
)

var captionedReader = data.Builtin("captioned", openCaptioned)

func openCaptioned(s *data.Source) (data.Dataset, data.Dataset, error) {
	image := slices.IndexFunc(s.Want, func(in data.Input) bool { return !in.Tokens })
	text := slices.IndexFunc(s.Want, func(in data.Input) bool { return in.Tokens && len(in.Shape) == 1 })
	if len(s.Want) != 2 || image < 0 || text < 0 {
		return nil, nil, s.Fail("", "", fmt.Sprintf("the model wants %v, pictures with texts give an image f32[channels,height,width] and a text i32[length]", s.Want), "use a kind such as image_text")
	}
	decode, samples, err := pictureDecoder(s, s.Want[image])
	if err != nil {
		return nil, nil, err
	}
	words := *s // the table is one of texts
	words.Input, words.Want = s.Want[text], data.Want{s.Want[text]}
	p, err := newPlan(&words)
	if err != nil {
		return nil, nil, err
	}
	p.look = &pictures{s: s, name: s.Text("image"), decode: decode, samples: samples}
	train, test, err := p.open(func(s *data.Source, p *plan, name string) (table, error) {
		bare, _ := unpack.Trim(name)
		switch path.Ext(bare) {
		case ".jsonl", ".ndjson":
			return openJSONL(s, p, name)
		case ".parquet":
			return openParquet(s, p, name)
		}
		return openCSV(s, p, name)
	})
	if err == nil {
		samples.settle(s, train)
	}
	return train, test, err
}

// pictures reads the files that rows name.
type pictures struct {
	s      *data.Source
	name   string // of the column
	decode func(raw []byte, x []float32) error

	samples *samples
}

// file is the picture that a cell names, which is there.
func (q *pictures) file(t table, c cell) (name, message string) {
	text := path.Clean(strings.ReplaceAll(c.string(), "\\", "/"))
	for _, name := range []string{path.Join(path.Dir(t.name()), text), text} {
		if !fs.ValidPath(name) {
			continue
		}
		if info, err := fs.Stat(q.s.Root, name); err == nil && info.Mode().IsRegular() {
			return name, ""
		}
	}
	return "", fmt.Sprintf("names the picture %s, which is not there", c.short())
}

// read writes the values of a row's picture.
func (q *pictures) read(t *indexed, row int, c cell, x []float32) error {
	name, message := q.file(t.table, c)
	if message != "" {
		return q.s.Fail(t.name(), t.at(row), message, "put the file back, or remove the record")
	}
	raw, err := q.s.ReadWhole(name, &t.stamps[row])
	if err != nil {
		return err
	}
	if err := q.decode(raw, x); err != nil {
		return q.s.Unreadable(name, err)
	}
	for i, v := range x {
		if v != v { // missing, and that is no error
			x[i] = 0
		}
	}
	return usable(q.s, name, x, false)
}
