package wordpiece

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mspecc/internal/fuzzing"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func tokenizer(t testing.TB, lower bool) *Tokenizer {
	t.Helper()
	k, err := Read(bytes.NewReader(read(t, "vocab.txt")), lower)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Ids are those of BERT's own tokenizer, see testdata/make.py.
func TestGolden(t *testing.T) {
	var g struct {
		Texts          []string
		Pairs          [][2]string
		Uncased, Cased [][]int32
		UncasedPairs   [][]int32 `json:"uncased_pairs"`
		CasedPairs     [][]int32 `json:"cased_pairs"`
		UncasedSingle  [][]int32 `json:"uncased_single"`
		CasedSingle    [][]int32 `json:"cased_single"`
	}
	if err := json.Unmarshal(read(t, "golden.json"), &g); err != nil || len(g.Texts) < 10 || len(g.CasedPairs) != len(g.Pairs) {
		t.Fatal(err)
	}
	for _, c := range []struct {
		lower                 bool
		plain, single, paired [][]int32
	}{{true, g.Uncased, g.UncasedSingle, g.UncasedPairs}, {false, g.Cased, g.CasedSingle, g.CasedPairs}} {
		k := tokenizer(t, c.lower)
		ids := make([]int32, 20)
		for i, text := range g.Texts {
			if got := k.Pieces(text); !slices.Equal(got, c.plain[i]) {
				t.Errorf("lower %v, %q: %v, expected %v", c.lower, text, got, c.plain[i])
			}
			if k.Encode(ids, text, nil); !slices.Equal(ids, c.single[i]) {
				t.Errorf("lower %v, %q: %v, expected %v", c.lower, text, ids, c.single[i])
			}
		}
		for i, p := range g.Pairs {
			if k.Encode(ids, p[0], &p[1]); !slices.Equal(ids, c.paired[i]) {
				t.Errorf("lower %v, %q: %v, expected %v", c.lower, p, ids, c.paired[i])
			}
		}
	}
}

func TestBadVocabulary(t *testing.T) {
	for _, v := range []string{"", "a\nb\n", "[PAD]\n[UNK]\n[CLS]\n", "[PAD]\n" + strings.Repeat("x", 1<<17)} {
		if _, err := Read(strings.NewReader(v), true); err == nil {
			t.Errorf("%.20q: no error", v)
		}
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("A man rides", "the bus", 7)
	f.Add("é\u0301 \u00ad中", "", 0)
	k := tokenizer(f, true)
	fuzzing.Bound(f)
	f.Fuzz(func(t *testing.T, text, pair string, n int) {
		ids := make([]int32, max(0, min(n, 64)))
		k.Encode(ids, text, &pair)
		for _, id := range ids {
			if id < 0 || int(id) >= k.Size() {
				t.Fatalf("id %d", id)
			}
		}
	})
}
