#!/usr/bin/env python3
"""Training steps of MetaMAE timed against PyTorch, alternately in one run.

    python3 bench/compare.py --reference metamae_torch.py
    python3 bench/compare.py --reference metamae_torch.py --python venv/bin/python --only pamap2
    python3 bench/compare.py                              our trainer alone

Builds a trainer for each of four inputs with the paper's network (exact second order, no dropout,
float32) and runs its `bench` and `REFERENCE CASE.json --time N --threads T` in turn: the two see the same
machine, a slow minute shows in both. The reference is MetaMAE in plain PyTorch, no part of this repository.

A machine that does anything else gives no verdict: before the first run and during each, the time that
other processes take is measured; above --noise of the machine the result is marked and the exit
status is 3. GFLOP/s are those of the trainer's own arithmetic, for both: what PyTorch computes on top is
not counted as achievement. Needs Linux, Go and Python 3.9; only the peer needs torch.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CONFIGS = {  # batch, mask ratio, contrast weight, input of the reference
    "pamap2": (256, 0.85, 1.0, {"kind": "series", "shape": [52, 320], "patch": [5]}),
    "higgs": (256, 0.5, 0.1, {"kind": "series", "shape": [1, 28], "patch": [1]}),
    "imagenet32": (64, 0.75, 0.1, {"kind": "image", "shape": [3, 32, 32], "patch": [4, 4]}),
    "genomics": (32, 0.5, 0.1, {"kind": "tokens", "shape": [4, 250]}),
}
INSTALL = """{python} cannot import torch and numpy. Install them with
    python3 -m venv venv && venv/bin/pip install torch numpy
and give --python venv/bin/python, or leave out --reference to time our trainer alone."""
# Large allocations stay in the process: without this glibc returns them at every step, to PyTorch's loss.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(1 << 32), "MALLOC_TRIM_THRESHOLD_": str(1 << 34), "MALLOC_TOP_PAD_": str(1 << 26)}


def busy_seconds():
    """CPU seconds that all processes of the machine have used."""
    with open("/proc/stat") as f:
        user, nice, system, _, _, irq, soft = map(int, f.readline().split()[1:8])
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


def process_seconds():
    """CPU seconds by process: (pid, name) -> seconds."""
    out = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                name, rest = f.read().split("(", 1)[1].rsplit(")", 1)
        except OSError:  # it has ended
            continue
        fields = rest.split()
        out[int(pid), name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return out


def noise(seconds=3):
    """Share of the machine in use while this program sleeps, and by whom."""
    before, busy = process_seconds(), busy_seconds()
    time.sleep(seconds)
    share = (busy_seconds() - busy) / seconds / os.cpu_count()
    used = {k: v - before.get(k, 0) for k, v in process_seconds().items()}
    top = sorted((k for k in used if used[k] > 0.02 * seconds), key=lambda k: -used[k])[:5]
    return share, ", ".join(f"{name} ({pid}) {100 * used[pid, name] / seconds:.0f} %" for pid, name in top)


class Run:
    """One run of a command: its output, largest resident memory in bytes, and the share of the
    machine that other processes used meanwhile."""

    def __init__(self, command, env=None):
        start, busy = time.time(), busy_seconds()
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            child = subprocess.Popen(command, stdout=out, stderr=err, env={**os.environ, **(env or {})})
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            err.seek(0)
            self.text, message = out.read(), err.read()
        if child.returncode:
            sys.exit(f"{' '.join(command)} ended with {child.returncode}:\n{message[-2000:]}")
        own = usage.ru_utime + usage.ru_stime
        self.memory = usage.ru_maxrss * 1024
        self.noise = max(0.0, busy_seconds() - busy - own) / (time.time() - start) / os.cpu_count()


def build(name, folder, mspecc):
    """Builds the trainer of a configuration and writes the reference's description of it."""
    batch, mask, contrast, shape = CONFIGS[name]
    settings = {"batch": batch, "mask_ratio": mask, "contrast_weight": contrast, "dropout": 0, "inner_lr": 0.5, "support_ratio": 0.1}
    binary, case = os.path.join(folder, name), os.path.join(folder, name + ".json")
    Run([mspecc, "build", os.path.join(ROOT, "examples", "metamae.mspec"), "--quiet", "--modality", name, "-o", binary,
         *(f"--set={k}={v}" for k, v in settings.items())])
    with open(case, "w") as f:
        json.dump({"seed": name, "input": shape, "batch": batch, "mask_ratio": mask, "steps": 1,
                   "encoder": {"width": 256, "layers": 12, "heads": 8}, "decoder": {"width": 128, "layers": 4, "heads": 4},
                   "objective": {"name": "metamae", "inner_lr": 0.5, "contrast_weight": contrast, "support_ratio": 0.1, "temperature": 0.5},
                   "optimizer": {"lr": 1e-4, "weight_decay": 1e-4}}, f)
    return binary, case


def ours(binary, args):
    r = Run([binary, "bench", "--json", "--steps", str(args.steps), "--warmup", "1", "--threads", str(args.threads)])
    t = json.loads(r.text)
    # bench gives median, min and max: they stand for the run.
    return [t["min_s"], t["median_s"], t["max_s"]], t["median_s"] * t.get("gflop_per_s", 0), r


def peer(case, args, extra):
    command = [args.python, args.reference, case, "--time", str(args.steps), "--threads", str(args.threads), *extra]
    r = Run(command, {**ALLOCATOR, "OMP_NUM_THREADS": str(args.threads)})
    seconds = [float(line.split()[-1]) for line in r.text.splitlines() if line.startswith("step ")]
    return seconds[1:], r  # the first step allocates


class Row:
    """All runs of one program on one configuration."""

    def __init__(self, label):
        self.label, self.seconds, self.medians, self.memory, self.noise = label, [], [], 0, 0.0

    def add(self, seconds, run):
        self.seconds += seconds
        self.medians.append(statistics.median(seconds))
        self.memory, self.noise = max(self.memory, run.memory), max(self.noise, run.noise)

    def median(self):
        return statistics.median(self.medians)

    def print(self, name, gflop, base, limit):
        m = self.median()
        print(f"{name:11} {self.label:13} {m:8.3f} {min(self.seconds):8.3f} {max(self.seconds):8.3f} {m / base:8.2f} "
              f"{self.memory / 1e6:9.0f} {gflop / m:9.1f} {100 * self.noise:6.1f} %{'  busy' if self.noise > limit else ''}", flush=True)


def compare(name, folder, args):
    """Runs the programs in turn; gives the noise met."""
    binary, case = build(name, folder, args.mspecc)
    rows = {"mspecc": Row("mspecc")}
    if args.reference:
        rows["torch"] = Row("PyTorch")
        if args.bf16:
            rows["bf16"] = Row("PyTorch bf16")
    for _ in range(args.rounds):
        for key, row in rows.items():
            if key == "mspecc":
                seconds, gflop, run = ours(binary, args)
            else:
                seconds, run = peer(case, args, ["--bf16"] if key == "bf16" else [])
            row.add(seconds, run)
    for row in rows.values():
        row.print(name, gflop, rows["mspecc"].median(), args.noise)
    ratio = rows["torch"].median() / rows["mspecc"].median() if args.reference else None
    return max(row.noise for row in rows.values()), ratio


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--reference", metavar="FILE", help="the reference program")
    ap.add_argument("--python", default=sys.executable, help="Python that runs it (default this one)")
    ap.add_argument("--mspecc", metavar="BIN", help="the compiler (default: built from this repository)")
    ap.add_argument("--only", choices=CONFIGS, action="append", help="this configuration; may be repeated")
    ap.add_argument("--steps", type=int, default=5, help="steps of a run (default 5)")
    ap.add_argument("--rounds", type=int, default=3, help="runs of each program (default 3)")
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--bf16", action="store_true", help="also PyTorch with bfloat16 autocast")
    ap.add_argument("--noise", type=float, default=0.05, help="share of the machine that others may use (default 0.05)")
    ap.add_argument("--force", action="store_true", help="measure on a busy machine too, without verdict")
    args = ap.parse_args()
    if args.steps < 1 or args.rounds < 1 or args.threads < 1:
        ap.error("--steps, --rounds and --threads are at least 1")

    if args.reference:
        if not os.path.isfile(args.reference):
            ap.error(f"--reference: there is no file {args.reference}")
        try:
            subprocess.run([args.python, "-c", "import torch, numpy"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            sys.exit(INSTALL.format(python=args.python))
        version = Run([args.python, "-c", "import torch; print('PyTorch', torch.__version__)"]).text.strip()
        print(f"{version}, {args.threads} threads, load {os.getloadavg()[0]:.2f}")
    share, who = noise()
    if share > args.noise:
        print(f"the machine is busy: others use {100 * share:.0f} % of it ({who or 'no single process'})")
        if not args.force:
            sys.exit("no verdict; wait until it is idle, or measure without one with --force")
    worst, ratios = share, {}
    with tempfile.TemporaryDirectory() as folder:
        if not args.mspecc:
            args.mspecc = os.path.join(folder, "mspecc")
            Run(["go", "build", "-C", ROOT, "-o", args.mspecc, "./cmd/mspecc"])
        print(f"{'input':11} {'program':13} {'median s':>8} {'min s':>8} {'max s':>8} {'ratio':>8} {'memory MB':>9} {'GFLOP/s':>9} {'others':>8}", flush=True)
        for name in args.only or CONFIGS:
            met, ratios[name] = compare(name, folder, args)
            worst = max(worst, met)
    if worst > args.noise:
        print(f"no verdict: others used up to {100 * worst:.0f} % of the machine, at most {100 * args.noise:.0f} % is allowed")
        sys.exit(3)
    if args.reference:
        print("verdict: PyTorch takes " + ", ".join(f"{r:.2f} times as long on {n}" for n, r in ratios.items()))


if __name__ == "__main__":
    main()
