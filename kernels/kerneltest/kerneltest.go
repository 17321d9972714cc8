// Package kerneltest builds printed kernels into a small program of their own
// and runs them, for tests and measurements.
package kerneltest

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"mspecc/internal/module"
)

// emulator is the environment variable that names a program which runs programs for arm64 here
// (qemu-aarch64): kernels are built for arm64 then.
const emulator = "MSPECC_QEMU_AARCH64"

// Arch is the GOARCH that kernels are built for.
func Arch() string {
	if os.Getenv(emulator) != "" {
		return "arm64"
	}
	return runtime.GOARCH
}

// Command runs a program that was built for Arch.
func Command(program string) *exec.Cmd {
	if e := os.Getenv(emulator); e != "" {
		return exec.Command(e, program)
	}
	return exec.Command(program)
}

// The program reads requests (kernel index, repetitions, place of the memory, offsets, counts,
// memory) and answers with the memory after the first call and the shortest
// time of one call in nanoseconds.
const mainSource = `package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"os"
	"time"
	"unsafe"

	"` + module.Runtime + `"
)

func main() {
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	for {
		var head [3]int64
		if err := binary.Read(in, binary.LittleEndian, &head); err == io.EOF {
			return
		}
		var a runtime.Args
		var off [24]int64
		var n [8]int64
		var floats int64
		for _, x := range []any{&off, &n, &floats} {
			if err := binary.Read(in, binary.LittleEndian, x); err != nil {
				panic(err)
			}
		}
		for i, x := range off {
			a.Off[i] = int(x)
		}
		for i, x := range n {
			a.N[i] = int(x)
		}
		free := func() {}
		if head[2] == 0 {
			raw := make([]float32, floats+16)
			skip := (64 - int(uintptr(unsafe.Pointer(&raw[0]))%64)) / 4 % 16
			a.Mem = raw[skip : skip+int(floats)]
		} else {
			a.Mem, free = guarded(int(floats), head[2] == 2)
		}
		bytes := unsafe.Slice((*byte)(unsafe.Pointer(&a.Mem[0])), 4*floats)
		if _, err := io.ReadFull(in, bytes); err != nil {
			panic(err)
		}
		call := a
		kernels[head[0]](&call)
		out.Write(bytes)
		best := time.Duration(1 << 62)
		for i := 0; i < int(head[1]); i++ {
			start := time.Now()
			call = a
			kernels[head[0]](&call)
			best = min(best, time.Since(start))
		}
		binary.Write(out, binary.LittleEndian, int64(best))
		out.Flush()
		free()
	}
}
`

// guardedSource is memory between two pages that nothing may touch.
const guardedSource = `//go:build unix

package main

import (
	"os"
	"syscall"
	"unsafe"
)

func guarded(floats int, end bool) ([]float32, func()) {
	page := os.Getpagesize()
	inner := (4*floats + page - 1) / page * page
	all, err := syscall.Mmap(-1, 0, inner+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	for _, guard := range [][]byte{all[:page], all[page+inner:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			panic(err)
		}
	}
	first := page
	if end {
		first += inner - 4*floats
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&all[first])), floats), func() { syscall.Munmap(all) }
}
`

const unguardedSource = `//go:build !unix

package main

func guarded(floats int, end bool) ([]float32, func()) { panic("no guard pages on this system") }
`

const runtimeSource = `package runtime

type Args struct {
	Mem []float32
	Off [24]int
	N   [8]int
}
`

// A Runner is the running program.
type Runner struct {
	t     testing.TB
	names map[string]int
	in    *bufio.Writer
	out   *bufio.Reader
}

// Build writes the files (name to text, package main), checks them with go
// vet, compiles them and starts the program. It stops with the test.
func Build(t testing.TB, files map[string]string, kernels []string) *Runner {
	t.Helper()
	dir := t.TempDir()
	var table strings.Builder
	table.WriteString("package main\n\nimport \"" + module.Runtime + "\"\n\nvar kernels = []func(*runtime.Args){\n")
	r := &Runner{t: t, names: map[string]int{}}
	for i, k := range kernels {
		table.WriteString("\t" + k + ",\n")
		r.names[k] = i
	}
	table.WriteString("}\n")
	write(t, dir, "go.mod", "module "+module.Path+"\n\ngo 1.26\n")
	write(t, dir, "runtime/args.go", runtimeSource)
	write(t, dir, "main.go", mainSource)
	write(t, dir, "table.go", table.String())
	write(t, dir, "guarded.go", guardedSource)
	write(t, dir, "unguarded.go", unguardedSource)
	for name, text := range files {
		write(t, dir, name, text)
	}
	for _, args := range [][]string{{"vet", "."}, {"build", "-o", "kernels", "."}} {
		cmd := exec.Command("go", args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=", "GOWORK=off", "GOARCH="+Arch())
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", args[0], err, text)
		}
	}
	r.start(filepath.Join(dir, "kernels"))
	return r
}

func (r *Runner) start(program string) {
	cmd := Command(program)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.in, r.out = bufio.NewWriter(in), bufio.NewReader(out)
	r.t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			r.t.Errorf("kernel program: %v", err)
		}
	})
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Run calls a kernel on mem, which it updates.
func (r *Runner) Run(name string, mem []float32, off, n []int) { r.Time(name, mem, off, n, 0) }

// Time is Run followed by repeated calls; it returns the shortest time of one
// in nanoseconds. The memory is that after the first call.
func (r *Runner) Time(name string, mem []float32, off, n []int, repeat int) int64 {
	return r.call(name, mem, off, n, repeat, 0)
}

// RunGuarded is Run on memory between two pages that nothing may touch: it begins after the first or,
// if end is set, ends before the second. What touches one ends the program, and the test.
func (r *Runner) RunGuarded(name string, mem []float32, off, n []int, end bool) {
	place := 1
	if end {
		place = 2
	}
	r.call(name, mem, off, n, 0, place)
}

func (r *Runner) call(name string, mem []float32, off, n []int, repeat, place int) int64 {
	i, ok := r.names[name]
	if !ok {
		r.t.Fatalf("no kernel %s", name)
	}
	var offs [24]int64
	var ns [8]int64
	for i, x := range off {
		offs[i] = int64(x)
	}
	for i, x := range n {
		ns[i] = int64(x)
	}
	var best int64
	err := send(r.in, [3]int64{int64(i), int64(repeat), int64(place)}, offs, ns, int64(len(mem)), mem)
	if err == nil {
		err = r.in.Flush()
	}
	if err == nil {
		err = receive(r.out, mem, &best)
	}
	if err != nil {
		r.t.Fatalf("kernel %s: %v", name, err)
	}
	return best
}

func send(w io.Writer, xs ...any) error {
	for _, x := range xs {
		if err := binary.Write(w, binary.LittleEndian, x); err != nil {
			return fmt.Errorf("sending: %w", err)
		}
	}
	return nil
}

func receive(rd io.Reader, xs ...any) error {
	for _, x := range xs {
		if err := binary.Read(rd, binary.LittleEndian, x); err != nil {
			return fmt.Errorf("receiving: %w", err)
		}
	}
	return nil
}
