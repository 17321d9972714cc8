package runtime

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestAvailable(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		free  float64
		whose string
	}{
		{"a machine", map[string]string{"proc/meminfo": "MemTotal: 9000 kB\nMemAvailable:    5000 kB\nSwapFree: 100 kB\n"}, 5100 * 1024, "the machine's memory"},
		{"a group within a limited one", map[string]string{
			"proc/meminfo": "MemAvailable: 5000000 kB\n", "proc/self/cgroup": "0::/a/b\n",
			"sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/b/memory.current": "10\n", "sys/fs/cgroup/a/b/memory.stat": "",
			"sys/fs/cgroup/a/memory.max": "1000\n", "sys/fs/cgroup/a/memory.current": "700\n", "sys/fs/cgroup/a/memory.stat": "anon 100\ninactive_file 250\n",
		}, 550, "sys/fs/cgroup/a)"},
		{"version 1, in a container", map[string]string{
			"proc/meminfo": "MemAvailable: 5000000 kB\n", "proc/self/cgroup": "3:cpu,cpuacct:/x\n2:memory:/outside\n0::/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "2000\n", "sys/fs/cgroup/memory/memory.usage_in_bytes": "700\n", "sys/fs/cgroup/memory/memory.stat": "total_inactive_file 0\n",
		}, 1300, "sys/fs/cgroup/memory)"},
		{"more than there is", map[string]string{
			"proc/meminfo": "MemAvailable: 50 kB\n", "proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/memory.max": "100\n", "sys/fs/cgroup/memory.current": "700\n", "sys/fs/cgroup/memory.stat": "",
		}, 0, "sys/fs/cgroup)"},
		{"another system", nil, math.Inf(1), ""},
	} {
		root := t.TempDir()
		for name, text := range c.files {
			name = filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if free, whose := available(root); free != c.free || !strings.HasSuffix(whose, c.whose) {
			t.Errorf("%s: %v of %q, expected %v of %q", c.name, free, whose, c.free, c.whose)
		}
	}
}

// With little address space left a large program is refused, in words, and a small one runs.
func TestOutOfMemory(t *testing.T) {
	if os.Getenv("LITTLE_MEMORY") == "" {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		c := exec.Command(self, "-test.run=^TestOutOfMemory$", "-test.v")
		c.Env = append(os.Environ(), "LITTLE_MEMORY=1")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	used, ok := colonValue("/proc/self/status", "VmSize")
	if !ok {
		t.Skip("no /proc")
	}
	const left = 256 << 20
	limit := uint64(used*1024) + left
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		t.Skip(err)
	}
	_, err := NewMachine(&Program{Floats: left / 4 * 2}, 1)
	if err == nil || !strings.Contains(err.Error(), "cannot allocate 0.50 GiB of memory for the model: only 0.2") || !strings.Contains(err.Error(), "ulimit -v") {
		t.Errorf("error %v", err)
	}
	m, err := NewMachine(&Program{Floats: left / 4 / 8}, 1)
	if err != nil {
		t.Fatal(err)
	}
	m.Close()
}
