package generic

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"mspecc/runtime/data"
	"mspecc/runtime/data/filetype"
	"mspecc/runtime/options"
)

// holding counts the files of a folder by the ends of their names.
type holding map[string]*kindOfFiles

type kindOfFiles struct {
	end   string
	count int
	first string // the name of one of them
}

func (h holding) add(name string) {
	end := strings.ToLower(path.Ext(name))
	k := h[end]
	if k == nil {
		k = &kindOfFiles{end: end, first: name}
		h[end] = k
	}
	k.count++
}

// missing is the error of a folder without the files that are looked for: it says what is there instead and, where that
// is known, what turns it into files that are read.
func (h holding) missing(s *data.Source, option string, patterns []string, of filetype.Kind) error {
	kinds := h.sorted()
	msg, fix := "holds no file "+strings.Join(patterns, " or "), ""
	var there []string
	for _, k := range kinds[:min(len(kinds), 3)] {
		text := fmt.Sprintf("%d *%s", k.count, k.end)
		if k.end == "" {
			text = fmt.Sprintf("%d without an ending", k.count)
		}
		if t, ok := filetype.Of(head(s, k.first)); ok {
			text += fmt.Sprintf(" (%s is %s)", path.Base(k.first), t.Name)
			switch {
			case fix != "":
			case t.Kind == filetype.Table && of != filetype.Table:
				fix = "write what is in the table to files, such as by pandas: for i, x in enumerate(table['image']): open(f'{i}.png', 'wb').write(x['bytes'])"
			default:
				fix = t.Fix
			}
		}
		if name := readerOf(k.end); of == filetype.Table && name != "" && (fix == "" || k.end == ".npz") { // an .npz is a zip archive, too
			fix = "read it with the reader " + name
		}
		there = append(there, text)
	}
	if len(there) > 0 {
		msg += "; of other files it holds " + strings.Join(there, ", ")
	}
	if len(kinds) > 3 {
		msg += ", ..."
	}
	if fix == "" {
		fix = "give the right folder, or name the files with the option " + option
	}
	return s.Fail("", "", msg, fix)
}

// readerOf is the reader of files with this end, "" where there is none.
func readerOf(end string) string {
	for _, r := range options.Readers() {
		if files, ok := r.Option("files"); ok && !r.Several && slices.Contains(strings.Split(files.Default, ","), "*"+end) {
			return r.Name
		}
	}
	return ""
}

// sorted are the ends of names, those of most files first.
func (h holding) sorted() []*kindOfFiles {
	return slices.SortedFunc(maps.Values(h), func(a, b *kindOfFiles) int { return cmp.Or(b.count-a.count, cmp.Compare(a.end, b.end)) })
}

// note tells of files that the default patterns pass over although they are of the kind that is read, such as
// recordings in MP3 among others.
func (h holding) note(s *data.Source, of filetype.Kind) {
	if of == filetype.Table {
		return
	}
	kinds := h.sorted()
	for _, k := range kinds[:min(len(kinds), 16)] {
		if t, ok := filetype.Of(head(s, k.first)); ok && t.Kind == of {
			s.Note("%d files *%s are no part of the data set (%s is %s): %s, or name all files with the option files", k.count, k.end, path.Base(k.first), t.Name, t.Fix)
		}
	}
}

// head are the first bytes of a file, as many as there are.
func head(s *data.Source, name string) []byte {
	f, _, err := s.OpenFile(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	b := make([]byte, filetype.HeadSize)
	n, _ := io.ReadFull(f, b)
	return b[:n]
}
