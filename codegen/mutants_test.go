package codegen_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"mspecc/codegen"
	"mspecc/internal/progen"
	"mspecc/ir"
	"mspecc/ir/elab"
	"mspecc/kernels/gen"
	"mspecc/parser"
	"mspecc/spec"
)

// Limits of a mutant: no spec may hold the compiler up for longer, or take more memory, without being refused.
const (
	mutantSeconds = 120
	mutantHeap    = 4 << 30 // bytes
	mutantValues  = 1500    // a model of more is elaborated and verified, but not compiled
)

// TestMutants: specs that somebody has edited wrongly, or into something else, are refused with diagnostics that have a place, or are
// models that verify and compile. MSPECC_SEED=0-10000 tries more of them.
func TestMutants(t *testing.T) {
	dir := t.TempDir()
	files := mutable(t, dir)
	w := watch(t)
	counts := map[string]int{}
	for _, seed := range progen.Seeds(t, 200) {
		r := rand.New(rand.NewPCG(seed, 1))
		f := files[r.IntN(len(files))]
		src := mutate(r, f.text)
		file := filepath.Join(filepath.Dir(f.name), "mutant.mspec")
		if err := os.WriteFile(file, src, 0o644); err != nil {
			t.Fatal(err)
		}
		w.begin(seed, src)
		what, err := try(file, src)
		w.end()
		counts[what]++
		if err != nil {
			t.Errorf("MSPECC_SEED=%d, of %s: %v\n%s", seed, filepath.Base(f.name), err, src)
		}
	}
	t.Logf("%v; the slowest took %.1f s (MSPECC_SEED=%d), the most that one allocated was %d MB (MSPECC_SEED=%d)", counts, w.slowest.Seconds(), w.slow, w.largest>>20, w.large)
}

// try checks, elaborates and, where it is small, compiles a spec, and says how far it came.
func try(file string, src []byte) (what string, err error) {
	what = "refused"
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if out, diags := parser.Format(file, src); len(diags) == 0 {
		if again, diags := parser.Format(file, out); len(diags) > 0 || !bytes.Equal(out, again) {
			return what, fmt.Errorf("formatting twice differs: %v", diags)
		}
	}
	m, diags := elab.Check(file, elab.Options{})
	spec.Render(&bytes.Buffer{}, diags, nil)
	if spec.HasErrors(diags) {
		if m != nil {
			return what, fmt.Errorf("a model and errors")
		}
		for _, d := range diags {
			if d.Msg == "" || d.Code == "" || !d.Pos.Known() && d.Code != "E072" {
				return what, fmt.Errorf("a diagnostic without a place: %+v", d)
			}
		}
		return what, nil
	}
	if m == nil {
		return "library", nil
	}
	values := 0
	for _, v := range m.Variants {
		for _, p := range []*elab.Func{v.Objective, v.Features, v.Reconstruct} {
			if p == nil {
				continue
			}
			if err := ir.Verify(p.Program()); err != nil {
				return what, err
			}
			values += len(p.B.Values())
		}
	}
	if values > mutantValues {
		return "elaborated", nil
	}
	mod, err := codegen.Compile(m, codegen.Options{Targets: gen.Targets})
	if err == nil {
		_, err = mod.Files()
	}
	if err != nil && strings.Contains(err.Error(), file) {
		return "refused by the compiler", nil
	}
	return "compiled", err
}

// source is a spec that is right.
type source struct {
	name string
	text []byte
}

// mutable are the specs of the repository, copied to where their mutants find what they import.
func mutable(t *testing.T, dir string) []source {
	t.Helper()
	var list []source
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".mspec" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		copied := filepath.Join(dir, "specs", path[3:])
		list = append(list, source{copied, text})
		if err := os.MkdirAll(filepath.Dir(copied), 0o755); err != nil {
			return err
		}
		return os.WriteFile(copied, text, 0o644)
	})
	if err != nil || len(list) == 0 {
		t.Fatalf("%d specs: %v", len(list), err)
	}
	return list
}

var (
	mspecToken = regexp.MustCompile(`//[^\n]*|"[^"\n]*"|[A-Za-z_]\w*|\d+(\.\d+)?([eE][+-]?\d+)?|\.\.|==|!=|<=|>=|&&|\|\||\+=|\s+|.`)
	numbers    = []string{"0", "1", "-1", "2", "3", "7", "1000", "65536", "1000003", "2147483648", "4294967296", "9223372036854775807", "99999999999999999999", "0.5", "1e-45", "1e38", "1e400", "0.0"}
	words      = []string{"grad", "sum", "mean", "softmax", "sort", "gather", "uniform", "stop_gradient", "reshape", "concat", "if", "for", "let", "return", "param", "set", "fn", "model", "kind", "modality", "true", "false", "batch",
		"(", ")", "[", "]", "{", "}", ",", ":", "..", "=", "+", "-", "*", "/", "@", "<", "==", "?", "\"\"", "\"x\"", "//", "\n", ";", "\x00", "é", "\"", "%", "0..4", "[:, 0]", "[-1]", "(0)", "f32", "i32"}
)

// mutate makes one to four changes, most often one.
func mutate(r *rand.Rand, text []byte) []byte {
	for range max(1, r.IntN(8)-3) {
		if r.IntN(4) == 0 {
			text = mutateLines(r, text)
		} else {
			text = mutateTokens(r, text)
		}
	}
	return text
}

func mutateTokens(r *rand.Rand, text []byte) []byte {
	all := mspecToken.FindAll(text, -1)
	var at []int // of tokens that count
	for i, t := range all {
		if len(bytes.TrimSpace(t)) > 0 && !bytes.HasPrefix(t, []byte("//")) {
			at = append(at, i)
		}
	}
	if len(at) == 0 {
		return text
	}
	any := func() int { return at[r.IntN(len(at))] }
	like := func(is func(byte) bool) int { // a token of a kind, if a few tries find one
		i := any()
		for range 30 {
			if is(all[i][0]) {
				break
			}
			i = any()
		}
		return i
	}
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	letter := func(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }
	switch i, j := any(), any(); r.IntN(8) {
	case 0:
		all[i] = nil
	case 1:
		all[i] = append(append(bytes.Clone(all[i]), ' '), all[i]...)
	case 2:
		all[i], all[j] = all[j], all[i]
	case 3:
		all[i] = all[j]
	case 4, 5:
		all[like(digit)] = []byte(numbers[r.IntN(len(numbers))])
	case 6:
		all[like(letter)] = all[like(letter)]
	case 7:
		all[i] = append(append(bytes.Clone(all[i]), ' '), words[r.IntN(len(words))]...)
	}
	return bytes.Join(all, nil)
}

func mutateLines(r *rand.Rand, text []byte) []byte {
	lines := bytes.SplitAfter(text, []byte("\n"))
	i, j := r.IntN(len(lines)), r.IntN(len(lines))
	switch r.IntN(5) {
	case 0:
		lines[i] = nil
	case 1:
		lines[i] = bytes.Repeat(lines[i], 2)
	case 2:
		lines[i], lines[j] = lines[j], lines[i]
	case 3:
		lines[i] = bytes.Repeat(lines[i], 40)
	case 4:
		lines = lines[:i+1]
	}
	return bytes.Join(lines, nil)
}

// watcher ends the process where a mutant exceeds its limits: neither a loop nor memory that is being taken can be stopped otherwise.
type watcher struct {
	turn        chan func() // what the watching goroutine does between two looks
	running     bool
	seed        uint64
	src         []byte
	began       time.Time
	before      uint64 // bytes allocated by all mutants until then
	slowest     time.Duration
	largest     uint64 // bytes allocated by one mutant, all together
	slow, large uint64 // their seeds
}

func watch(t *testing.T) *watcher {
	w := &watcher{turn: make(chan func())}
	tick := time.NewTicker(50 * time.Millisecond)
	go func() {
		for {
			select {
			case f, more := <-w.turn:
				if !more {
					return
				}
				f()
			case <-tick.C:
			}
			if took, heap := time.Since(w.began), measure("/memory/classes/heap/objects:bytes"); w.running && (took > mutantSeconds*time.Second || heap > mutantHeap) {
				panic(fmt.Sprintf("MSPECC_SEED=%d takes %.0f s, and the heap is %d MB:\n%s", w.seed, took.Seconds(), heap>>20, w.src))
			}
		}
	}()
	t.Cleanup(func() {
		tick.Stop()
		close(w.turn)
	})
	return w
}

func measure(name string) uint64 {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

const allocated = "/gc/heap/allocs:bytes"

func (w *watcher) begin(seed uint64, src []byte) {
	w.turn <- func() { w.running, w.seed, w.src, w.began, w.before = true, seed, src, time.Now(), measure(allocated) }
}

func (w *watcher) end() {
	done := make(chan bool)
	w.turn <- func() {
		if took := time.Since(w.began); took > w.slowest {
			w.slowest, w.slow = took, w.seed
		}
		if n := measure(allocated) - w.before; n > w.largest {
			w.largest, w.large = n, w.seed
		}
		w.running = false
		close(done)
	}
	<-done
}
