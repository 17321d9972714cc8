package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"mspecc/internal/refcase"
	"mspecc/runtime"
)

// peer is another way to take the same step.
type peer struct {
	name    string // on the command line
	label   string
	script  string // below bench/peers
	needs   string // Python package
	args    []string
	mae     bool      // runs plain MAE only
	choices []variant // ways to run it that may be faster on some machine
}

// variant is a way to run a program: further arguments and variables.
type variant struct {
	name string
	args []string
	env  []string
	meta bool // for metamae only
	full bool // only tried with --tune full
	wide bool // takes AVX-512
}

// torchChoices are what PyTorch may gain from; which is fastest depends on shapes and machine.
var torchChoices = []variant{
	{name: "fused attention", args: []string{"--fused"}},
	{name: "huge pages", env: []string{"GLIBC_TUNABLES=glibc.malloc.hugetlb=1"}},
	{name: "fused attention, huge pages", args: []string{"--fused"}, env: []string{"GLIBC_TUNABLES=glibc.malloc.hugetlb=1"}},
	{name: "compiled encoder", args: []string{"--compile", "encoder"}, meta: true, full: true},
}

var peers = []peer{
	{name: "torch", label: "PyTorch", script: "torch_metamae.py", needs: "torch", choices: torchChoices},
	{name: "torch-bf16", label: "PyTorch bf16 autocast", script: "torch_metamae.py", needs: "torch", args: []string{"--bf16"}, choices: torchChoices},
	// There is no second derivative of what torch.compile makes: metamae cannot be compiled.
	{name: "torch-compile", label: "torch.compile", script: "torch_metamae.py", needs: "torch", args: []string{"--compile", "step"}, mae: true,
		choices: []variant{{name: "fused attention", args: []string{"--fused"}}}},
	{name: "jax", label: "JAX jit", script: "jax_metamae.py", needs: "jax",
		choices: []variant{{name: "512 bit vectors", env: []string{"XLA_FLAGS=--xla_cpu_prefer_vector_width=512"}, wide: true}}},
}

func peerNames() []string {
	var names []string
	for _, p := range peers {
		names = append(names, p.name)
	}
	return names
}

// defaultPython is the interpreter that has the peers.
func defaultPython() string { return cmp.Or(os.Getenv("MSPECC_PYTHON"), "python3") }

const install = `%s has no %s. Install the peers with
    python3 -m venv venv && venv/bin/pip install numpy torch jax
and give --python venv/bin/python. Without them, our own programs are measured alone.`

// findPeers asks the interpreter which of the peers it has.
func (b *bench) findPeers() error {
	if contains(b.o.peers, "none") || b.o.mode == "sweep" {
		return nil
	}
	const script = `
import importlib.metadata, json
def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
print(json.dumps({name: version(name) for name in ("numpy", "torch", "jax")}))`
	versions := map[string]string{}
	text, err := exec.CommandContext(b.ctx, b.o.python, "-c", script).Output()
	if err == nil {
		err = json.Unmarshal(text, &versions)
	}
	if err != nil && b.o.mode == "check" {
		return fmt.Errorf("%s does not run: %w", b.o.python, err)
	}
	if versions["numpy"] != "" {
		b.report.PyTorch, b.report.JAX = versions["torch"], versions["jax"]
	}
	for _, name := range []string{"numpy", "torch", "jax"} {
		if versions[name] == "" {
			b.note(install, b.o.python, name)
			break
		}
	}
	return nil
}

// has tells whether a peer is wanted and can run a model here.
func (b *bench) has(p peer, model string) bool {
	if len(b.o.peers) > 0 && !contains(b.o.peers, p.name) || p.mae && model != "mae" {
		return false
	}
	if p.name == "torch-compile" {
		if _, err := exec.LookPath("g++"); err != nil {
			b.note("torch.compile is left out: it needs g++, which is not installed.")
			return false
		}
	}
	return map[string]string{"torch": b.report.PyTorch, "jax": b.report.JAX}[p.needs] != ""
}

// peer is the program of a peer for a configuration.
func (b *bench) peer(p peer, c *refcase.Case) (program, error) {
	file, err := b.writeConfig(c)
	if err != nil {
		return program{}, err
	}
	args := append([]string{b.o.python, filepath.Join(b.root, "bench", "peers", p.script), file}, p.args...)
	run := program{label: p.label, model: describe(c), args: args, env: b.peerEnv(), variant: "as it is", work: productFLOPs(c)}
	for _, v := range p.choices {
		if v.wide && heldTo[b.o.target] != nil || v.meta && c.Objective.Name != "metamae" || v.full && b.o.tune != "full" || b.o.tune == "none" {
			continue
		}
		run.choice = append(run.choice, v)
	}
	return run, nil
}

// wanted are the programs of all peers that are wanted and can run a configuration.
func (b *bench) wanted(c *refcase.Case) ([]program, error) {
	var out []program
	for _, p := range peers {
		if !b.has(p, c.Objective.Name) {
			continue
		}
		run, err := b.peer(p, c)
		if err != nil {
			return nil, err
		}
		out = append(out, run)
	}
	return out, nil
}

// heldTo is what keeps the peers to the instructions of a target.
var heldTo = map[string][]string{
	"avx2": {"ATEN_CPU_CAPABILITY=avx2", "ONEDNN_MAX_CPU_ISA=AVX2", "MKL_ENABLE_INSTRUCTIONS=AVX2", "OPENBLAS_CORETYPE=HASWELL", "XLA_FLAGS=--xla_cpu_max_isa=AVX2"},
}

// peerEnv is what makes the peers fast. Memory stays in the process: without it glibc gives large
// blocks back in every step. An OpenBLAS that does not know the CPU takes its AVX-512 kernels.
// What is compiled is kept for the runs to come.
func (b *bench) peerEnv() []string {
	env := []string{
		"MALLOC_MMAP_THRESHOLD_=4294967296", "MALLOC_TRIM_THRESHOLD_=17179869184", "MALLOC_TOP_PAD_=67108864",
		fmt.Sprintf("OMP_NUM_THREADS=%d", b.o.threads), fmt.Sprintf("MKL_NUM_THREADS=%d", b.o.threads),
		"PYTHONDONTWRITEBYTECODE=1", "JAX_PLATFORMS=cpu", "CUDA_VISIBLE_DEVICES=",
	}
	if held, ok := heldTo[b.o.target]; ok {
		env = append(env, held...)
	} else if runtime.HasCPU("AVX512F", "AVX512DQ", "AVX512BW", "AVX512VL") {
		env = append(env, "OPENBLAS_CORETYPE=SKYLAKEX")
	}
	return append(env, cacheEnv(filepath.Join(b.dir, "cache"))...)
}

// cacheEnv makes the peers keep what they compile in a folder.
func cacheEnv(dir string) []string {
	return []string{
		"TORCHINDUCTOR_CACHE_DIR=" + filepath.Join(dir, "inductor"),
		"JAX_COMPILATION_CACHE_DIR=" + filepath.Join(dir, "jax"),
		"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0", "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES=-1",
	}
}

// tune tries the ways to run a program and keeps the one whose fastest step is fastest.
func (b *bench) tune(p *program) error {
	if len(p.choice) == 0 {
		return nil
	}
	best, fastest := *p, 0.0
	for i, v := range append([]variant{{name: p.variant}}, p.choice...) {
		q := *p
		q.args, q.env, q.variant = slices.Concat(p.args, v.args), slices.Concat(p.env, v.env), v.name
		s, err := b.take(q, b.o.warmup, min(b.o.steps, 3))
		if err != nil {
			return err
		}
		t := slices.Min(s.Seconds)
		b.say("%s, %s: %s s a step%s", p.label, v.name, seconds(t), b.mark(s.others))
		if i == 0 || t < fastest {
			best, fastest = q, t
		}
	}
	best.choice = nil
	*p = best
	return nil
}
