package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Whoever starts mspecc run ends the trainer with it: SIGTERM is passed on.
func TestRunPassesOnSIGTERM(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	ready := filepath.Join(t.TempDir(), "ready")
	go func() {
		for {
			if _, err := os.Stat(ready); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		self, _ := os.FindProcess(os.Getpid())
		_ = self.Signal(syscall.SIGTERM)
	}()
	err = execute(shell, "-c", `trap 'exit 3' TERM; : >"$0"; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1; done`, ready)
	var exit *trainerExit
	if !errors.As(err, &exit) || exit.code != 3 {
		t.Errorf("the trainer ended with %v, expected exit code 3", err)
	}
}
