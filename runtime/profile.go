package runtime

import "time"

// LaunchTime is how long one launch took.
type LaunchTime struct {
	Wall   time.Duration   // until its last task was finished
	Stages []time.Duration // by kernel of its tasks, summed over the workers
}

// Busy is the time that workers spent on the launch's tasks, summed over the workers; the rest of
// Wall times the number of workers is idle time.
func (l LaunchTime) Busy() time.Duration {
	sum := time.Duration(0)
	for _, s := range l.Stages {
		sum += s
	}
	return sum
}

// clock measures one worker's part of a launch.
type clock struct {
	last   time.Time
	stages []time.Duration
	first  int // the first stage of what runs
	laps   int // of that
}

// Lap ends the given stage of a task: the time since the stage before it is the stage's.
// Tasks of one stage need not call it.
func (w *Worker) Lap(stage int) {
	if w.clock != nil {
		w.clock.lap(w.clock.first + stage)
	}
}

func (c *clock) lap(stage int) {
	for len(c.stages) <= stage {
		c.stages = append(c.stages, 0)
	}
	now := time.Now()
	c.stages[stage] += now.Sub(c.last)
	c.last = now
	c.laps++
}

// begin and end enclose a task.
func (w *Worker) begin() {
	if w.clock != nil {
		w.clock.last = time.Now()
		w.from(0)
	}
}

// from begins a part of a task.
func (w *Worker) from(stage int) {
	if w.clock != nil {
		w.clock.first, w.clock.laps = stage, 0
	}
}

func (w *Worker) end() {
	if w.clock != nil && w.clock.laps == 0 {
		w.clock.lap(w.clock.first)
	}
}

// Time switches the timing of launches on or off; see Profile.
func (m *Machine) Time(on bool) {
	m.timing = on
	for _, w := range m.workers {
		w.clock = nil
		if on {
			w.clock = &clock{}
		}
	}
}

// resetClocks prepares for the next launch.
func (m *Machine) resetClocks() {
	for _, w := range m.workers {
		clear(w.clock.stages)
	}
}

// record adds a finished launch to the profile.
func (m *Machine) record(wall time.Duration) {
	l := LaunchTime{Wall: wall}
	for _, w := range m.workers {
		for i, d := range w.clock.stages {
			if i == len(l.Stages) {
				l.Stages = append(l.Stages, 0)
			}
			l.Stages[i] += d
		}
	}
	m.profile = append(m.profile, l)
}

// Profile is how long each Machine.Run call of the last Execute took, in order, without the
// random streams. It is valid until the next Execute.
func (m *Machine) Profile() []LaunchTime { return m.profile }
