package data

import (
	"fmt"
	"slices"
)

// settleScaling makes the option standardize say what the model wants: values scaled as in its
// training, or as they are. Only a model of which nothing is known leaves it to the options.
func (s *Source) settleScaling(o OpenOptions) {
	const option = "standardize"
	if !slices.ContainsFunc(s.reader.Options, func(x Option) bool { return x.Name == option }) {
		if o.Scaled {
			s.Scaling = nil
		}
		return
	}
	_, said := s.given[option]
	set := func(value string) {
		if s.given == nil {
			s.given = map[string]string{}
		}
		s.given[option] = value
	}
	switch {
	case o.Scaled:
		s.Scaling = nil
		set("false")
	case s.Scaling != nil && s.reader.Fixed: // rescale does it
		set("false")
	case s.Scaling != nil:
		set("true")
	case o.Trained && !said && !s.reader.Fixed:
		set("false")
	}
}

// rescale scales the values of a reader that does not do so by itself as those of the training were.
func (s *Source) rescale(train, test Dataset) (Dataset, Dataset, error) {
	if s.Scaling == nil || s.Want.Values() == 0 || LearnedOf(train).Scaling != nil {
		return train, test, nil
	}
	channels := len(s.Scaling.Mean)
	if n := s.Want.Values(); channels == 0 || n%channels != 0 {
		return nil, nil, s.Fail("", "", fmt.Sprintf("the scaling kept with the model is of %d channels, its examples have %d values", channels, n), "the checkpoint is damaged: give another one")
	}
	if message := s.Scaling.Check(channels); message != "" {
		return nil, nil, s.Fail("", "", "the scaling kept with the model "+message, "give another checkpoint")
	}
	return scaled{train, s.Scaling}, scaled{test, s.Scaling}, nil
}
