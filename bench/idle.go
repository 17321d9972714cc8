package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ticks is the number of clock ticks of /proc in a second, the same on all Linux systems.
const ticks = 100

// machineSeconds is the CPU time that everything has used since the machine started, and what
// a hypervisor gave to other machines.
func machineSeconds() (float64, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("the machine's load cannot be read: %w; measuring needs Linux", err)
	}
	return parseStat(string(text))
}

// parseStat reads /proc/stat: user, nice, system, idle, iowait, irq, softirq and steal ticks.
// Guests are counted among user and nice.
func parseStat(text string) (float64, error) {
	line, _, _ := strings.Cut(text, "\n")
	f := strings.Fields(line)
	if len(f) < 9 || f[0] != "cpu" {
		return 0, fmt.Errorf("/proc/stat begins with %q, expected cpu and at least eight counts", line)
	}
	sum := 0.0
	for i, s := range f[1:9] {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/stat: %w", err)
		}
		if idle := i == 3 || i == 4; !idle {
			sum += float64(n)
		}
	}
	return sum / ticks, nil
}

// others is the share of the machine that others used in a while, given the CPU seconds of
// all and our own.
func others(all, own, wall float64, cores int) float64 {
	if wall <= 0 {
		return 0
	}
	return max(0, all-own) / wall / float64(cores)
}

// task is a process.
type task struct {
	pid  int
	name string
}

// processSeconds is the CPU time of every process.
func processSeconds() map[task]float64 {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	out := map[task]float64{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // it has ended
		}
		if t, s, err := parseProcess(string(text)); err == nil {
			out[t] = s
		}
	}
	return out
}

// parseProcess reads /proc/PID/stat. The name, in brackets, may hold anything.
func parseProcess(text string) (task, float64, error) {
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return task{}, 0, errors.New("no name in brackets")
	}
	f := strings.Fields(text[end+1:])
	if len(f) < 13 {
		return task{}, 0, errors.New("too few fields")
	}
	pid, err := strconv.Atoi(strings.TrimSpace(text[:open]))
	user, err1 := strconv.ParseUint(f[11], 10, 64)
	system, err2 := strconv.ParseUint(f[12], 10, 64)
	return task{pid, text[open+1 : end]}, float64(user+system) / ticks, errors.Join(err, err1, err2)
}

// busiest names the processes that used most CPU time between two looks, those above 2 % of a core.
func busiest(before, after map[task]float64, wall float64) string {
	used := map[task]float64{}
	for t, s := range after {
		if d := s - before[t]; d > 0.02*wall && t.pid != os.Getpid() {
			used[t] = d
		}
	}
	order := slices.SortedFunc(maps.Keys(used), func(a, b task) int {
		return cmp.Or(cmp.Compare(used[b], used[a]), cmp.Compare(a.pid, b.pid))
	})
	var names []string
	for _, t := range order[:min(5, len(order))] {
		names = append(names, fmt.Sprintf("%s (%d) %.0f %%", t.name, t.pid, 100*used[t]/wall))
	}
	if len(names) == 0 {
		return "no single process"
	}
	return strings.Join(names, ", ")
}

// idle looks at the machine for a while. Where others use more than the allowed share it is an error
// that wraps errBusy, or with --force a warning.
func (b *bench) idle(window time.Duration) error {
	processes, start := processSeconds(), time.Now()
	before, err := machineSeconds()
	if err != nil {
		return err
	}
	select {
	case <-time.After(window):
	case <-b.ctx.Done():
		return b.ctx.Err()
	}
	after, err := machineSeconds()
	if err != nil {
		return err
	}
	wall := time.Since(start).Seconds()
	return b.judge(others(after-before, 0, wall, b.report.Cores), busiest(processes, processSeconds(), wall))
}

// judge takes the share that others use, and who they are.
func (b *bench) judge(share float64, who string) error {
	b.report.Others = max(b.report.Others, share)
	if share <= b.o.noise {
		return nil
	}
	found := fmt.Sprintf("others use %s of this machine, at most %s is allowed (busiest, of one core: %s)", percent(share), percent(b.o.noise), who)
	if b.o.force {
		b.say("%s; going on because of --force", found)
		return nil
	}
	return fmt.Errorf("%w: %s; wait until it is idle, or measure without verdict with --force", errBusy, found)
}
