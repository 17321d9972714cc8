package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// signalError says which signal ended a context.
type signalError struct{ signal os.Signal }

// Error names it.
func (s signalError) Error() string {
	switch s.signal {
	case syscall.SIGTERM:
		return "stopped by SIGTERM"
	case syscall.SIGHUP:
		return "stopped by SIGHUP"
	}
	return "interrupted"
}

// sameSignal is the time after a first signal within which others count as the same: timeout(1) and other
// programs that start this one send theirs to it and once more to its group.
var sameSignal = time.Second

// untilSignal is a context that ends with the first Ctrl-C, SIGTERM or SIGHUP, a signalError being its cause;
// then the note is told. A second one ends the process at once. Call stop when it is no longer needed.
func (a *app) untilSignal(parent context.Context, note string) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	list := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		list = append(list, syscall.SIGHUP)
	}
	arrived, over, gone := make(chan os.Signal, 1), make(chan struct{}), make(chan struct{})
	signal.Notify(arrived, list...)
	go func() {
		defer close(gone)
		select {
		case s := <-arrived:
			cancel(signalError{s})
			if note != "" {
				a.note("%s", note)
			}
		case <-over:
			return
		}
		select {
		case <-time.After(sameSignal):
			signal.Stop(arrived) // from now on signals do what they do by themselves
		case <-over:
		}
	}()
	return ctx, func() {
		signal.Stop(arrived)
		close(over)
		<-gone
		cancel(nil)
	}
}
