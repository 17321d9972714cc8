package runs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Latest finds a checkpoint: name itself if it is a file, the one of the highest step if it
// is a run directory or its folder of checkpoints.
func Latest(name string) (string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", fmt.Errorf("%s: no such checkpoint or run directory", name)
	}
	if !info.IsDir() {
		return name, nil
	}
	for _, dir := range []string{Dir(name).Checkpoints(), name} {
		entries, err := os.ReadDir(dir) // sorted, and the step has leading zeros
		if err != nil && !os.IsNotExist(err) {
			return "", fmt.Errorf("%s: cannot be read: %w", name, err)
		}
		for i := len(entries) - 1; i >= 0; i-- {
			if n := entries[i].Name(); strings.HasPrefix(n, "step-") && strings.HasSuffix(n, ".safetensors") {
				return filepath.Join(dir, n), nil
			}
		}
	}
	return "", fmt.Errorf("%s: holds no checkpoint (checkpoints/step-*.safetensors)", name)
}

// Of is the run directory that a checkpoint belongs to, "" for one that lies elsewhere.
func Of(checkpoint string) Dir {
	folder := filepath.Dir(filepath.Clean(checkpoint))
	if filepath.Base(folder) != "checkpoints" {
		return ""
	}
	return Dir(filepath.Dir(folder))
}
