package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/gofrs/flock"

	"mspecc/codegen"
	"mspecc/runtime/files"
)

// cacheVariable of the environment bounds what moduleCache keeps; cacheSize does where it is not set, and is about 100 modules.
const (
	cacheVariable = "MSPECC_CACHE_SIZE"
	cacheSize     = 256 << 20
)

// moduleCache keeps the generated modules of specs between builds, so that what did not change is neither generated nor written
// again. Each is a folder with a file beside it, NAME.lock, which is locked while the folder is used, whose time is that of the
// last use, and which says how large the folder was then.
type moduleCache struct {
	dir  string
	size int64 // bytes that the modules may have together
}

// openModules is the cache in the user's cache folder.
func openModules() (*moduleCache, error) {
	c := &moduleCache{size: cacheSize}
	if text := os.Getenv(cacheVariable); text != "" {
		n, err := humanize.ParseBytes(text)
		if err != nil || n > math.MaxInt64 {
			return nil, usageError{fmt.Errorf("%s is %s, expected a size such as 256MB or 1GiB", cacheVariable, text)}
		}
		c.size = int64(n)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("no folder for the generated module: %w; name one with --emit", err)
	}
	c.dir = filepath.Join(dir, "mspecc")
	return c, os.MkdirAll(c.dir, 0o777)
}

// heldModule is a folder of the cache that nobody else uses.
type heldModule struct {
	dir  string
	lock *flock.Flock
}

// take gives the folder of a spec, once nobody else uses it: another build of the same spec would write other files there.
func (c *moduleCache) take(file string) (*heldModule, error) {
	abs, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	m := &heldModule{dir: filepath.Join(c.dir, moduleName(abs))}
	for {
		m.lock = flock.New(m.dir + lockEnding)
		if err := m.lock.Lock(); err != nil {
			return nil, fmt.Errorf("%s cannot be locked: %w", m.lock.Path(), err)
		}
		if current(m.lock) {
			return m, nil
		}
		_ = m.lock.Unlock() // of a file that trim removed meanwhile
	}
}

// release says that a folder was used, and lets others use it.
func (m *heldModule) release() error {
	if n, err := codegen.TreeSize(m.dir); err == nil {
		_ = os.WriteFile(m.lock.Path(), strconv.AppendInt(nil, n, 10), 0o600) // without it, trim counts itself
	}
	now := time.Now()
	return errors.Join(os.Chtimes(m.lock.Path(), now, now), m.lock.Unlock())
}

const lockEnding = ".lock"

// moduleName is the name of the folder of a spec: something to recognise it by, and a hash of where it is, for paths may be longer
// than names, and hold what the go command takes in none.
func moduleName(abs string) string {
	base := strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, strings.TrimSuffix(filepath.Base(abs), ".mspec"))
	return fmt.Sprintf("%.40s-%.6x", base, sha256.Sum256([]byte(abs)))
}

// current reports whether a locked file still has its name. One that does not is nobody's any more, and others may have locked the
// file that has the name now.
func current(l *flock.Flock) bool {
	held, err := l.Stat()
	named, e := os.Stat(l.Path())
	return err == nil && e == nil && os.SameFile(held, named)
}

// entry is a folder of the cache that is or was there.
type entry struct {
	dir  string
	size int64
	used time.Time
}

// trim removes the modules that were used least recently until the others fit. What is in use stays.
func (c *moduleCache) trim() error {
	list, err := c.entries()
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b entry) int { return a.used.Compare(b.used) })
	total := int64(0)
	for _, e := range list {
		total += e.size
	}
	for _, e := range list {
		if total <= c.size && e.size > 0 {
			continue
		}
		gone, err := e.remove()
		if err != nil {
			return err
		}
		if gone {
			total -= e.size
		}
	}
	return nil
}

// entries are all modules, by their locks.
func (c *moduleCache) entries() ([]entry, error) {
	names, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, err
	}
	var list []entry
	for _, n := range names {
		name, isLock := strings.CutSuffix(n.Name(), lockEnding)
		info, err := n.Info()
		if !isLock || err != nil || !info.Mode().IsRegular() {
			continue // somebody else's, or removed meanwhile
		}
		e := entry{dir: filepath.Join(c.dir, name), used: info.ModTime()}
		if !codegen.IsTree(e.dir) {
			continue
		}
		text, _ := files.Read(e.dir+lockEnding, 20)
		if e.size, err = strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64); err != nil || e.size < 0 {
			if e.size, err = codegen.TreeSize(e.dir); err != nil {
				continue
			}
		}
		list = append(list, e)
	}
	return list, nil
}

// remove removes a module and its lock, unless it is in use or was used meanwhile.
func (e entry) remove() (gone bool, err error) {
	l := flock.New(e.dir + lockEnding)
	if ok, err := l.TryLock(); !ok || err != nil {
		return false, nil // in use, or another user's
	}
	defer l.Unlock()
	if info, err := l.Stat(); !current(l) || err != nil || !info.ModTime().Equal(e.used) {
		return false, nil
	}
	if err := codegen.RemoveTree(e.dir); err != nil {
		return false, err
	}
	err = os.Remove(l.Path())
	return err == nil || errors.Is(err, fs.ErrNotExist), err
}
