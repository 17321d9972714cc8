package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"mspecc/runtime"
)

// profile says where the time of a step goes. Seconds are those of all workers divided by
// their number, so that they add up to the step where nobody is idle.
type profile struct {
	Limits runtime.Limits `json:"limits"`
	Peak   float64        `json:"peak_flop_per_s"` // of the products that the trainer was built for
	Idle   float64        `json:"idle"`            // share of the workers' time spent waiting for each other

	Phases  []share `json:"phases"`  // in order of the program
	Kernels []share `json:"kernels"` // slowest first
	threads int
}

// share is the part of a step that one phase or one kernel takes.
type share struct {
	Name      string  `json:"name"`
	Calls     int     `json:"calls"`
	Seconds   float64 `json:"seconds"`
	Idle      float64 `json:"idle_s"`
	Share     float64 `json:"share"` // of the step
	FLOPs     float64 `json:"flop"`
	Bytes     float64 `json:"bytes"`
	GFLOPs    float64 `json:"gflop_per_s"`
	GBs       float64 `json:"gb_per_s"`
	Peak      float64 `json:"share_of_peak"`      // of Limits.FLOPs, or Limits.BF16 in a trainer with products in bf16
	Bandwidth float64 `json:"share_of_bandwidth"` // of Limits.Bandwidth; above 1 where caches serve
}

// launchSums adds up the launches of several steps, in order.
type launchSums []runtime.LaunchTime

func (s *launchSums) add(step []runtime.LaunchTime) {
	for i, l := range step {
		if i == len(*s) {
			*s = append(*s, runtime.LaunchTime{})
		}
		t := &(*s)[i]
		t.Wall += l.Wall
		for j, d := range l.Stages {
			if j == len(t.Stages) {
				t.Stages = append(t.Stages, 0)
			}
			t.Stages[j] += d
		}
	}
}

// newProfile sorts the launches of steps by phase and by kernel. Launches that the program
// does not describe are called by their number.
func newProfile(f *runtime.Function, bf16 bool, launches launchSums, steps, threads int, limits runtime.Limits) *profile {
	p := &profile{Limits: limits, Peak: limits.FLOPs, threads: threads}
	if bf16 {
		p.Peak = limits.BF16
	}
	per := 1 / float64(steps) / float64(threads)
	wall, busy := time.Duration(0), time.Duration(0)
	for i, l := range launches {
		wall, busy = wall+l.Wall, busy+l.Busy()
		info := runtime.CallInfo{Stages: []runtime.StageInfo{{Name: "launch " + strconv.Itoa(i), Phase: "unknown"}}}
		if i < len(f.Calls) {
			info = f.Calls[i]
		}
		idle := (float64(threads)*l.Wall.Seconds() - l.Busy().Seconds()) * per
		for j, s := range info.Stages {
			seconds := 0.0
			if j < len(l.Stages) {
				seconds = l.Stages[j].Seconds() * per
			}
			p.Phases = addShare(p.Phases, s.Phase, seconds, idle/float64(len(info.Stages)), s)
			p.Kernels = addShare(p.Kernels, s.Name, seconds, idle/float64(len(info.Stages)), s)
		}
	}
	p.Idle = 1 - busy.Seconds()/(float64(threads)*wall.Seconds())
	for _, list := range [][]share{p.Phases, p.Kernels} {
		for i := range list {
			list[i].rates(wall.Seconds()/float64(steps), limits.Bandwidth, p.Peak)
		}
	}
	slices.SortStableFunc(p.Kernels, func(a, b share) int { return cmp.Compare(b.Seconds, a.Seconds) })
	return p
}

func addShare(list []share, name string, seconds, idle float64, work runtime.StageInfo) []share {
	i := slices.IndexFunc(list, func(s share) bool { return s.Name == name })
	if i < 0 {
		i = len(list)
		list = append(list, share{Name: name})
	}
	s := &list[i]
	s.Calls++
	s.Seconds += seconds
	s.Idle += idle
	s.FLOPs += work.FLOPs
	s.Bytes += work.Bytes
	return list
}

func (s *share) rates(step, bandwidth, peak float64) {
	s.Share = s.Seconds / step
	if s.Seconds > 0 {
		s.GFLOPs, s.GBs = s.FLOPs/s.Seconds/1e9, s.Bytes/s.Seconds/1e9
		s.Peak, s.Bandwidth = 1e9*s.GFLOPs/peak, 1e9*s.GBs/bandwidth
	}
}

func (p *profile) write(w io.Writer) {
	fmt.Fprintf(w, "this machine     %.1f GFLOP/s in registers, %.1f GB/s copied, with %d threads\n", p.Peak/1e9, p.Limits.Bandwidth/1e9, p.threads)
	fmt.Fprintf(w, "idle             %.1f %% of the threads' time\n", 100*p.Idle)
	shares(w, "phase", p.Phases)
	shares(w, "kernel", p.Kernels)
}

func shares(w io.Writer, what string, list []share) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\nms\tshare\tidle ms\tcalls\tGFLOP\tGFLOP/s\tof peak\tGB/s\tof copying\t  %s\n", what)
	for _, s := range list {
		fmt.Fprintf(t, "%.3f\t%.1f %%\t%.3f\t%d\t%.3f\t%.1f\t%.0f %%\t%.1f\t%.0f %%\t  %s\n",
			1e3*s.Seconds, 100*s.Share, 1e3*s.Idle, s.Calls, s.FLOPs/1e9, s.GFLOPs, 100*s.Peak, s.GBs, 100*s.Bandwidth, s.Name)
	}
	_ = t.Flush()
}
