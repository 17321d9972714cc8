//go:build unix

package files

import "syscall"

// dontWait keeps the opening of a pipe that took the place of a file from waiting for its other end.
const dontWait = syscall.O_NONBLOCK
