package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// untilSignal is a context that ends with the first Ctrl-C, SIGTERM or SIGHUP, which its cause
// names; a second one ends the process at once. Call stop when it is no longer needed.
func (a *app) untilSignal(parent context.Context) (ctx context.Context, stop func()) {
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
			signal.Stop(arrived) // from now on signals do what they do by themselves
			why := "interrupted"
			if s != os.Interrupt {
				why = "stopped by " + map[os.Signal]string{syscall.SIGTERM: "SIGTERM", syscall.SIGHUP: "SIGHUP"}[s]
			}
			cancel(errors.New(why))
			a.note("finishing the step and saving; a second signal ends at once")
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
