package data

// maxPlaces bounds the places that an index keeps; 8 MiB of them.
const maxPlaces = 1 << 20

// Places is where the records of a file begin: those of every record at first, and of every
// 2^k-th one where there are many, so that the index does not grow with the file. A reader
// goes on from the place before a record.
type Places struct {
	Limit int // of the places; 0: a million
	step  int
	n     int // records
	at    []int64
	end   int64          // of the last record
	bad   map[int64]bool // places of records that are left out and lie between others
	left  numbering      // of the same
}

// Add takes the place of the next record and of its end.
func (p *Places) Add(at, end int64) {
	if p.Limit == 0 {
		p.Limit = maxPlaces
	}
	p.step = max(1, p.step)
	if p.n%p.step == 0 && len(p.at) == p.Limit {
		half := (len(p.at) + 1) / 2
		for i := range half {
			p.at[i] = p.at[2*i]
		}
		p.at, p.step = p.at[:half], 2*p.step
	}
	if p.n%p.step == 0 {
		p.at = append(p.at, at)
	}
	p.n++
	p.end = end
}

// Len is the number of records.
func (p *Places) Len() int { return p.n }

// leaveOut takes the place of a record that does not count.
func (p *Places) leaveOut(at int64) {
	if p.bad == nil {
		p.bad = map[int64]bool{}
	}
	p.bad[at] = true
	p.left.leaveOut(p.n)
}

// Around gives a part of the file in which record i is, and how many good records come before it there.
func (p *Places) Around(i int) (from, to int64, before int) {
	k := i / p.step
	to = p.end
	if k+1 < len(p.at) {
		to = p.at[k+1]
	}
	return p.at[k], to, i % p.step
}
