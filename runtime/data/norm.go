package data

import "math"

// scaling standardises channels: (x - mean) / deviation.
type scaling struct{ mean, inv []float64 } // per channel; inv is 1 / deviation

// apply standardises x, channel-major: [channels, rest...].
func (s *scaling) apply(x []float32) {
	per := len(x) / len(s.mean)
	for c, mean := range s.mean {
		inv := s.inv[c]
		for i, v := range x[c*per : (c+1)*per] {
			x[c*per+i] = float32((float64(v) - mean) * inv)
		}
	}
}

// scaled is a data set whose values are standardised.
type scaled struct {
	Dataset
	scale *scaling
}

// Example is that of the data set, scaled.
func (s scaled) Example(i int, epoch uint64, e *Example) error {
	if err := s.Dataset.Example(i, epoch, e); err != nil {
		return err
	}
	s.scale.apply(e.X)
	return nil
}

// standardise scales both sets by the channels' moments over all training examples.
func (s *Source) standardise(train, test Dataset, channels int) (Dataset, Dataset, error) {
	m, e, row := newMoments(channels), NewExample(s.Want, train.Labels()), make([]float32, channels)
	for i := range train.Len() {
		if i%4096 == 0 {
			s.Progress("mean and deviation", int64(i), int64(train.Len()))
		}
		if err := train.Example(i, 0, e); err != nil {
			if err := s.Bad(err); err != nil {
				return nil, nil, err
			}
			continue
		}
		per := len(e.X) / channels
		for p := range per {
			for c := range row {
				row[c] = e.X[c*per+p]
			}
			m.row(row)
		}
	}
	scale := m.scaling()
	return scaled{train, scale}, scaled{test, scale}, nil
}

// moments gathers the mean and the deviation of channels (Welford's update, so that large means cost no precision).
type moments struct {
	n        float64
	mean, m2 []float64
}

func newMoments(channels int) *moments {
	return &moments{mean: make([]float64, channels), m2: make([]float64, channels)}
}

// row takes one value of every channel.
func (m *moments) row(x []float32) {
	m.n++
	for c, v := range x {
		d := float64(v) - m.mean[c]
		m.mean[c] += d / m.n
		m.m2[c] += d * (float64(v) - m.mean[c])
	}
}

// scaling is the one that gives mean 0 and deviation 1; constant channels become 0.
func (m *moments) scaling() *scaling {
	s := &scaling{mean: m.mean, inv: make([]float64, len(m.mean))}
	for c, m2 := range m.m2 {
		s.inv[c] = 1
		if d := math.Sqrt(m2 / m.n); d > 1e-12 {
			s.inv[c] = 1 / d
		}
	}
	return s
}
