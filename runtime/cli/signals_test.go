package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"
	"testing"
	"time"
)

// signalMyself sends this process a signal.
func signalMyself(t *testing.T, s os.Signal) {
	t.Helper()
	p, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = p.Signal(s)
	}
	if err != nil {
		t.Skip(err) // a system without
	}
}

// What starts a trainer may send it a signal twice, as timeout(1) does: that is one signal.
func TestSignalSentTwice(t *testing.T) {
	defer func(was time.Duration) { sameSignal = was }(sameSignal)
	sameSignal = time.Hour
	ctx, stop := (&app{err: io.Discard}).untilSignal(context.Background(), "stopping")
	defer stop()
	signalMyself(t, syscall.SIGTERM)
	<-ctx.Done()
	time.Sleep(50 * time.Millisecond) // for long enough to notice that signals are not looked at any more
	for range 10 {
		signalMyself(t, syscall.SIGTERM) // would end the test
	}
	var by signalError
	if !errors.As(context.Cause(ctx), &by) || by.signal != syscall.SIGTERM {
		t.Errorf("ended by %v", context.Cause(ctx))
	}
}
