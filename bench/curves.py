"""Loss curves against PyTorch: repeats 200 training steps on real data with PyTorch, from
the same weights on the same batches and noise, and compares every step's loss.

    mkdir curves
    MSPECC_CURVES=$PWD/curves go test ./internal/e2e -run TestCurves -v
    python3 bench/curves.py curves

Fails where a loss differs by more than --limit.
"""
import argparse
import glob
import json
import os
import struct
import sys
import time

try:
    import numpy as np
    import torch
except ImportError as error:
    sys.exit(f"{error}; install it with: pip install torch numpy")

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers"))
from draws import Config
from torch_metamae import MetaMAE, adamw


def read(path):
    with open(path, "rb") as f:
        raw = f.read()
    size, = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8:8 + size])
    header.pop("__metadata__", None)
    out = {}
    for name, t in header.items():
        lo, hi = t["data_offsets"]
        values = np.frombuffer(raw[8 + size + lo:8 + size + hi], {"F32": np.float32, "I32": np.int32}[t["dtype"]])
        out[name] = torch.from_numpy(values.reshape(t["shape"]).copy())
    return out


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("folder")
    ap.add_argument("--limit", type=float, default=0.01, help="largest relative difference of a loss (default %(default)s)")
    ap.add_argument("--threads", type=int, default=2)
    args = ap.parse_args()
    torch.set_num_threads(args.threads)

    files = sorted(glob.glob(args.folder + "/*.json"))
    if not files:
        sys.exit(f"{args.folder} holds no .json file; write it with MSPECC_CURVES={args.folder} go test ./internal/e2e -run TestCurves")
    bad = False
    for file in files:
        given, ours = read(file[:-5] + ".in.safetensors"), read(file[:-5] + ".out.safetensors")
        config = Config(file)
        model = MetaMAE(config, torch.float32)
        with torch.no_grad():
            for name, p in model.p.items():
                p.copy_(given["param." + name])
        optimizer = adamw(model)
        start, worst, first, last = time.time(), {}, None, None
        for step in range(config.steps):
            total, values = model.loss(*(given[f"step{step}.{n}"] for n in ("x", "mask_noise", "support_noise")))
            optimizer.zero_grad()
            total.backward()
            optimizer.step()
            for name in ("loss", "inner_loss", "outer_loss", "contrast_loss"):
                want = float(values[name].detach())
                off = abs(float(ours[f"step{step}.{name}"]) - want) / abs(want)
                worst[name] = max(worst.get(name, (0, 0)), (off, step + 1))
            last = float(total.detach())
            first = last if first is None else first
        print(f"{file}: PyTorch's loss {first:.6f} to {last:.6f} in {config.steps} steps, {time.time() - start:.0f} s")
        for name, (off, step) in worst.items():
            print(f"  {name:14} differs by at most {off:.2e} (step {step})")
        bad |= worst["loss"][0] > args.limit
    sys.exit(f"a loss differs by more than {args.limit}" if bad else 0)


if __name__ == "__main__":
    main()
