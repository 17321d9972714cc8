// Package generic has the readers of files that no data set's own reader knows: tables as CSV,
// JSON lines, NumPy arrays, Parquet and TFRecord, folders of pictures and of recordings, and
// sequences in FASTA and FASTQ. What they have in common is the way from records to examples:
// which columns, which label, what becomes of missing values, windows, tokens, and a split into
// training and test that keeps what belongs together on one side.
//
// Importing the package registers the readers with package data.
package generic

import (
	"path"
	"slices"
	"strings"

	"mspecc/runtime/data"
	"mspecc/runtime/data/filetype"
	"mspecc/runtime/data/unpack"
)

func init() {
	for _, r := range []data.Reader{audioReader, captionedReader, csvReader, fastaReader, imagesReader, jsonlReader, npyReader, parquetReader, tfrecordReader} {
		data.Register(r)
	}
}

// list finds the files that a pattern of the option stands for, in order of their names. A
// pattern without a slash is one of file names, in any folder below; several are separated by
// commas. The end of a name, such as .JPG, may also be written in small letters. Hidden files and
// folders are left out; so are indexes and checksums beside the files, unless a pattern asks for them. The default patterns of
// tables also stand for packed files, such as those with .gz behind the name; what kind of files they are of says which
// of the others are worth a note.
func list(s *data.Source, option string, patterns []string, of filetype.Kind) ([]string, error) {
	var names []string
	others := holding{}
	err := s.Files(func(name string) error {
		fits, err := matches(patterns, name)
		if bare, by := unpack.Trim(name); by != nil && of == filetype.Table && !fits && err == nil && s.Preset(option) {
			fits, err = matches(patterns, bare)
		}
		switch {
		case err != nil:
			return s.BadOption(option, "file names, or patterns with * and ?")
		case fits:
			names = append(names, name)
		default:
			others.add(name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, others.missing(s, option, patterns, of)
	}
	if s.Preset(option) {
		others.note(s, of)
	}
	slices.Sort(names)
	return names, packedTwice(s, option, names)
}

// packedTwice refuses a file beside the same one that is packed, as gzip -k leaves them: every record would be there twice, perhaps once to
// train on and once to test.
func packedTwice(s *data.Source, option string, names []string) error {
	seen := map[string]string{}
	for _, name := range names {
		bare, _ := unpack.Trim(name)
		if other, twice := seen[bare]; twice {
			return s.Fail(name, "", "is there a second time, as "+other+", so that its records would count twice", "remove one of them, or name the files with the option "+option)
		}
		seen[bare] = name
	}
	return nil
}

// beside are the ends of files that lie beside others and tell where something is in them, or whether they are whole.
var beside = []string{".idx", ".index", ".crc", ".crc32", ".crc32c", ".md5", ".md5sum", ".sha1", ".sha256", ".sha512", ".asc", ".sig", ".json", ".txt"}

// matches says whether one of the patterns stands for a file.
func matches(patterns []string, name string) (bool, error) {
	for _, p := range patterns {
		text := path.Base(name)
		if strings.Contains(p, "/") {
			text = name
		}
		fits, err := path.Match(p, text)
		if err != nil {
			return false, err
		}
		end := strings.ToLower(path.Ext(text))
		if !fits {
			fits, _ = path.Match(p, strings.TrimSuffix(text, path.Ext(text))+end)
		}
		if fits && (!slices.Contains(beside, end) || strings.HasSuffix(strings.ToLower(p), end)) {
			return true, nil
		}
	}
	return false, nil
}
