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
)

func init() {
	for _, r := range []data.Reader{audioReader, captionedReader, csvReader, fastaReader, imagesReader, jsonlReader, npyReader, parquetReader, tfrecordReader} {
		data.Register(r)
	}
}

// list finds the files that a pattern of the option stands for, in order of their names. A
// pattern without a slash is one of file names, in any folder below; several are separated by
// commas. The end of a name, such as .JPG, may also be written in small letters. Hidden files and
// folders are left out.
func list(s *data.Source, option string, patterns []string) ([]string, error) {
	var names []string
	others := holding{}
	err := s.Files(func(name string) error {
		base, n := path.Base(name), len(names)
		for _, p := range patterns {
			text := base
			if strings.Contains(p, "/") {
				text = name
			}
			fits, err := path.Match(p, text)
			if err != nil {
				return s.BadOption(option, "file names, or patterns with * and ?")
			}
			if end := path.Ext(text); !fits {
				fits, _ = path.Match(p, strings.TrimSuffix(text, end)+strings.ToLower(end))
			}
			if fits {
				names = append(names, name)
				break
			}
		}
		if len(names) == n {
			others.add(name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, others.missing(s, option, patterns)
	}
	slices.Sort(names)
	return names, nil
}
