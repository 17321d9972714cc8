// Command soak trains for many small steps and watches the trainer's memory, open files and
// threads from outside: they must not grow. It reads /proc, so it needs Linux.
//
//	go run ./internal/soak [--steps 20000] TRAINER [flags of train]
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	steps := flag.Int("steps", 20000, "steps to train")
	every := flag.Duration("every", 100*time.Millisecond, "time between two looks")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: soak [--steps N] [--every TIME] TRAINER [flags of train]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() < 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := soak(flag.Arg(0), *steps, *every, flag.Args()[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// look is what the trainer uses at a moment.
type look struct {
	seconds  float64
	step     int
	resident int // KiB, of memory without a file behind it
	files    int
	threads  int
}

func soak(trainer string, steps int, every time.Duration, flags []string) error {
	dir, err := os.MkdirTemp("", "soak-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	run := filepath.Join(dir, "run")
	c := exec.Command(trainer, append([]string{"train", "--out", run, "--steps", strconv.Itoa(steps), "--quiet"}, flags...)...)
	c.Stderr = os.Stderr
	began := time.Now()
	if err := c.Start(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	var looks []look
	for {
		select {
		case err := <-done:
			if err != nil {
				return fmt.Errorf("the trainer: %w", err)
			}
			fmt.Printf("%d steps in %.0f s\n", steps, time.Since(began).Seconds())
			return judge(looks)
		case <-time.After(every):
			if l, err := lookAt(c.Process.Pid, filepath.Join(run, "metrics.jsonl")); err == nil { // it may just have ended
				l.seconds = time.Since(began).Seconds()
				looks = append(looks, l)
			}
		}
	}
}

func lookAt(pid int, metrics string) (look, error) {
	var l look
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	raw, err := os.ReadFile(filepath.Join(proc, "status"))
	if err != nil {
		return l, err
	}
	for line := range bytes.Lines(raw) {
		fields := strings.Fields(string(line))
		if len(fields) < 2 {
			continue
		}
		n, _ := strconv.Atoi(fields[1])
		switch fields[0] {
		case "RssAnon:":
			l.resident = n
		case "Threads:":
			l.threads = n
		}
	}
	files, err := os.ReadDir(filepath.Join(proc, "fd"))
	l.files = len(files)
	if err != nil || l.resident == 0 {
		return l, errors.Join(err, errors.New("no such process"))
	}
	l.step = lastStep(metrics)
	return l, nil
}

// lastStep is that of the last whole line of metrics.
func lastStep(metrics string) int {
	raw, err := os.ReadFile(metrics)
	if err != nil {
		return 0
	}
	raw = raw[:bytes.LastIndexByte(raw, '\n')+1]
	_, line, _ := bytes.Cut(raw[max(0, bytes.LastIndexByte(raw[:max(0, len(raw)-1)], '\n')):], []byte(`"step":`))
	digits, _, _ := bytes.Cut(line, []byte(","))
	step, _ := strconv.Atoi(string(digits))
	return step
}

// judge shows ten of the looks, and compares the last quarter with the second one: the first is
// for what grows once.
func judge(looks []look) error {
	if len(looks) < 12 {
		return fmt.Errorf("only %d looks: more steps or a shorter --every are needed", len(looks))
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "seconds\tstep\tmemory KiB\tfiles\tthreads\t")
	for i := range 10 {
		l := looks[i*(len(looks)-1)/9]
		fmt.Fprintf(t, "%.0f\t%d\t%d\t%d\t%d\t\n", l.seconds, l.step, l.resident, l.files, l.threads)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	quarter := len(looks) / 4
	second, last := looks[quarter:2*quarter], looks[len(looks)-quarter:]
	var grown []string
	compare := func(what string, of func(look) int, slack int) {
		a, b := least(second, of), least(last, of)
		fmt.Printf("%s: at least %d in the second quarter, %d in the last\n", what, a, b)
		if b > a+slack {
			grown = append(grown, what)
		}
	}
	compare("memory, KiB", func(l look) int { return l.resident }, 1024)
	compare("files", func(l look) int { return l.files }, 0)
	compare("threads", func(l look) int { return l.threads }, 1)
	if len(grown) > 0 {
		return fmt.Errorf("%s grew", strings.Join(grown, ", "))
	}
	return nil
}

// least is the smallest of the values: what comes and goes, such as garbage that is not collected
// yet, does not count, what stays does.
func least(looks []look, of func(look) int) int {
	n := of(looks[0])
	for _, l := range looks {
		n = min(n, of(l))
	}
	return n
}
