package data

import (
	"cmp"
	"fmt"
)

// pixels are pictures that lie in a file as bytes, one every so many bytes; their values are
// scaled to 0..1.
type pixels struct {
	b           *Blob
	first, step int64 // of the first picture's bytes, and from one to the next
	size        int
	labels      []uint16 // [n], all 0 without labels
	classes     int
	advice      string        // what to do about other labels than those of the classes
	bad         map[int]error // records that are left out
}

func (p *pixels) Len() int       { return len(p.labels) }
func (p *pixels) Labels() Labels { return Labels{Classes: p.classes, Each: 1} }

func (p *pixels) Example(i int, _ uint64, e *Example) error {
	if err := p.bad[i]; err != nil {
		return err
	}
	buf := buffers.get(p.size)
	defer buffers.put(buf)
	if err := p.b.ReadFull(*buf, p.first+int64(i)*p.step); err != nil {
		return err
	}
	for j, b := range *buf {
		e.X[j] = float32(b) / 255
	}
	e.Labels[0] = float64(p.labels[i])
	return nil
}

// label sets the label of record i of a file, which counts from first on.
func (p *pixels) label(b *Blob, i int, label int64, first int) error {
	if label >= int64(first) && label < int64(first+p.classes) {
		p.labels[i] = uint16(label - int64(first))
		return nil
	}
	err := b.Fail(fmt.Sprintf("record %d", i), fmt.Sprintf("label is %d, expected %d..%d", label, first, first+p.classes-1),
		cmp.Or(p.advice, "check that this is the file of this data set, or fetch it again"))
	if err := b.Source.Bad(err); err != nil {
		return err
	}
	if p.bad == nil {
		p.bad = map[int]error{}
	}
	p.bad[i] = err
	return nil
}
