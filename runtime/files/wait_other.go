//go:build !unix

package files

// dontWait is for systems whose pipes have names in the file system.
const dontWait = 0
