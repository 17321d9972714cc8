package cli

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// outlet is standard output or standard error. What it cannot write is lost, which stops nothing: whoever
// writes to it hears of no error, and lost tells.
type outlet struct {
	to   io.Writer
	name string
	mu   sync.Mutex
	err  error // of the first write that failed; nothing is written from then on
	told bool
}

// Write never fails.
func (o *outlet) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		_, o.err = o.to.Write(b)
	}
	return len(b), nil
}

// lost says that something could not be written, "" if nothing was lost.
func (o *outlet) lost() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		return ""
	}
	return fmt.Sprintf("%s is gone (%v): what was printed since is lost", o.name, o.err)
}

// news is lost, once.
func (o *outlet) news() string {
	text := o.lost()
	if text == "" || o.told {
		return ""
	}
	o.told = true
	return text
}

// file is the file that a writer stands for, nil for none.
func file(w io.Writer) *os.File {
	if o, ok := w.(*outlet); ok {
		w = o.to
	}
	f, _ := w.(*os.File)
	return f
}

// prints marks, among the annotations of a command, that it does nothing but print: where nobody reads that any
// more it may end by SIGPIPE, as programs do.
const prints = "prints"

// outlives marks that what a command prints is beside the point: it succeeds without.
const outlives = "outlives"

// outlive lets the process outlive the readers of what it prints: without it a write to a pipe that
// nobody reads, on standard output or standard error, would end it.
func outlive() { signal.Ignore(syscall.SIGPIPE) }
