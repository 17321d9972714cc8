package data

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"unicode/utf8"
)

// Files calls visit with the names of all files below the data folder, in the order of their
// folders and names. Links to folders are followed; hidden files and folders are left out.
func (s *Source) Files(visit func(name string) error) error { return s.walk(".", visit) }

func (s *Source) walk(dir string, visit func(name string) error) error {
	entries, err := fs.ReadDir(s.Root, dir)
	if err != nil && !utf8.ValidString(dir) {
		return s.badName(dir)
	}
	if err != nil {
		return s.Fail(dir, "", "cannot be read: "+Cause(err), "check the folder and its permissions")
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if !s.IsFolder(dir, e) {
			err = visit(name)
		} else if err = s.circle(name, e); err == nil {
			err = s.walk(name, visit)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// badName is the error of a file whose name cannot be given to a system for opening it.
func (s *Source) badName(name string) *Error {
	return s.Fail(name, "", "has a name that is not UTF-8", "rename it, such as by convmv -t utf8")
}

// IsFolder says whether an entry of a folder is a folder, or a link to one.
func (s *Source) IsFolder(dir string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.IsDir()
	}
	info, err := fs.Stat(s.Root, path.Join(dir, e.Name()))
	return err == nil && info.IsDir()
}

// circle refuses a link to a folder that it lies in.
func (s *Source) circle(name string, e fs.DirEntry) error {
	if e.Type()&fs.ModeSymlink == 0 {
		return nil
	}
	to, err := fs.Stat(s.Root, name)
	for dir := name; err == nil && dir != "."; {
		dir = path.Dir(dir)
		var in fs.FileInfo
		if in, err = fs.Stat(s.Root, dir); err == nil && os.SameFile(in, to) {
			return s.Fail(name, "", "is a link to a folder that it lies in", "remove the link")
		}
	}
	return nil
}
