package generic

import (
	"sync/atomic"

	"mspecc/runtime/data"
	"mspecc/runtime/data/filetype"
	"mspecc/runtime/data/picture"
)

// samples says what those of the pictures of a data set are: numbers as the files have them, or 0 to 1 from black to white. It is the same
// in all of them. Where a model was trained with others, that is worth a note: its own data may be of another task.
type samples struct {
	seen atomic.Int32 // 0 for nothing yet, or a place in sampleKinds
}

var sampleKinds = []struct{ name, what string }{{}, {data.StoredSamples, "numbers of 32 bits or more, signed or floating ones, which are taken as they are"},
	{data.ScaledSamples, "whole numbers of up to 16 bits, which become 0 to 1"}}

// newSamples are those of pictures of a shape. With other than 1 or 3 channels they are always as the files have them.
func newSamples(shape []int) *samples {
	m := &samples{}
	if shape[0] != 1 && shape[0] != 3 {
		m.seen.Store(1)
	}
	return m
}

// check refuses pictures whose samples are something else than those before.
func (m *samples) check(p *picture.Image) error {
	now := int32(1)
	if !p.AsIs() {
		now = 2
	}
	if m.seen.CompareAndSwap(0, now) || m.seen.Load() == now {
		return nil
	}
	return filetype.Unread("convert the pictures to samples of one type",
		"has samples that are %s; another picture of the data set has samples that are %s", sampleKinds[now].what, sampleKinds[3-now].what)
}

// settle looks at a picture, and compares with those that the model was trained with; what is wrong with it is told when it
// is used.
func (m *samples) settle(s *data.Source, set data.Dataset) {
	e := data.NewExample(s.Want, set.Labels())
	for i := 0; i < min(set.Len(), 8) && m.seen.Load() == 0; i++ {
		_ = set.Example(i, 0, e)
	}
	now := m.seen.Load()
	if s.Schema == nil || s.Schema.Pictures == "" || now == 0 || s.Schema.Pictures == sampleKinds[now].name {
		return
	}
	s.Note("the pictures have samples that are %s; those that the model was trained with have samples that are %s", sampleKinds[now].what, sampleKinds[3-now].what)
}

// name is what a schema calls them, "" for no pictures.
func (m *samples) name() string {
	if m == nil {
		return ""
	}
	return sampleKinds[m.seen.Load()].name
}
