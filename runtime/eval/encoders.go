package eval

// Encoders puts the results of one method on several encoders together, each of which has a seed of its
// own: their scores are the repetitions, so that the deviation is that between encoders. Confusion and
// predictions are those of the first.
func Encoders(list []Result) Result {
	r := list[0]
	r.Encoders = len(list)
	gather := func(of func(x *Result) *Score) *Score {
		var values []float64
		why := ""
		for i := range list {
			s := of(&list[i])
			if s == nil {
				return nil
			}
			if values = append(values, s.Mean); s.Undefined != "" {
				why = s.Undefined
			}
		}
		return score(values, why)
	}
	r.Train = gather(func(x *Result) *Score { return x.Train })
	r.Test = gather(func(x *Result) *Score { return x.Test })
	r.Best = gather(func(x *Result) *Score { return x.Best })
	r.BestEpochs, r.Seconds = nil, 0
	for i := range list {
		r.BestEpochs = append(r.BestEpochs, list[i].BestEpochs...)
		r.Seconds += list[i].Seconds
	}
	return r
}
