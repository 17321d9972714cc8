package data

import (
	"errors"
	"fmt"
	"sync"
)

// Skip counts the bad records that are left out, up to a limit. It is safe for concurrent use.
type Skip struct {
	Limit int
	Note  func(bad *Error) // hears of each bad record once; nil: nobody listens

	mu   sync.Mutex
	seen map[string]bool // messages, of different records
}

// Count is the number of bad records so far.
func (k *Skip) Count() int {
	if k == nil {
		return 0
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.seen)
}

// take says whether the record that err is about may be left out: nil, or an error.
func (k *Skip) take(err error) error {
	var bad *Error
	if k == nil || k.Limit == 0 || !errors.As(err, &bad) || bad.lost {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	text := bad.Error()
	if k.seen[text] {
		return nil
	}
	if len(k.seen) >= k.Limit {
		return fmt.Errorf("one bad record more than the %d that may be left out: %w", k.Limit, err)
	}
	if k.seen == nil {
		k.seen = map[string]bool{}
	}
	k.seen[text] = true
	if k.Note != nil {
		k.Note(bad)
	}
	return nil
}

// tolerant is a data set in which the next good record stands for a bad one.
type tolerant struct {
	Dataset
	skip *Skip
}

// tolerate wraps a data set where bad records may be left out.
func tolerate(set Dataset, skip *Skip) Dataset {
	if skip == nil || skip.Limit == 0 {
		return set
	}
	return tolerant{set, skip}
}

// Example is that of the data set, or of the next index that has a good one, which From tells.
func (t tolerant) Example(i int, epoch uint64, e *Example) error {
	n := t.Len()
	for k := range n {
		err := t.Dataset.Example((i+k)%n, epoch, e)
		if err == nil {
			e.From = (i + k) % n
			return nil
		}
		if err := t.skip.take(err); err != nil {
			return err
		}
	}
	return &Error{Msg: "every record is bad", Fix: "give other data"}
}
