package codegen

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"unicode"

	"mspecc/runtime/files"
)

// maxSample is how many bytes of sample data a trainer carries for a modality at most.
const maxSample = 1 << 30

// SampleFile is a file of the small data set that a spec names.
type SampleFile struct {
	Name string // in the data set, with slashes
	Path string
	size int64
}

func (s SampleFile) read() ([]byte, error) { return files.Read(s.Path, s.size) }

// SampleFiles lists the files of a modality's small data set. Their kinds, sizes and names are
// such that a program can carry them.
func SampleFiles(modality, dir string) ([]SampleFile, error) {
	var list []SampleFile
	total := int64(0)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, info, err := files.Open(path)
		if err != nil {
			return err
		}
		f.Close()
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if i := strings.IndexFunc(name, noEmbed); i >= 0 {
			return fmt.Errorf("%q: a program cannot carry a file with %q in its name; give it another", path, name[i:i+1])
		}
		if total += info.Size(); total > maxSample {
			return fmt.Errorf("%s: the files have more than 1 GiB, which is too much for a program to carry; leave the spec's sample out and give the data with --data", dir)
		}
		list = append(list, SampleFile{name, path, info.Size()})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("the sample data of modality %s: %w", modality, err)
	}
	return list, nil
}

// noEmbed says whether the names of files that Go carries in a program must not have a character.
// The rule is that of module.CheckFilePath in golang.org/x/mod.
func noEmbed(c rune) bool {
	if c >= unicode.MaxASCII {
		return !unicode.IsLetter(c)
	}
	return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("!#$%&()+,-./=@[]^_{}~ ", c))
}
