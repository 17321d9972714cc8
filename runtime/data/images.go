package data

// images is a set of pictures held as bytes; their values are scaled to 0..1.
type images struct {
	pixels  []byte // [n, size]
	labels  []byte // [n], nil without labels
	size    int
	classes int
	scale   *scaling
}

func (s *images) Len() int       { return len(s.pixels) / s.size }
func (s *images) Labels() Labels { return Labels{Classes: s.classes, Each: 1} }

func (s *images) Example(i int, _ uint64, e *Example) error {
	for j, b := range s.pixels[i*s.size : (i+1)*s.size] {
		e.X[j] = float32(b) / 255
	}
	s.scale.apply(e.X)
	e.Labels[0] = 0
	if s.labels != nil {
		e.Labels[0] = float64(s.labels[i])
	}
	return nil
}

// standardise scales both sets by the channels' moments over the training set.
func standardise(train, test *images, channels int) {
	m, row := newMoments(channels), make([]float32, channels)
	per := train.size / channels
	for at := 0; at < len(train.pixels); at += train.size {
		for p := range per {
			for c := range row {
				row[c] = float32(train.pixels[at+c*per+p]) / 255
			}
			m.row(row)
		}
	}
	train.scale = m.scaling()
	test.scale = train.scale
}
