package data

// pixels are pictures that lie in a file as bytes, one every so many bytes; their values are
// scaled to 0..1.
type pixels struct {
	b           *Blob
	first, step int64 // of the first picture's bytes, and from one to the next
	size        int
	labels      []uint16 // [n], all 0 without labels
	classes     int
}

func (p *pixels) Len() int       { return len(p.labels) }
func (p *pixels) Labels() Labels { return Labels{Classes: p.classes, Each: 1} }

func (p *pixels) Example(i int, _ uint64, e *Example) error {
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
