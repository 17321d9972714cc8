package cli

import (
	"sync"

	"mspecc/runtime/data"
)

// leftOut gathers the bad records that are left out: the goroutines that decode add them, the one
// that trains tells the user and the log.
type leftOut struct {
	mu   sync.Mutex
	list []*data.Error
}

func (l *leftOut) add(bad *data.Error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, bad)
}

// tell says what was added since the last time.
func (l *leftOut) tell(say func(format string, args ...any)) {
	l.mu.Lock()
	list := l.list
	l.list = nil
	l.mu.Unlock()
	for _, bad := range list {
		say("left out: %v", bad)
	}
}

// tellData tells, at the end of training, what was left out and how long it waited for data.
func (s *session) tellData() {
	if s.loader == nil {
		return
	}
	s.leftOut.tell(s.warn)
	st := s.loader.Stats()
	perSecond := float64(st.Examples) / max(st.Decoding.Seconds(), 1e-9)
	s.warn("data: waited %s for the first batch and %s for the others; a core decodes %s examples/s",
		duration(st.First.Seconds()), duration(st.Waited.Seconds()), rate(perSecond))
	if st.LeftOut > 0 {
		s.warn("data: %d bad records were left out, the next good ones stood for them", st.LeftOut)
	}
}
