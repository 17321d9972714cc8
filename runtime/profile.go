package runtime

import "time"

// LaunchTime is how long one launch took.
type LaunchTime struct {
	Wall   time.Duration   // until its last task was finished
	Stages []time.Duration // by kernel of its tasks, summed over the workers
}

// Busy is the time that workers spent on the launch's tasks, summed over the workers. What
// Wall times the number of workers has more, they were idle.
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
	laps   int // of the current task
}

// Lap ends the given stage of a task: the time since the stage before it is the stage's.
// Tasks of one stage need not call it.
func (w *Worker) Lap(stage int) {
	if w.clock != nil {
		w.clock.lap(stage)
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
		w.clock.last, w.clock.laps = time.Now(), 0
	}
}

func (w *Worker) end() {
	if w.clock != nil && w.clock.laps == 0 {
		w.clock.lap(0)
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
