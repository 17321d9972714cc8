package generic

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"mspecc/runtime/data"
)

// Sequences without a letter, which programs leave that cut reads, are left out, and a note says how many.
func TestEmptySequences(t *testing.T) {
	for name, text := range map[string]string{
		"r.fastq": "@r1\nACGT\n+\nIIII\n@r2\n\n+\n\n@r3\nGGTT\n+r3\n@III\n@r4\n\n+\n@r5\nTTTT\n+\nIIII\n",
		"r.fa":    ">r1\nACGT\n>r2\n>r3\nGGTT\n>r4 x\n\n>r5\nTT\nTT\n",
		"r.fq":    "@r1\r\nACGT\r\n+\r\nIIII\r\n@r2\r\n\r\n+\r\n\r\n@r3\r\nGGTT\r\n+\r\nIIII\r\n@r4\r\n\r\n+\r\n\r\n@r5\r\nTTTT\r\n+\r\nIIII\r\n",
	} {
		var notes []string
		train, test, err := data.Open("fasta", map[string]string{"test_fraction": "0.4"}, fstest.MapFS{name: file(text)}, "DIR", words(4, 4),
			data.OpenOptions{Note: func(text string) { notes = append(notes, text) }})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, set := range []data.Dataset{train, test} {
			e := data.NewExample(words(4, 4), set.Labels())
			for i := range set.Len() {
				if err := set.Example(i, 0, e); err != nil {
					t.Fatal(err)
				}
				letters := ""
				for _, token := range e.Tokens {
					letters += string("ACGT"[token])
				}
				got = append(got, letters)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, []string{"ACGT", "GGTT", "TTTT"}) {
			t.Errorf("%s: %v", name, got)
		}
		if len(notes) != 1 || !strings.Contains(notes[0], name+`: 2 sequences without a letter are left out, the first is "r2"`) {
			t.Errorf("%s: notes %q", name, notes)
		}
	}
	refused(t, "fasta", fstest.MapFS{"e.fa": file(">r1\n>r2\n")}, words(4, 4), nil, "holds no good record")
}
