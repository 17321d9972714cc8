package data

// images is a set of pictures held as bytes; their values are scaled to 0..1.
type images struct {
	pixels  []byte // [n, size]
	labels  []byte // [n], nil without labels
	size    int
	classes int
	scale   *scaling
}

func (s *images) Len() int     { return len(s.pixels) / s.size }
func (s *images) Classes() int { return s.classes }

func (s *images) Example(i int, _ uint64, x []float32, _ []int32) (float64, error) {
	for j, b := range s.pixels[i*s.size : (i+1)*s.size] {
		x[j] = float32(b) / 255
	}
	s.scale.apply(x)
	if s.labels == nil {
		return 0, nil
	}
	return float64(s.labels[i]), nil
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
