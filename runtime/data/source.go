package data

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sort"
	"strconv"
	"strings"
)

// Error says what is wrong with a data set.
type Error struct {
	Reader string // reader's name
	File   string // file or folder, "" where it is not about one
	At     string // place in the file, such as "line 12" or "record 3", or ""
	Msg    string // what happened and what was expected
	Fix    string // what to do
}

// Error formats the message on one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("data reader " + e.Reader + ": ")
	if e.File != "" {
		b.WriteString(e.File)
		if e.At != "" {
			b.WriteString(", " + e.At)
		}
		b.WriteString(": ")
	}
	b.WriteString(e.Msg)
	if e.Fix != "" {
		b.WriteString("; " + e.Fix)
	}
	return b.String()
}

// source is one call of Open: the folder, the options and what the model wants.
type source struct {
	reader Reader
	given  map[string]string
	root   fs.FS
	name   string
	want   Want
	seed   uint64
}

// fail makes an error; file is relative to the data folder, "" for the folder itself.
func (s *source) fail(file, at, msg, fix string) *Error {
	return &Error{Reader: s.reader.Name, File: path.Join(s.name, file), At: at, Msg: msg, Fix: fix}
}

// cause drops the operation and the path of a file error: the message names the file already.
func cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// text is the value of an option, its default where it was not given.
func (s *source) text(option string) string {
	if v, ok := s.given[option]; ok {
		return strings.TrimSpace(v)
	}
	for _, o := range s.reader.Options {
		if o.Name == option {
			return o.Default
		}
	}
	return ""
}

// list splits an option's value at commas and blanks.
func (s *source) list(option string) []string {
	return strings.FieldsFunc(s.text(option), func(r rune) bool { return r == ',' || r == ' ' })
}

func (s *source) badOption(option, expected string) *Error {
	return &Error{Reader: s.reader.Name, Msg: fmt.Sprintf("option %s is %q, expected %s", option, s.text(option), expected),
		Fix: "correct it in the modality's data line"}
}

// integer is an option's value as a number of at least min; preset stands for the empty value.
func (s *source) integer(option string, preset, min int) (int, error) {
	v := s.text(option)
	if v == "" {
		return preset, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < min || n > 1<<40 {
		return 0, s.badOption(option, fmt.Sprintf("a whole number of at least %d", min))
	}
	return n, nil
}

// boolean is an option's value as true or false.
func (s *source) boolean(option string) (bool, error) {
	switch s.text(option) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, s.badOption(option, "true or false")
}

// values refuses a want that is not for float values of the given shape; -1 stands for any size.
func (s *source) values(shape ...int) error {
	fits := !s.want.Tokens && len(shape) == len(s.want.Shape)
	for i, d := range shape {
		fits = fits && (d < 0 || d == s.want.Shape[i])
	}
	if fits {
		return nil
	}
	text := strings.ReplaceAll(strings.ReplaceAll(fmt.Sprint(shape), " ", ","), "-1", "any")
	return s.fail("", "", fmt.Sprintf("the model wants examples %v, the data has f32%s", s.want, text),
		"correct the modality's shape or choose another reader")
}

// file is an opened file, decompressed where it is a gzip stream.
type file struct {
	*bufio.Reader
	name   string // as found, relative to the data folder
	closer io.Closer
}

func (f *file) Close() error { return f.closer.Close() }

// open opens the first of the candidates that exists, as it is or with .gz behind it.
func (s *source) open(option string, candidates ...string) (*file, error) {
	for _, c := range candidates {
		for _, name := range []string{c, c + ".gz"} {
			if !fs.ValidPath(name) {
				return nil, s.badOption(option, "file names inside the data folder, with forward slashes and without ..")
			}
			f, err := s.openExact(name)
			if err == nil {
				return f, nil
			}
			if !errors.Is(err, fs.ErrNotExist) {
				var e *Error
				if errors.As(err, &e) {
					return nil, e
				}
				return nil, s.fail(name, "", "cannot be opened: "+cause(err), "check the file and its permissions")
			}
		}
	}
	return nil, s.missing(option, candidates)
}

func (s *source) openExact(name string) (*file, error) {
	raw, err := s.root.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err := raw.Stat(); err == nil && info.IsDir() {
		raw.Close()
		return nil, s.fail(name, "", "is a folder, expected a file", "move it away")
	}
	buffered := bufio.NewReaderSize(raw, 1<<16)
	magic, _ := buffered.Peek(2)
	if len(magic) < 2 || magic[0] != 0x1f || magic[1] != 0x8b {
		if strings.HasSuffix(name, ".gz") {
			raw.Close()
			return nil, s.fail(name, "", "is not a gzip file although its name ends in .gz", "fetch it again or drop .gz from its name")
		}
		return &file{buffered, name, raw}, nil
	}
	z, err := gzip.NewReader(buffered)
	if err != nil {
		raw.Close()
		return nil, s.fail(name, "", "has a damaged gzip header ("+cause(err)+")", "fetch it again")
	}
	return &file{bufio.NewReaderSize(z, 1<<16), name, raw}, nil
}

// missing lists what the folder holds instead of the files looked for.
func (s *source) missing(option string, candidates []string) *Error {
	var have []string
	if entries, err := fs.ReadDir(s.root, "."); err == nil {
		for _, e := range entries {
			if len(have) == 8 {
				have = append(have, "...")
				break
			}
			have = append(have, e.Name())
		}
	}
	msg := fmt.Sprintf("%s not found (nor with .gz); the folder holds %s", strings.Join(candidates, " or "), strings.Join(have, ", "))
	return s.fail("", "", msg, fmt.Sprintf("give the right folder, or the file with the option %s", option))
}

// glob lists the files matching one of the patterns, in order of their names; the first pattern that matches anything counts.
func (s *source) glob(option string, patterns ...string) ([]string, error) {
	for _, p := range patterns {
		names, err := fs.Glob(s.root, p)
		if err != nil {
			return nil, s.badOption(option, "a file name or a pattern with * and ?")
		}
		if len(names) > 0 {
			sort.Strings(names)
			return names, nil
		}
	}
	return nil, s.missing(option, patterns)
}

// readError explains an error while reading a file's bytes.
func (s *source) readError(f *file, at string, err error) *Error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return s.fail(f.name, at, "the file ends too early", "it was cut off: fetch it again")
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return s.fail(f.name, at, "the gzip stream is damaged ("+err.Error()+")", "fetch it again")
	}
	return s.fail(f.name, at, "cannot be read: "+cause(err), "fetch it again, or check the disk")
}

// lines reads a text file line by line.
type lines struct {
	s    *source
	f    *file
	scan *bufio.Scanner
	n    int
}

// maxLine is the length of the longest line accepted.
const maxLine = 1 << 20

func (s *source) lines(f *file) *lines {
	scan := bufio.NewScanner(f)
	scan.Buffer(make([]byte, 0, 1<<16), maxLine)
	return &lines{s: s, f: f, scan: scan}
}

// next gives the next line that is not blank, valid until the call after it; false at the end or on an error.
func (l *lines) next() ([]byte, bool) {
	for l.scan.Scan() {
		l.n++
		line := l.scan.Bytes()
		if l.n == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, true
		}
	}
	return nil, false
}

// err is the error that ended the file, nil at a proper end.
func (l *lines) err() error {
	err := l.scan.Err()
	if err == nil {
		return nil
	}
	l.n++
	if errors.Is(err, bufio.ErrTooLong) {
		return l.fail(fmt.Sprintf("the line is longer than %d bytes", maxLine), "check that this is the right text file")
	}
	return l.s.readError(l.f, l.at(), err)
}

func (l *lines) at() string { return fmt.Sprintf("line %d", l.n) }

func (l *lines) fail(msg, fix string) *Error { return l.s.fail(l.f.name, l.at(), msg, fix) }

// fields splits a line at the separator, a blank standing for any run of blanks and tabs, into dst.
func fields(dst [][]byte, line []byte, sep byte) [][]byte {
	if sep == ' ' {
		return append(dst, bytes.Fields(line)...)
	}
	for {
		i := bytes.IndexByte(line, sep)
		if i < 0 {
			return append(dst, bytes.TrimSpace(line))
		}
		dst = append(dst, bytes.TrimSpace(line[:i]))
		line = line[i+1:]
	}
}

// shorten quotes a field for a message.
func shorten(field []byte) string {
	if len(field) > 24 {
		return strconv.Quote(string(field[:24]) + "...")
	}
	return strconv.Quote(string(field))
}
