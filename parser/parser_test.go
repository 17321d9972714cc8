package parser

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mspecc/internal/fuzzing"
	"mspecc/spec"
)

func examples(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, pattern := range []string{"../examples/*.mspec", "../spec/std/*.mspec"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %d files", pattern, err, len(files))
		}
		for _, f := range files {
			src, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			out[f] = src
		}
	}
	return out
}

// The library and the examples are in the standard layout.
func TestExamplesFormatted(t *testing.T) {
	for file, src := range examples(t) {
		out, diags := Format(file, src)
		if len(diags) > 0 {
			t.Errorf("%v", diags)
		}
		if d := Diff(file, src, out); d != nil {
			t.Errorf("%s", d)
		}
	}
}

func TestFormat(t *testing.T) {
	in := "import   \"std/nn\" //why\n\n\n\nfn f( x:[...,K],w=1 ){\nlet a=x[ :,1 :,- 1 ]\nlet longer = -w+ (w>0?1:- 2)\nif w==1{return a}else{\nx=enc[ 0 ].b :linear(x,K,bias :false)\n}\n" +
		"return a+\nlonger*x[0:2:1]\n}\nkind k(a){input i32[a]<4 as tokens\nfn g(x)=x\nfn longer(x)=[x,\nx]\n}\nfn p(){param w[1,2]=0\nfor i in 0..3{}\n}\n"
	want := `import "std/nn"  // why

fn f(x: [..., K], w = 1) {
    let a      = x[:, 1:, -1]
    let longer = -w + (w > 0 ? 1 : -2)
    if w == 1 { return a } else {
        x = enc[0].b: linear(x, K, bias: false)
    }
    return a +
        longer * x[0:2:1]
}
kind k(a) {
    input i32[a] < 4 as tokens
    fn g(x)      = x
    fn longer(x) = [x,
        x]
}
fn p() {
    param w [1, 2] = 0
    for i in 0..3 {}
}
`
	in = strings.Replace(in, "{input", "{\ninput", 1)
	in = strings.Replace(in, "p(){param", "p(){\nparam", 1)
	out, diags := Format("f", []byte(in))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	if string(out) != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
}

func tokenText(src []byte) []string {
	tokens, _ := scan("f", src)
	var out []string
	for _, tok := range tokens {
		text := tok.Value
		if tok.Type == tokComment {
			text = strings.ReplaceAll(text, " ", "")
		}
		out = append(out, text)
	}
	return out
}

func seed(f *testing.F) {
	for _, src := range examples(f) {
		f.Add(src)
	}
	for _, s := range []string{"", "fn f(x) = x", "model m { objective() { return 1 } }", "fn f() { a", "\x00", "\xff", "// c", "fn f(){let a=[[[", "fn f(x)=a:b:c?d:e", "train { steps 0..3 }"} {
		f.Add([]byte(s))
	}
}

// Anything parses or is refused with a diagnostic that has a place.
func FuzzParse(f *testing.F) {
	seed(f)
	fuzzing.Bound(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		tree, diags := Parse("f", src)
		for _, d := range diags {
			if !d.Pos.Known() || d.Msg == "" {
				t.Fatalf("diagnostic without a place: %+v", d)
			}
		}
		spec.Render(&bytes.Buffer{}, diags, func(string) []byte { return src })
		spec.Dump(&bytes.Buffer{}, tree)
	})
}

// Formatting keeps the tokens and is idempotent.
func FuzzFormat(f *testing.F) {
	seed(f)
	fuzzing.Bound(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		out, diags := Format("f", src)
		if len(diags) > 0 {
			return
		}
		again, diags := Format("f", out)
		if len(diags) > 0 {
			t.Fatalf("the formatted source has errors: %v\n%s", diags, out)
		}
		if !bytes.Equal(out, again) {
			t.Fatalf("formatting twice differs:\n%s\n%s", out, again)
		}
		a, b := tokenText(src), tokenText(out)
		if strings.Join(a, "\x00") != strings.Join(b, "\x00") {
			t.Fatalf("tokens changed:\n%s\n%s", src, out)
		}
	})
}
