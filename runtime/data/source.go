package data

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"mspecc/runtime/data/filetype"
	"mspecc/runtime/data/unpack"
	"mspecc/runtime/options"
)

// Error says what is wrong with a data set.
type Error struct {
	Reader string // reader's name
	File   string // file or folder, "" where it is not about one
	At     string // place in the file, such as "line 12" or "record 3", or ""
	Msg    string // what happened and what was expected
	Fix    string // what to do

	lost  bool // the file is no longer what it was: nothing that can be left out
	empty bool // the file has no byte
}

// IsEmpty says whether an error is that of a file without a byte.
func IsEmpty(err error) bool {
	var own *Error
	return errors.As(err, &own) && own.empty
}

// EmptyPart says whether an error is that of an empty file which is one of several, and notes it: distributed writers
// leave such parts, and the others are the data.
func (s *Source) EmptyPart(name string, err error, parts int) bool {
	if !IsEmpty(err) || parts < 2 {
		return false
	}
	s.Note("%s is empty", name)
	return true
}

// NotUTF8 says what is wrong with text that is not UTF-8, and what to do.
const NotUTF8 = "which is not UTF-8 (but Latin-1 or Windows-1252, perhaps): save the file as UTF-8"

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
	return oneLine(b.String())
}

// oneLine writes control characters, and bytes that are not UTF-8, which names of files and columns may hold, as Go does.
func oneLine(text string) string {
	if strings.IndexFunc(text, unicode.IsControl) < 0 && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for i, c := range text {
		switch {
		case c == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, "\\x%02x", text[i])
		case unicode.IsControl(c):
			b.WriteString(strings.Trim(strconv.QuoteRune(c), "'"))
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// Source is one call of Open: the folder, the options and what the model wants. It is what a
// Reader's Open works with.
type Source struct {
	Root    fs.FS    // the data folder
	Name    string   // what messages call it
	Want    Want     // what the model expects of one example
	Input   Input    // the first input, for readers that give one
	Seed    uint64   // decides what is random
	Carry   []string // columns of the records that Origin gives the values of
	Learned          // what the model was trained with, where its reader learned something then

	reader   Reader
	given    map[string]string
	asked    *asked // options that the reader has looked at
	memory   int64  // that spools may still take
	skip     *Skip
	progress func(what string, done, total int64)
	note     func(text string)
}

// Note tells whoever listens what is no error and yet worth knowing about the data, once.
func (s *Source) Note(format string, args ...any) {
	if s.note != nil {
		s.note(oneLine(fmt.Sprintf(format, args...)))
	}
}

// Bad says what to do about a bad record found while opening, an *Error: nil to leave it out,
// which Skip counts, or the error to return.
func (s *Source) Bad(err error) error { return s.skip.take(err) }

// Progress tells whoever listens how much of long work is done.
func (s *Source) Progress(what string, done, total int64) {
	if s.progress != nil {
		s.progress(what, done, total)
	}
}

// Fail makes an error; file is relative to the data folder, "" for the folder itself; at is
// the place in it, msg what is wrong and what was expected, fix what to do.
func (s *Source) Fail(file, at, msg, fix string) *Error {
	return &Error{Reader: s.reader.Name, File: path.Join(s.Name, file), At: at, Msg: msg, Fix: fix}
}

// Unreadable is the error of a file whose contents cannot be used, and says what to do: err is a *filetype.Error where
// the file is sound, but of a kind that is not read; otherwise it is damaged.
func (s *Source) Unreadable(file string, err error) *Error {
	var kind *filetype.Error
	if errors.As(err, &kind) {
		return s.Fail(file, "", err.Error(), kind.Fix)
	}
	return s.Fail(file, "", err.Error(), "fetch it again, or remove it")
}

// Changed is the error of a file that is not what it was when the data set was opened.
func (s *Source) Changed(file string) *Error { return s.lost(file, "changed while it was in use") }

// Gone is the error of a file that could be opened before; err says why it cannot any more.
func (s *Source) Gone(file string, err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		return s.lost(file, own.Msg)
	}
	return s.lost(file, "cannot be opened any more: "+Cause(err))
}

func (s *Source) lost(file, msg string) *Error {
	e := s.Fail(file, "", msg, "start again, and leave the data alone meanwhile")
	e.lost = true
	return e
}

// Cause drops the operation and the path of a file error: the message names the file already.
func Cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// Text is the value of an option, its default where it was not given.
func (s *Source) Text(option string) string {
	s.asked.add(option)
	for _, o := range s.reader.Options {
		if o.Name != option {
			continue
		}
		if v, ok := s.given[option]; ok && o.Type.Blank {
			return v
		} else if ok {
			return strings.TrimSpace(v)
		}
		return o.Default
	}
	return ""
}

// asked are options that were asked for; examples may ask too, on several goroutines.
type asked struct {
	mu sync.Mutex
	of map[string]bool
}

func (a *asked) add(option string) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of == nil {
		a.of = map[string]bool{}
	}
	a.of[option] = true
}

// idle notes which of the options that were given nothing has asked for: they do nothing.
func (s *Source) idle(given map[string]string) {
	var names []string
	for name := range given {
		if !s.asked.of[options.Spelling(name)] {
			names = append(names, name)
		}
	}
	switch slices.Sort(names); len(names) {
	case 0:
	case 1:
		s.Note("the option %s of the reader %s does nothing with this model and these other options", names[0], s.reader.Name)
	default:
		s.Note("the options %s of the reader %s do nothing with this model and these other options", strings.Join(names, ", "), s.reader.Name)
	}
}

// Preset says whether an option has its default.
func (s *Source) Preset(option string) bool {
	_, given := s.given[option]
	return !given
}

// List splits an option's value, a list of the spec or text, at its commas, or at blanks where
// it has no comma.
func (s *Source) List(option string) []string { return options.Split(s.Text(option)) }

// BadOption makes the error of an option whose value is wrong.
func (s *Source) BadOption(option, expected string) *Error {
	return &Error{Reader: s.reader.Name, Msg: fmt.Sprintf("option %s is %q, expected %s", option, s.Text(option), expected),
		Fix: "correct it in the modality's data line"}
}

// Integer is an option's value as a number of at least min; preset stands for the empty value.
func (s *Source) Integer(option string, preset, min int) (int, error) {
	v := s.Text(option)
	if v == "" {
		return preset, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < min || n > options.MaxWhole {
		return 0, s.BadOption(option, fmt.Sprintf("a whole number of at least %d", min))
	}
	return n, nil
}

// Boolean is an option's value as true or false.
func (s *Source) Boolean(option string) (bool, error) {
	switch s.Text(option) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, s.BadOption(option, "true or false")
}

// values refuses a want that is not for float values of the given shape; -1 stands for any size.
func (s *Source) values(shape ...int) error {
	fits := !s.Input.Tokens && len(shape) == len(s.Input.Shape)
	for i, d := range shape {
		fits = fits && (d < 0 || d == s.Input.Shape[i])
	}
	if fits {
		return nil
	}
	text := strings.ReplaceAll(strings.ReplaceAll(fmt.Sprint(shape), " ", ","), "-1", "any")
	return s.Fail("", "", fmt.Sprintf("the model wants examples %v, the data has f32%s", s.Input, text),
		"correct the modality's shape or choose another reader")
}

// File is an opened file, unpacked where it is packed.
type File struct {
	*bufio.Reader
	Name   string // as found, relative to the data folder
	closer io.Closer
}

// Close closes the file.
func (f *File) Close() error { return f.closer.Close() }

// Open opens the first of the candidates that exists, as it is or with the end of a packed file behind it, such as .gz.
func (s *Source) Open(option string, candidates ...string) (*File, error) {
	name, err := s.find(option, candidates)
	if err != nil {
		return nil, err
	}
	raw, _, err := s.OpenFile(name)
	if err != nil {
		return nil, err
	}
	r, _, err := s.unpacked(name, bufio.NewReaderSize(raw, 1<<16))
	if err != nil {
		raw.Close()
		return nil, err
	}
	in, ok := r.(*bufio.Reader)
	if !ok {
		in = bufio.NewReaderSize(r, 1<<16)
	}
	return &File{in, name, raw}, nil
}

// unpacked is the contents of a file, and how it is packed: nil where it is not.
func (s *Source) unpacked(name string, in *bufio.Reader) (io.Reader, *unpack.Packing, error) {
	head, _ := in.Peek(unpack.HeadSize)
	p := unpack.Of(head)
	if bare, by := unpack.Trim(name); by != nil && p == nil {
		end := strings.TrimPrefix(name, bare)
		return nil, nil, s.Fail(name, "", fmt.Sprintf("is not a %s file although its name ends in %s", by.Name, end), "fetch it again or drop "+end+" from its name")
	}
	if p == nil {
		return in, nil, nil
	}
	r, err := p.Open(in)
	var kind *filetype.Error
	switch {
	case errors.As(err, &kind):
		return nil, nil, s.Unreadable(name, err)
	case err != nil:
		return nil, nil, s.Fail(name, "", fmt.Sprintf("has a damaged %s header (%s)", p.Name, Cause(err)), "fetch it again")
	}
	return r, p, nil
}

// OpenText is Open for a text file: bytes that are not UTF-8, which would make different texts equal, are an error.
func (s *Source) OpenText(option string, candidates ...string) (*File, error) {
	f, err := s.Open(option, candidates...)
	if err == nil {
		f.Reader = bufio.NewReaderSize(&textReader{s: s, name: f.Name, r: f.Reader, line: 1}, 1<<16)
	}
	return f, err
}

// textReader refuses bytes that are not UTF-8.
type textReader struct {
	s    *Source
	name string
	r    io.Reader
	cut  []byte // beginning of a character that was not read whole
	line int
	err  error
}

func (t *textReader) Read(p []byte) (int, error) {
	if t.err != nil {
		return 0, t.err
	}
	n, err := t.r.Read(p)
	text := append(t.cut, p[:n]...)
	t.cut = nil
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size == 1 && err == nil && !utf8.FullRune(text):
			t.cut, text = bytes.Clone(text), nil
			continue
		case r == utf8.RuneError && size == 1:
			t.err = t.s.Fail(t.name, fmt.Sprintf("line %d", t.line), fmt.Sprintf("holds %q, %s", text[:min(len(text), 12)], NotUTF8), "or use a tool such as iconv")
			return 0, t.err
		case r == '\n':
			t.line++
		}
		text = text[size:]
	}
	t.err = err
	return n, err
}

// find is the first of the candidates that exists, as it is or with the end of a packed file behind it.
func (s *Source) find(option string, candidates []string) (string, error) {
	for _, c := range candidates {
		for _, end := range append([]string{""}, unpack.Ends()...) {
			name := c + end
			if !fs.ValidPath(name) {
				return "", s.BadOption(option, "file names inside the data folder, with forward slashes and without ..")
			}
			if _, err := fs.Stat(s.Root, name); err == nil {
				return name, nil
			} else if !errors.Is(err, fs.ErrNotExist) {
				return "", s.Fail(name, "", "cannot be opened: "+Cause(err), "check the file and its permissions")
			}
		}
	}
	return "", s.missing(option, candidates)
}

// missing lists what the folder holds instead of the files looked for.
func (s *Source) missing(option string, candidates []string) *Error {
	var have []string
	if entries, err := fs.ReadDir(s.Root, "."); err == nil {
		for _, e := range entries {
			if len(have) == 8 {
				have = append(have, "...")
				break
			}
			have = append(have, e.Name())
		}
	}
	msg := fmt.Sprintf("%s not found (nor packed, such as with .gz); the folder holds %s", strings.Join(candidates, " or "), strings.Join(have, ", "))
	return s.Fail("", "", msg, fmt.Sprintf("give the right folder, or the file with the option %s", option))
}

// Glob lists the files matching one of the patterns, in order of their names; the first pattern that matches anything counts.
func (s *Source) Glob(option string, patterns ...string) ([]string, error) {
	for _, p := range patterns {
		names, err := fs.Glob(s.Root, p)
		if err != nil {
			return nil, s.BadOption(option, "a file name or a pattern with * and ?")
		}
		if len(names) > 0 {
			sort.Strings(names)
			return names, nil
		}
	}
	return nil, s.missing(option, patterns)
}

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
