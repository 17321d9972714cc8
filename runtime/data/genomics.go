package data

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"mspecc/runtime/data/tfrecord"
)

var genomicsReader = Builtin("genomics", openGenomics)

// genomes is a TFRecord file of DNA.
type genomes struct {
	b       *Blob
	records Places
	size    int // bases
	classes int
	first   int // the label that becomes class 0
}

func (g *genomes) Len() int       { return g.records.n }
func (g *genomes) Labels() Labels { return Labels{Classes: g.classes, Each: 1} }

// Look has bases as letters.
func (g *genomes) Look() Look { return Letters("ACGT") }

func (g *genomes) Example(i int, _ uint64, e *Example) error {
	from, to, before := g.records.Around(i)
	buf := buffers.get(int(to - from))
	defer buffers.put(buf)
	if err := g.b.ReadFull(*buf, from); err != nil {
		return err
	}
	for rest, place := *buf, from; len(rest) >= tfrecord.Overhead; {
		size := binary.LittleEndian.Uint64(rest)
		if size > uint64(len(rest)-tfrecord.Overhead) {
			break
		}
		if before == 0 && !g.records.bad[place] {
			if g.record(rest[tfrecord.Head:tfrecord.Head+size], e) != "" {
				break
			}
			return nil
		}
		if !g.records.bad[place] {
			before--
		}
		rest, place = rest[tfrecord.Overhead+size:], place+tfrecord.Overhead+int64(size)
	}
	return g.b.Source.Changed(g.b.Name) // every record was good when the file was indexed
}

// record decodes a record: feature x, the bases as digits separated by blanks, and feature y, the
// label. The message says what is wrong with it.
func (g *genomes) record(record []byte, e *Example) (message string) {
	features, err := tfrecord.Parse(record)
	if err != nil {
		return err.Error()
	}
	var x [][]byte
	var y []int64
	for _, f := range features["x"] {
		x = append(x, f.Bytes...)
	}
	for _, f := range features["y"] {
		y = append(y, f.Ints...)
	}
	switch {
	case len(x) == 0 || len(y) == 0:
		return "lacks feature x (bytes) or y (int64)"
	case len(x) > 1 || len(y) > 1:
		return fmt.Sprintf("has %d values of feature x (bytes) and %d of y (int64), expected one of each", len(x), len(y))
	}
	label := float64(y[0] - int64(g.first))
	if slices.Contains(NoLabel, float64(y[0])) {
		label = math.NaN()
	} else if y[0] < int64(g.first) || y[0] >= int64(g.first)+int64(g.classes) {
		return fmt.Sprintf("label y is %d, expected %d..%d", y[0], g.first, g.first+g.classes-1)
	}
	digits := fields(nil, x[0], ' ')
	if len(digits) != g.size {
		return fmt.Sprintf("has %d bases, the model wants %d", len(digits), g.size)
	}
	for i, d := range digits {
		if len(d) != 1 || d[0] < '0' || d[0] > '3' {
			return fmt.Sprintf("base %d is %s, expected 0, 1, 2 or 3", i, shorten(d))
		}
		e.Tokens[i] = int32(d[0] - '0')
	}
	e.Labels[0] = label
	return ""
}

func openGenomics(s *Source) (Dataset, Dataset, error) {
	if !s.Input.Tokens || len(s.Input.Shape) != 1 || s.Input.Vocab < 4 {
		return nil, nil, s.Fail("", "", fmt.Sprintf("the model wants examples %v with a vocabulary of %d, the data has i32[250] with one of 4", s.Input, s.Input.Vocab),
			"use a token modality")
	}
	classes, err := s.Integer("classes", 10, 2)
	if err != nil {
		return nil, nil, err
	}
	first, err := s.Integer("first_label", 0, 0)
	if err != nil {
		return nil, nil, err
	}
	train, err := s.genomicsPart("train", classes, first)
	if err != nil {
		return nil, nil, err
	}
	if s.Text("test") == "split" {
		return s.Split(train)
	}
	if classes, err = s.Integer("test_classes", classes, 2); err != nil {
		return nil, nil, err
	}
	if first, err = s.Integer("test_first_label", first, 0); err != nil {
		return nil, nil, err
	}
	test, err := s.genomicsPart("test", classes, first)
	if err != nil {
		return nil, nil, err
	}
	return train, test, nil
}

// genomicsPart opens all files that match an option's pattern.
func (s *Source) genomicsPart(option string, classes, first int) (Dataset, error) {
	names, err := s.Glob(option, s.Text(option))
	if err != nil {
		return nil, err
	}
	var files []Dataset
	for _, name := range names {
		b, err := s.OpenBlob(name)
		if s.EmptyPart(name, err, len(names)) {
			continue
		}
		if err != nil {
			return nil, err
		}
		g := &genomes{b: b, size: s.Input.Shape[0], classes: classes, first: first}
		if err := g.index(); err != nil {
			return nil, err
		}
		files = append(files, g)
	}
	set := join(files)
	if set.n == 0 {
		return nil, s.Fail(names[0], "", "holds no good record", "give a file with data")
	}
	return set, nil
}

// index looks at every record.
func (g *genomes) index() error {
	all, err := g.b.All()
	if err != nil {
		return err
	}
	defer all.Close()
	in := bufio.NewReaderSize(all, 1<<16)
	e := NewExample(g.b.Source.Want, g.Labels())
	var buf []byte
	for at, i := int64(0), 0; ; i++ {
		place := fmt.Sprintf("record %d", i)
		buf, err = tfrecord.Read(in, buf)
		fix, message := "the file is damaged: fetch it again", ""
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, tfrecord.ErrData):
			message = err.Error()
		case errors.Is(err, io.ErrUnexpectedEOF) && at > 0:
			return g.b.Fail(place, "the file ends too early", "it was cut off: fetch it again")
		case errors.Is(err, io.ErrUnexpectedEOF):
			return g.b.Other("a TFRecord file", place, "the file ends too early", "it was cut off: fetch it again")
		case err != nil && at == 0:
			return g.b.Other("a TFRecord file", place, Cause(err), "give a TFRecord file, or fetch the damaged file again")
		case err != nil:
			return g.b.Fail(place, Cause(err), "give a TFRecord file, or fetch the damaged file again")
		default:
			message = g.record(buf, e)
			fix = "give files as genomics_ood has them, or correct the modality's length, the options classes and first_label, or test_classes and test_first_label"
		}
		end := at + tfrecord.Overhead + int64(len(buf))
		if message == "" {
			g.records.Add(at, end)
		} else {
			g.records.leaveOut(at)
			if err := g.b.Source.Bad(g.b.Fail(place, message, fix)); err != nil {
				return err
			}
		}
		at = end
	}
}
