package data

// Example is the number, in the data set, of the example in a row of a step's batch.
func (l *Loader) Example(step, row int) int {
	i := step%l.steps*l.opt.Batch + row
	if l.opt.Shuffle {
		order := permute(l.set.Len(), l.opt.Seed, uint64(step/l.steps))
		i = order.at(i)
	}
	return i
}
