package cli

import (
	"context"
	"io"
	"os"
	"path/filepath"
	goruntime "runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"mspecc/runtime"
	"mspecc/runtime/internal/tiny"
)

// left counts goroutines and open files, once both have stopped to fall.
func left() (goroutines, files int) {
	for goroutines = -1; ; time.Sleep(20 * time.Millisecond) {
		entries, _ := os.ReadDir("/proc/self/fd")
		g, f := goruntime.NumGoroutine(), len(entries)
		if goroutines >= 0 && g >= goroutines && f >= files {
			return g, f
		}
		goroutines, files = g, f
	}
}

// A command leaves no goroutine and no open file behind, however it ends.
func TestNothingIsLeft(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it would close files that were forgotten
	dir := t.TempDir()
	run := func(want int, change func(p *runtime.Program), cancelAt int, args ...string) {
		t.Helper()
		p := tiny.Program()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		after(p, cancelAt, func(*runtime.Machine) { cancel() })
		if change != nil {
			change(p)
		}
		var said strings.Builder
		if code := Run(ctx, "tiny", args, io.Discard, &said, p); code != want {
			t.Errorf("%v: exit code %d, expected %d\n%s", args, code, want, said.String())
		}
	}
	out := func(name string) string { return filepath.Join(dir, name) }
	all := func() {
		run(0, nil, -1, "train", "--out", out("a"))
		run(0, nil, -1, "train", "--resume", out("a"), "--steps", "70")
		run(3, nil, 30, "train", "--out", out("b"))
		run(1, poison, -1, "train", "--out", out("c"))
		run(1, nil, -1, "train", "--out", out("a")) // holds a run
		run(1, func(p *runtime.Program) { p.Step.Run = func(*runtime.Machine) { panic("no") } }, -1, "train", "--out", out("d"))
		run(1, nil, -1, "train", "--out", out("e"), "--data", out("none"))
		run(1, otherSpec, -1, "train", "--resume", out("a"))
		run(0, nil, -1, "export", "--checkpoint", out("a"), "--out", out("a.safetensors"))
		run(0, nil, -1, "eval", "--checkpoint", out("a"), "--no-feature-cache", "--epochs", "1", "--methods", "linear,knn")
		run(0, nil, -1, "embed", "--checkpoint", out("a"), "--out", out("a.csv"))
		run(0, nil, -1, "reconstruct", "--checkpoint", out("a"), "--out", out("a.png"))
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	all() // whatever a library starts once and for all
	goroutines, files := left()
	all()
	if g, f := left(); g > goroutines || f > files {
		t.Errorf("%d goroutines and %d files, before %d and %d", g, f, goroutines, files)
		_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
	}
}
