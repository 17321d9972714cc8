package runtime

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
)

// CheckMemory refuses to take more memory than there is: taking it succeeds at first, and the
// kernel ends the process when it is used. Less than worthLooking is not looked at.
func CheckMemory(bytes float64) error {
	if bytes < worthLooking {
		return nil
	}
	free, whose := available("")
	if bytes <= free {
		return nil
	}
	return fmt.Errorf("only %.2f GiB are left of %s", free/(1<<30), whose)
}

// worthLooking is so much memory that it is worth the millisecond that it takes to ask how much there is.
const worthLooking = 16 << 20

// rlimitData bounds the private memory of a process.
const rlimitData = 2

// available is how many bytes this process can still take, and what sets the limit. root stands
// before the names of the kernel's files.
func available(root string) (free float64, whose string) {
	free = math.Inf(1)
	limit := func(n float64, name string) {
		if n < free {
			free, whose = max(0, n), name
		}
	}
	if has, ok := colonValue(root+"/proc/meminfo", "MemAvailable"); ok {
		swap, _ := colonValue(root+"/proc/meminfo", "SwapFree")
		limit((has+swap)*1024, "the machine's memory")
	}
	for _, g := range groups(root) {
		limit(g.free(), "the control group's memory ("+g.folder+")")
	}
	for _, r := range []struct {
		resource int
		used     string
		name     string
	}{{syscall.RLIMIT_AS, "VmSize", "the limit on address space (ulimit -v)"}, {rlimitData, "VmData", "the limit on data (ulimit -d)"}} {
		var l syscall.Rlimit
		if err := syscall.Getrlimit(r.resource, &l); err != nil || l.Cur == math.MaxUint64 {
			continue
		}
		if used, ok := colonValue(root+"/proc/self/status", r.used); ok {
			limit(float64(l.Cur)-used*1024, r.name)
		}
	}
	return free, whose
}

// group is a control group that accounts memory, in version 1 or 2 of their interface.
type group struct {
	folder             string
	max, current, stat string // names of its files
	cache              string // the line of stat with the memory that can be reclaimed at once
}

// groups are the control groups of this process with those above it.
func groups(root string) []group {
	raw, err := os.ReadFile(root + "/proc/self/cgroup")
	if err != nil {
		return nil
	}
	var list []group
	for line := range strings.Lines(string(raw)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		g := group{root + "/sys/fs/cgroup", "memory.max", "memory.current", "memory.stat", "inactive_file"}
		if parts[1] != "" {
			if !strings.Contains(","+parts[1]+",", ",memory,") {
				continue
			}
			g = group{root + "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat", "total_inactive_file"}
		}
		top := g.folder
		for at := path.Clean("/" + parts[2]); ; at = path.Dir(at) {
			g.folder = path.Join(top, at)
			list = append(list, g)
			if at == "/" {
				break
			}
		}
	}
	return list
}

// free is what the group lets its processes still take; without a limit, or where its files
// cannot be read, any amount.
func (g group) free() float64 {
	most, ok := number(path.Join(g.folder, g.max))
	used, known := number(path.Join(g.folder, g.current))
	if !ok || !known {
		return math.Inf(1)
	}
	raw, err := os.ReadFile(path.Join(g.folder, g.stat))
	if err != nil {
		return math.Inf(1)
	}
	for line := range bytes.Lines(raw) {
		if name, value, _ := strings.Cut(strings.TrimSpace(string(line)), " "); name == g.cache {
			if cache, err := strconv.ParseFloat(value, 64); err == nil {
				used -= cache
			}
		}
	}
	return most - used
}

// number is a file that holds one; false for "max" and what is not there.
func number(file string) (float64, bool) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(raw)), 10, 64)
	return float64(n), err == nil
}

// colonValue is the number behind a name in a file of lines "name: number kB".
func colonValue(file, name string) (float64, bool) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	for line := range bytes.Lines(raw) {
		key, value, _ := strings.Cut(string(line), ":")
		if fields := strings.Fields(value); key == name && len(fields) > 0 {
			n, err := strconv.ParseFloat(fields[0], 64)
			return n, err == nil
		}
	}
	return 0, false
}
