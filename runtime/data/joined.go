package data

import "slices"

// joined is several data sets, one after the other.
type joined struct {
	sets   []Dataset
	before []int // examples before each
	n      int
}

// join puts data sets of the same kind one after the other, without the empty ones.
func join(sets []Dataset) *joined {
	j := &joined{}
	for _, s := range sets {
		if n := s.Len(); n > 0 {
			j.sets, j.before = append(j.sets, s), append(j.before, j.n)
			j.n += n
		}
	}
	return j
}

func (j *joined) Len() int { return j.n }

// Labels are those of the first set.
func (j *joined) Labels() Labels { return j.sets[0].Labels() }

// Look is that of the first set.
func (j *joined) Look() Look { return LookOf(j.sets[0]) }

// part is the number of the set that example i is of.
func (j *joined) part(i int) int {
	k, found := slices.BinarySearch(j.before, i)
	if !found {
		k--
	}
	return k
}

func (j *joined) Example(i int, epoch uint64, e *Example) error {
	k := j.part(i)
	return j.sets[k].Example(i-j.before[k], epoch, e)
}
