package report

// maxRecords is more than a picture can show. A run of many days must not fill the memory.
const maxRecords = 8192

// thinned is a list of records that are evenly spread over all that were added: at most
// maxRecords of them, and the last one.
type thinned struct {
	list   []Record
	last   Record
	stride int // of so many records, one is in the list
	added  int
}

func (t *thinned) add(r Record) {
	t.last = r
	t.added++
	t.stride = max(1, t.stride)
	if (t.added-1)%t.stride != 0 {
		return
	}
	if len(t.list) == maxRecords {
		for i := range maxRecords / 2 {
			t.list[i] = t.list[2*i]
		}
		clear(t.list[maxRecords/2:])
		t.list = t.list[:maxRecords/2]
		t.stride *= 2
	}
	t.list = append(t.list, r)
}

// all are the records of the list and the last one.
func (t *thinned) all() []Record {
	if t.added == 0 || (t.added-1)%t.stride == 0 {
		return t.list
	}
	return append(t.list[:len(t.list):len(t.list)], t.last)
}
