package cli

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/internal/tiny"
	"mspecc/runtime/runs"
)

// second is the tiny program as another modality, without data of its own, losing its mind
// at step 5 where the environment asks for it.
func second() *runtime.Program {
	p := tiny.Program()
	p.Modality.Name, p.Sample = "other", nil
	return p
}

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"tiny": func() {
			p := tiny.Program()
			switch os.Getenv("TINY") {
			case "nan":
				poison(p)
			case "interrupt":
				signalled(p, syscall.SIGINT, 1)
			case "terminate":
				signalled(p, syscall.SIGTERM, 1)
			case "hangup":
				signalled(p, syscall.SIGHUP, 1)
			case "inside":
				inside(p, syscall.SIGTERM)
			case "insist":
				signalled(p, syscall.SIGINT, 2)
			case "slow":
				slow(p, 20*time.Millisecond)
			case "big":
				slow(p, time.Millisecond)
				ballast(p)
			case "huge":
				p.Floats = 1 << 48
			case "clock":
				at := time.Now()
				runs.Now = func() time.Time { at = at.Add(-time.Hour); return at }
			case "spec":
				otherSpec(p)
			case "shape":
				otherSpec(p)
				p.Params[1].Tensor.Name = "decoder.kernel"
			case "sgd":
				p.Train.Optimizer, p.Train.Update, p.Train.Momentum, p.Train.WeightDecay = "sgd", "sgd", 0.5, 0
				p.Params[1].Frozen = true
				p.State = []runtime.Tensor{{Name: "sgd.momentum", Shape: p.State[0].Shape, Offset: p.State[0].Offset}}
			case "adam":
				p.Train.Optimizer, p.Train.Update = "adam", "adam"
			case "frozen":
				p.Params[1].Frozen = true
			case "kernels":
				p.Kernels = "0123456789ab"
			case "rekernels":
				p.Kernels = "ba9876543210"
			case "vectors":
				p.Target = "avx512"
			case "featureless":
				p.Features, p.Small, p.Pullback = nil, nil, nil
			case "panic":
				p.Step.Run = func(m *runtime.Machine) { m.Gather(0, 0, 0, 1, 0, 1, 1) }
			}
			Main(p)
		},
		"two": func() { Main(tiny.Program(), second()) },
		// forget CHECKPOINT optimizer|numerics: leaves out what optimiser it was written by, as before there was more than one,
		// or what its steps were computed with.
		"forget": func() {
			if err := forget(os.Args[1], os.Args[2:]...); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		},
		// bundle FROM TO [drop NAME | add NAME | reshape NAME]: writes replay's input from a checkpoint.
		"bundle": func() {
			if err := bundle(os.Args[1:]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		},
	})
}

// after calls f behind every computation of a step, which it tells from the bias correction.
func after(p *runtime.Program, step int, f func(m *runtime.Machine)) {
	run := p.Step.Run
	in, _ := p.Step.Input("opt.bias2")
	at := float32(1 - math.Pow(p.Train.Beta2, float64(step)))
	p.Step.Run = func(m *runtime.Machine) {
		run(m)
		if m.Mem[in.Offset] == at {
			f(m)
		}
	}
}

// poison makes the loss NaN at step 25.
func poison(p *runtime.Program) {
	after(p, 25, func(m *runtime.Machine) {
		m.Floats(p.Step.Outputs[0])[0] = float32(math.NaN())
		m.Floats(p.Params[1].Tensor)[7] = float32(math.Inf(1))
	})
}

// signalled sends the process a signal in step 25, some times, and waits until each has arrived and another
// one would count by itself.
func signalled(p *runtime.Program, what syscall.Signal, times int) {
	after(p, 25, func(*runtime.Machine) {
		self, _ := os.FindProcess(os.Getpid())
		for range times {
			_ = self.Signal(what)
			time.Sleep(300 * time.Millisecond) // the command hears of it in another goroutine
			if times > 1 {
				time.Sleep(sameSignal)
			}
		}
	})
}

// inside sends the process a signal in the midst of step 25, before the parameters change.
func inside(p *runtime.Program, what syscall.Signal) {
	run, first, steps := p.Step.Run, p.Step.Calls[0], 0
	p.Step.Calls = append([]runtime.CallInfo{first}, p.Step.Calls...)
	p.Step.Run = func(m *runtime.Machine) {
		m.Run(func(*runtime.Worker, *runtime.Call, int) {
			if steps++; steps == 25 {
				self, _ := os.FindProcess(os.Getpid())
				_ = self.Signal(what)
				time.Sleep(300 * time.Millisecond) // the command hears of it in another goroutine
			}
		}, 1)
		run(m)
	}
}

// slow makes every step last a while.
func slow(p *runtime.Program, d time.Duration) {
	run := p.Step.Run
	p.Step.Run = func(m *runtime.Machine) {
		run(m)
		time.Sleep(d)
	}
}

// ballast gives the program another parameter, which nothing changes: checkpoints of 6 MB, for
// which a disk needs some time.
func ballast(p *runtime.Program) {
	const n = 1 << 19
	place := p.Floats
	p.Params = append(p.Params, runtime.Param{Tensor: runtime.Tensor{Name: "ballast", Shape: []int{n}, Offset: place},
		Init: runtime.Init{Kind: "uniform", B: 1}})
	p.Floats += n
	// Optimiser state lies as the parameters do: what lies there for the ballast overlaps with it,
	// which does no harm to values that stay.
	p.Floats += runtime.Align(p.State[len(p.State)-1].Offset - p.Params[0].Offset)
}

// otherSpec is the program of another version of the spec, which has the same tensors.
func otherSpec(p *runtime.Program) {
	p.Digest, p.Settings[0].Value = "4567", "6"
	p.Sources = []runtime.Source{p.Sources[0], {Name: "tiny.mspec", Text: "model tiny { set hidden = 6 }\n"}}
}

func forget(name string, what ...string) error {
	f, err := ckpt.ReadFile(name)
	if err != nil {
		return err
	}
	for key, text := range f.Metadata {
		if len(what) > 0 && what[0] == "numerics" {
			f.Metadata[key] = regexp.MustCompile(`"numerics":\{[^}]*\},`).ReplaceAllString(text, "")
			continue
		}
		f.Metadata[key] = strings.Replace(text, `"optimizer":"adamw",`, "", 1)
	}
	return f.WriteFile(name)
}

func bundle(args []string) error {
	from, err := ckpt.ReadFile(args[0])
	if err != nil {
		return err
	}
	x, noise := make([]float32, 128), make([]float32, 32)
	runtime.Uniform(x, "x", 1, 1)
	runtime.Uniform(noise, "mask_noise", 1, 1)
	f := &ckpt.File{Tensors: []ckpt.Tensor{
		ckpt.Floats("batch.x", []int{8, 1, 4, 4}, x), ckpt.Floats("batch.mask_noise", []int{8, 4}, noise),
		ckpt.Floats("expect.loss", []int{}, []float32{0}),
	}}
	for _, p := range tiny.Program().Params {
		t, _ := from.Find(p.Name)
		t.Name = "param." + t.Name
		f.Tensors = append(f.Tensors, t)
	}
	if len(args) > 2 {
		i := slices.IndexFunc(f.Tensors, func(t ckpt.Tensor) bool { return t.Name == args[3] })
		switch args[2] {
		case "drop":
			f.Tensors = slices.Delete(f.Tensors, i, i+1)
		case "add":
			f.Tensors = append(f.Tensors, ckpt.Floats(args[3], []int{}, []float32{0}))
		case "reshape":
			f.Tensors[i].Shape = []int{len(f.Tensors[i].Data) / 4}
		}
	}
	return f.WriteFile(args[1])
}

func request(ts *testscript.TestScript, _ bool, args []string) {
	body := ""
	if len(args) > 5 {
		body = ts.ReadFile(args[5])
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		r, err := http.NewRequest(args[0], "http://127.0.0.1:"+args[1]+args[2], strings.NewReader(body))
		ts.Check(err)
		r.Header.Set("Content-Type", args[3])
		if len(args) > 6 {
			r.Header.Set("Authorization", "Bearer "+args[6])
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			if time.Now().After(deadline) {
				ts.Fatalf("no answer: %v", err)
			}
			continue
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		ts.Check(err)
		_, err = ts.Stdout().Write(text)
		ts.Check(err)
		if fmt.Sprint(resp.StatusCode) != args[4] {
			ts.Fatalf("status %d, expected %s: %s", resp.StatusCode, args[4], text)
		}
		return
	}
}

var update = flag.Bool("update", false, "rewrite the expected output in the scripts")

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", UpdateScripts: *update, RequireExplicitExec: true, Cmds: map[string]func(*testscript.TestScript, bool, []string){
		// writedata FOLDER: writes the data set that the tiny program carries.
		"writedata": func(ts *testscript.TestScript, _ bool, args []string) {
			ts.Check(os.CopyFS(ts.MkAbs(args[0]), tiny.Program().Sample))
		},
		// invert FILE: changes every byte of a file behind the first 100.
		"invert": func(ts *testscript.TestScript, _ bool, args []string) {
			raw, err := os.ReadFile(ts.MkAbs(args[0]))
			ts.Check(err)
			for i := range raw[100:] {
				raw[100+i] ^= 255
			}
			ts.Check(os.WriteFile(ts.MkAbs(args[0]), raw, 0o644))
		},
		// spoil NAME: changes the last byte of a file, or of every file of a folder.
		"spoil": func(ts *testscript.TestScript, _ bool, args []string) {
			names, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "*"))
			ts.Check(err)
			if len(names) == 0 {
				names = []string{ts.MkAbs(args[0])}
			}
			for _, n := range names {
				raw, err := os.ReadFile(n)
				ts.Check(err)
				raw[len(raw)-1] ^= 1
				ts.Check(os.WriteFile(n, raw, 0o644))
			}
		},
		// freeport NAME: sets a variable to a port that nothing listens on.
		"freeport": func(ts *testscript.TestScript, _ bool, args []string) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			ts.Check(err)
			_, port, _ := net.SplitHostPort(l.Addr().String())
			ts.Setenv(args[0], port)
			ts.Check(l.Close())
		},
		// request METHOD PORT PATH TYPE STATUS [BODY [TOKEN]]: asks a server, waiting for it to
		// start; the answer is then stdout.
		"request": request,
		// code WANT COMMAND...: the exact exit code of a command.
		"code": func(ts *testscript.TestScript, _ bool, args []string) {
			err := ts.Exec(args[1], args[2:]...)
			got := "0"
			if err != nil {
				got = strings.TrimPrefix(err.Error(), "exit status ")
			}
			if got != args[0] {
				ts.Fatalf("%v ended with %s, expected %s", args[1:], got, args[0])
			}
		},
	}})
}

func TestSyntheticTokensStayBelowTheVocabulary(t *testing.T) {
	p := tiny.Program()
	p.Step.Inputs[0].DType, p.Modality.Inputs[0].DType, p.Modality.Inputs[0].Vocab = runtime.I32, runtime.I32, 5
	b, err := synthetic(p).BatchUntil(context.Background(), 3)
	if err != nil || len(b.Tokens) != 128 || slices.Max(b.Tokens) != 4 || slices.Min(b.Tokens) != 0 {
		t.Errorf("tokens %v, %v", b.Tokens, err)
	}
}

// Tokens as a reconstruct block of a token modality gives them: ids, and logits to compare.
func TestReconstructionOfTokens(t *testing.T) {
	tensor := func(name string, d runtime.DType, off int, shape ...int) runtime.Tensor {
		return runtime.Tensor{Name: name, DType: d, Shape: shape, Offset: off}
	}
	f := &runtime.Function{Outputs: []runtime.Tensor{tensor("target", runtime.I32, 0, 1, 2), tensor("mask", runtime.F32, 16, 1, 2),
		tensor("reconstruction", runtime.F32, 32, 1, 2, 3), tensor("adapted", runtime.F32, 48, 1, 2, 3)}}
	p := &runtime.Program{Floats: 64, Batch: 1, Reconstruct: f}
	m, err := runtime.NewMachine(p, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	copy(m.Ints(f.Outputs[0]), []int32{2, 1})
	copy(m.Floats(f.Outputs[1]), []float32{1, 0})
	copy(m.Floats(f.Outputs[2]), []float32{5, 1, 2, 0, 3, 0})
	copy(m.Floats(f.Outputs[3]), []float32{0, 1, 2, 0, 3, 0})
	all, err := readReconstruction(m)
	if err != nil || len(all) != 1 || all[0].measure() != tokenAccuracy {
		t.Fatal(all, err)
	}
	r := all[0]
	var before, after tally
	before.add(r, r.reconstruction, 0)
	after.add(r, r.adapted, 0)
	if before.means() != [2]float64{1, 0} || after.means() != [2]float64{1, 1} {
		t.Errorf("before %v, after %v", before.means(), after.means())
	}
	f.Outputs[1].Shape = []int{2, 1}
	if _, err := readReconstruction(m); err == nil {
		t.Error("shapes that do not belong together were accepted")
	}
}
