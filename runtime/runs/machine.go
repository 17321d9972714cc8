package runs

import (
	"bufio"
	"os"
	goruntime "runtime"
	"strings"
)

// Machine says where a session ran.
type Machine struct {
	System string `json:"system"` // such as linux/amd64
	CPU    string `json:"cpu,omitempty"`
	Cores  int    `json:"cores"`
	Memory int64  `json:"memory_bytes,omitempty"`
	Go     string `json:"go"`
}

func thisMachine() Machine {
	m := Machine{System: goruntime.GOOS + "/" + goruntime.GOARCH, Cores: goruntime.NumCPU(), Go: goruntime.Version()}
	m.CPU = field("/proc/cpuinfo", "model name")
	if kb := field("/proc/meminfo", "MemTotal"); kb != "" {
		for _, c := range kb {
			if c >= '0' && c <= '9' {
				m.Memory = 10*m.Memory + int64(c-'0')
			}
		}
		m.Memory *= 1024
	}
	return m
}

// field is the first value of a name in a file of "name: value" lines, "" where there is none.
func field(file, name string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	for scan := bufio.NewScanner(f); scan.Scan(); {
		if key, value, ok := strings.Cut(scan.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
