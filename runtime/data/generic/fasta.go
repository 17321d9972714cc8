package generic

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"mspecc/runtime/data"
	"mspecc/runtime/data/filetype"
)

var fastaReader = data.Builtin("fasta", openFASTA)

// checkpoint is the number of letters between the places that the index keeps.
const checkpoint = 1 << 10

// sequence is one record of a file.
type sequence struct {
	file   *data.Blob
	name   string
	number int     // in the file, from 0
	n      int     // letters
	places []int64 // of every so manyth letter
	label  float64
	group  int
}

// fasta is what opening gathers.
type fasta struct {
	s         *data.Source
	alphabet  string
	p         *plan
	ids       [256]int16 // -1 for unknown
	pad       int32
	drop      bool
	unique    bool
	length    int
	stride    int
	label, by string // from what
	class     *classes
	records   []*sequence
	number    int       // of the next record of the file
	segs      []segment // of letters: table is the record
	names     []string  // of the groups
	groups    map[string]int
	tested    int // records before those

	empty      int    // sequences of a file without a letter
	firstEmpty string // the name of the first of them
}

func openFASTA(s *data.Source) (data.Dataset, data.Dataset, error) {
	f, err := newFASTA(s)
	if err != nil {
		return nil, nil, err
	}
	names, err := list(s, "files", s.List("files"), filetype.Table)
	if err != nil {
		return nil, nil, err
	}
	var tests []string
	if given := s.List("test"); len(given) > 0 {
		if tests, err = list(s, "test", given, filetype.Table); err != nil {
			return nil, nil, err
		}
		if names = slices.DeleteFunc(names, func(n string) bool { return slices.Contains(tests, n) }); len(names) == 0 {
			return nil, nil, s.BadOption("test", "not all files: none would be left to train on")
		}
	}
	for i, name := range append(slices.Clone(names), tests...) {
		if i == len(names) {
			f.tested = len(f.records)
		}
		if err := f.read(name); err != nil && !s.EmptyPart(name, err, len(names)+len(tests)) {
			if err := s.Bad(err); err != nil {
				return nil, nil, err
			}
		}
	}
	f.p.test = tests
	return f.sets()
}

func newFASTA(s *data.Source) (*fasta, error) {
	if !s.Input.Tokens || len(s.Input.Shape) != 1 {
		return nil, s.Fail("", "", fmt.Sprintf("the model wants examples %v, sequences give i32[length]", s.Input), "use a token modality")
	}
	f := &fasta{s: s, p: &plan{s: s, label: "label", groups: s.List("test_groups")}, length: s.Input.Shape[0], groups: map[string]int{}}
	alphabet := strings.ToUpper(s.Text("alphabet"))
	if len(alphabet) == 0 || len(alphabet) > s.Input.Vocab || len(alphabet) > 128 {
		return nil, s.BadOption("alphabet", fmt.Sprintf("1 to %d letters, the model's vocabulary", min(s.Input.Vocab, 128)))
	}
	f.alphabet = alphabet
	for i := range f.ids {
		f.ids[i] = -1
	}
	for i := range len(alphabet) {
		c := alphabet[i]
		if f.ids[c] >= 0 || c <= ' ' || c > '~' || c == '>' {
			return nil, s.BadOption("alphabet", "different letters")
		}
		f.ids[c] = int16(i)
		if c >= 'A' && c <= 'Z' {
			f.ids[c|0x20] = int16(i)
		}
	}
	letter := func(option, text string) (int16, error) {
		if len(text) == 1 && f.ids[text[0]] >= 0 {
			return f.ids[text[0]], nil
		}
		return 0, s.BadOption(option, "a letter of the alphabet")
	}
	if pad := s.Text("pad"); pad != "" {
		id, err := letter("pad", pad)
		if err != nil {
			return nil, err
		}
		f.pad = int32(id)
	}
	switch u := s.Text("unknown"); u {
	case "error":
	case "drop":
		f.drop = true
	default:
		id, err := letter("unknown", u)
		if err != nil {
			return nil, err
		}
		for c := range f.ids {
			if f.ids[c] < 0 && c > ' ' && c <= '~' && c != '>' {
				f.ids[c] = id
			}
		}
	}
	var err error
	if f.unique, err = s.Boolean("unique"); err != nil {
		return nil, err
	}
	if f.stride, err = s.Integer("stride", 0, 1); err != nil {
		return nil, err
	}
	return f, f.setLabels()
}

func (f *fasta) setLabels() error {
	s := f.s
	check := func(option, from string) error {
		word, isWord := strings.CutPrefix(from, "word ")
		n, err := strconv.Atoi(word)
		if from == "file" || from == "folder" || from == "record" && option == "split" || isWord && err == nil && n >= 0 || len(from) > 1 && strings.HasSuffix(from, "=") {
			return nil
		}
		return s.BadOption(option, "file, folder, word N or KEY=")
	}
	f.label = s.Text("label")
	if err := check("label", f.label); err != nil && f.label != "none" {
		return err
	}
	if err := f.p.setClassOptions(); err != nil {
		return err
	}
	if f.label == "none" {
		f.p.label = ""
	}
	f.class = newClasses(f.p)
	split := s.Text("split")
	if f.p.split = split; split == "" {
		f.p.split = "random"
		if f.stride > 0 {
			f.p.split = "last"
		}
	}
	if by, ok := strings.CutPrefix(split, "by "); ok {
		f.p.split, f.by = "by", strings.TrimSpace(by)
		return check("split", f.by)
	}
	if f.p.split != "random" && f.p.split != "last" {
		return s.BadOption("split", "random, last, by file, by folder, by record, by word N or by KEY=")
	}
	if f.p.split == "random" && f.stride > 0 && f.stride < f.length {
		return s.BadOption("split", "last or by ...: windows that overlap would lie on both sides of a random one")
	}
	return nil
}

// take is the part of a record's header, file or folder that an option names.
func take(from string, b *data.Blob, header string) (string, bool) {
	words := strings.Fields(header)
	switch {
	case from == "file":
		return b.Name, true
	case from == "folder":
		return path.Dir(b.Name), true
	case from == "record":
		return b.Name + " " + header, true
	case strings.HasSuffix(from, "="):
		for _, w := range words {
			if v, ok := strings.CutPrefix(w, from); ok {
				return v, true
			}
		}
		return "", false
	}
	n, _ := strconv.Atoi(strings.TrimPrefix(from, "word "))
	if n >= len(words) {
		return "", false
	}
	return words[n], true
}

// maxHeader bounds a record's header.
const maxHeader = 1 << 20

// letters reads a file byte by byte.
type letters struct {
	in *bufio.Reader
	at int64 // of the next byte
}

func (l *letters) next() (byte, error) {
	c, err := l.in.ReadByte()
	if err == nil {
		l.at++
	}
	return c, err
}

// line reads up to the end of the line.
func (l *letters) line() (string, error) {
	var b []byte
	for {
		c, err := l.next()
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		if err != nil || c == '\n' {
			return strings.TrimRight(string(b), "\r"), nil
		}
		if b = append(b, c); len(b) > maxHeader {
			return "", filetype.Unread("shorten the header", "the line is longer than 1 MiB")
		}
	}
}

// read indexes a file.
func (f *fasta) read(name string) error {
	b, err := f.s.OpenBlob(name)
	if err != nil {
		return err
	}
	r, err := b.All()
	if err != nil {
		return err
	}
	defer r.Close()
	text, skipped, err := textStart(b, r)
	if err != nil {
		return err
	}
	l := &letters{in: text, at: skipped}
	mark, seen := byte(0), map[string]bool{} // mark: what records begin with
	before := len(f.records)
	f.number = 0
	for {
		start := l.at
		c, err := l.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && c <= ' ' {
			continue // an empty line between records
		}
		if err == nil && mark == 0 {
			if c != '>' && c != '@' {
				return b.Other("a FASTA file", b.Line(start), "begins with neither > nor @", "give a FASTA or FASTQ file")
			}
			mark = c
		}
		if err == nil && c != mark {
			return f.s.Fail(name, b.Line(start), fmt.Sprintf("begins with %q, expected %q", c, mark), "correct the line, or fetch the damaged file again")
		}
		header, err := l.line()
		if err == nil {
			err = f.record(b, l, header, mark == '@', seen)
		}
		if err != nil {
			var own *data.Error
			var kind *filetype.Error
			switch {
			case errors.As(err, &own):
			case errors.As(err, &kind):
				err = f.s.Fail(name, b.Line(l.at), kind.Msg, kind.Fix)
			default:
				err = f.s.Fail(name, b.Line(l.at), data.Cause(err), "the file is damaged: fetch it again")
			}
			return err
		}
	}
	if f.empty > 0 {
		f.s.Note("%s: %d sequences without a letter are left out, the first is %q", name, f.empty, f.firstEmpty)
		f.empty = 0
	}
	if len(f.records) == before {
		return f.s.Fail(name, "", "holds no good record", "give a file with sequences")
	}
	return nil
}

// record reads one sequence behind its header.
func (f *fasta) record(b *data.Blob, l *letters, header string, fastq bool, seen map[string]bool) error {
	q := &sequence{file: b, number: f.number}
	f.number++
	if words := strings.Fields(header); len(words) > 0 {
		q.name = words[0]
	}
	start, bad, message := l.at, 0, ""
	lo := 0 // of the letters since the last unknown one
	segs := len(f.segs)
	close := func() {
		if q.n > lo {
			f.segs = append(f.segs, segment{table: len(f.records), lo: lo, hi: q.n})
		}
	}
	newLine := true
	for {
		c, err := l.next()
		if errors.Is(err, io.EOF) {
			if fastq {
				message = "has no line with +"
			}
			break
		}
		if err != nil {
			return err
		}
		if newLine && (c == '>' && !fastq || c == '+' && fastq) {
			if !fastq {
				l.at--
				_ = l.in.UnreadByte()
			} else if message, err = f.quality(l, q.n); err != nil {
				return err
			}
			break
		}
		if newLine = c == '\n'; c <= ' ' {
			continue
		}
		if q.n%checkpoint == 0 {
			q.places = append(q.places, l.at-1)
		}
		if f.ids[c] < 0 {
			if bad++; bad == 1 && !f.drop {
				message = fmt.Sprintf("letter %d is %q, which is not in the alphabet", q.n+1, c)
			}
			if f.drop && f.stride > 0 {
				close()
				lo = q.n + 1
			}
		}
		if q.n++; q.n > math.MaxInt32 {
			return filetype.Unread("cut it into parts", "a sequence has more than 2^31 letters")
		}
	}
	close()
	switch {
	case message != "":
	case q.n == 0: // which is what programs that cut reads leave of some
		if f.empty++; f.empty == 1 {
			f.firstEmpty = q.name
		}
		return nil
	case f.unique && seen[q.name]:
		message = "has the name of a record before it"
	default:
		message = f.describe(q, header)
	}
	seen[q.name] = true
	if message != "" {
		f.segs = f.segs[:segs]
		return f.s.Bad(b.Fail(fmt.Sprintf("record %.40q, %s", q.name, b.Line(start-1)), message, "correct or remove the record"))
	}
	if f.drop && f.stride == 0 && bad > 0 {
		f.segs = f.segs[:segs]
		return nil
	}
	for i := range f.segs[segs:] {
		f.segs[segs+i].group = q.group
	}
	f.records = append(f.records, q)
	return nil
}

// quality passes over the rest of a FASTQ record: the line with + and as many characters as
// there are letters.
func (f *fasta) quality(l *letters, n int) (message string, err error) {
	if _, err := l.line(); err != nil {
		return "", err
	}
	for n > 0 {
		c, err := l.next()
		if errors.Is(err, io.EOF) {
			return "has fewer qualities than letters", nil
		}
		if err != nil {
			return "", err
		}
		if c > ' ' {
			n--
		}
	}
	if next, _ := l.in.Peek(1); string(next) == "@" { // of no letters, even the empty line of their qualities may be missing
		return "", nil
	}
	rest, err := l.line()
	if strings.TrimSpace(rest) != "" {
		message = "has more qualities than letters"
	}
	return message, err
}

// describe finds a record's label and group.
func (f *fasta) describe(q *sequence, header string) (message string) {
	if f.label != "none" {
		text, ok := take(f.label, q.file, header)
		if !ok {
			return "its header has no " + f.label
		}
		if q.label, message = f.class.label(cell{text: []byte(text)}); message != "" {
			return message
		}
	}
	if f.by != "" {
		text, ok := take(f.by, q.file, header)
		if !ok {
			return "its header has no " + f.by
		}
		g, ok := f.groups[text]
		if !ok {
			g = len(f.names)
			f.groups[text], f.names = g, append(f.names, text)
		}
		q.group = g
	}
	return ""
}

// sequences is a data set of records or of windows of them.
type sequences struct {
	f      *fasta
	segs   []segment
	before []int
	n      int
	labels data.Labels
	rank   []float64
}

func (q *sequences) Len() int            { return q.n }
func (q *sequences) Labels() data.Labels { return q.labels }

// Look has the letters of the alphabet.
func (q *sequences) Look() data.Look { return data.Letters(q.f.alphabet) }

func (f *fasta) newSet(segs []segment) *sequences {
	q := &sequences{f: f, labels: data.Labels{Classes: f.class.number(), Each: 1, Names: f.class.names()}, rank: f.class.rank()}
	for _, g := range segs {
		n := 1
		if f.stride > 0 {
			if n = 0; g.hi-g.lo >= f.length {
				n = (g.hi-g.lo-f.length)/f.stride + 1
			}
		}
		if n > 0 {
			q.segs, q.before = append(q.segs, g), append(q.before, q.n)
			q.n += n
		}
	}
	return q
}

func (q *sequences) Example(i int, _ uint64, e *data.Example) error {
	g, lo, hi := q.locate(i)
	r := q.f.records[g.table]
	e.Labels[0] = 0
	if q.f.label != "none" {
		e.Labels[0] = classOf(q.rank, r.label)
	}
	for j := range e.Tokens[hi-lo:] {
		e.Tokens[hi-lo+j] = q.f.pad
	}
	return q.f.letters(r, lo, e.Tokens[:hi-lo])
}

// letters writes the ids of a record's letters from lo on.
func (f *fasta) letters(r *sequence, lo int, dst []int32) error {
	at, skip := r.places[lo/checkpoint], lo%checkpoint
	buf := make([]byte, min(int64((len(dst)+skip)*9/8+128), r.file.Size-at))
	for len(dst) > 0 {
		if len(buf) == 0 {
			return f.s.Changed(r.file.Name)
		}
		if err := r.file.ReadFull(buf, at); err != nil {
			return err
		}
		at += int64(len(buf))
		for _, c := range buf {
			if c <= ' ' {
				continue
			}
			if skip > 0 {
				skip--
				continue
			}
			if len(dst) == 0 {
				break
			}
			id := f.ids[c]
			if id < 0 {
				return f.s.Changed(r.file.Name)
			}
			dst[0] = int32(id)
			dst = dst[1:]
		}
		buf = buf[:min(int64(cap(buf)), r.file.Size-at)]
	}
	return nil
}

// sets divides the records.
func (f *fasta) sets() (data.Dataset, data.Dataset, error) {
	s, p := f.s, f.p
	if f.label != "none" && f.class.number() < 2 && p.numbered != 1 {
		return nil, nil, s.Fail("", "", fmt.Sprintf("there are %d different labels, expected at least 2", f.class.number()), "correct the option label")
	}
	if p.split == "random" && len(p.test) == 0 {
		all := f.newSet(f.segs)
		if all.n == 0 {
			return nil, nil, f.nothing("")
		}
		return s.Split(all)
	}
	train, test, err := f.divide()
	if err != nil {
		return nil, nil, err
	}
	a, b := f.newSet(train), f.newSet(test)
	switch {
	case a.n == 0:
		return nil, nil, f.nothing("training ")
	case b.n == 0:
		return nil, nil, f.nothing("test ")
	}
	return a, b, nil
}

func (f *fasta) nothing(what string) error {
	return f.s.Fail("", "", "holds no good "+what+"sequence of "+fmt.Sprint(f.length)+" letters", "use a shorter length, another split, or another alphabet")
}

func (f *fasta) divide() (train, test []segment, err error) {
	p := f.p
	x := &index{s: f.s, p: p, segs: f.segs, names: f.names}
	if len(p.test) > 0 {
		return x.split(f.tested)
	}
	if p.split == "last" && f.stride == 0 {
		return nil, nil, f.s.BadOption("split", "random or by ... where records are examples: last cuts windows")
	}
	x.tables = make([]*indexed, len(f.records))
	return x.split(0)
}
