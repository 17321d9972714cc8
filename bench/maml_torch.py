"""The model of examples/maml.mspec in PyTorch, written independently: MAML on sine waves
(Finn et al., ICML 2017), in float64.

    python3 bench/maml_torch.py                        loss, error before adaptation and gradients as JSON
    python3 bench/maml_torch.py --tasks 25 --hidden 40 --inner-lr 0.01
    python3 bench/maml_torch.py --weights F            the same with the parameters of a checkpoint
    python3 bench/maml_torch.py --weights F --curve 10 error after 0..10 steps on new waves, and of the same
                                                       steps from random weights

The first form, with its default sizes, is what internal/e2e/testdata/maml.json holds. Needs torch
and numpy; `pip install torch --index-url https://download.pytorch.org/whl/cpu` installs both.
"""
import argparse
import json
import math
import os
import struct
import sys

try:
    import numpy as np
    import torch
except ImportError as error:
    sys.exit(f"{error}; install it with: pip install torch numpy")

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers"))
import draws


def uniform(name, *shape):
    """The draws of testdata/cases."""
    return torch.from_numpy(draws.uniform(name, *shape))


def random_weights(hidden, seed):
    """Weights uniform with the deviations of the spec, biases within 0.1, rounded to float32."""
    shapes = {"w1": (1, hidden), "b1": (hidden,), "w2": (hidden, hidden), "b2": (hidden,), "w3": (hidden, 1), "b3": (1,)}
    limit = lambda name, shape: math.sqrt(3 / shape[0]) if name[0] == "w" else 0.1
    return {n: ((2 * uniform(f"{seed}/param/{n}", *s) - 1) * limit(n, s)).float().double().requires_grad_() for n, s in shapes.items()}


def read_weights(path):
    with open(path, "rb") as f:
        raw = f.read()
    size, = struct.unpack("<Q", raw[:8])
    out = {}
    for name, t in json.loads(raw[8:8 + size]).items():
        if name in ("w1", "b1", "w2", "b2", "w3", "b3"):
            lo, hi = t["data_offsets"]
            values = np.frombuffer(raw[8 + size + lo:8 + size + hi], np.float32).reshape(t["shape"])
            out[name] = torch.from_numpy(values.astype(np.float64)).requires_grad_()
    return out


def draw_tasks(tasks, points, seed):
    """Points and values to adapt on, points and values to test on, each [tasks, points, 1]."""
    amplitude = 0.1 + 4.9 * uniform(f"{seed}/amplitude", tasks, 1, 1)
    phase = math.pi * uniform(f"{seed}/phase", tasks, 1, 1)
    wave = lambda x: (x, amplitude * torch.sin(x - phase))
    return *wave(10 * uniform(f"{seed}/train_points", tasks, points, 1) - 5), *wave(10 * uniform(f"{seed}/test_points", tasks, points, 1) - 5)


def error(w, x, y):
    h = torch.relu(x @ w["w1"] + w["b1"])
    h = torch.relu(h @ w["w2"] + w["b2"])
    return ((h @ w["w3"] + w["b3"] - y) ** 2).mean()


def adapt(w, x, y, lr, steps, first_order):
    """Gradient steps on one task; yields the weights before the first and after each."""
    yield w
    for _ in range(steps):
        g = torch.autograd.grad(error(w, x, y), list(w.values()), create_graph=not first_order)
        w = {n: v - lr * d for (n, v), d in zip(w.items(), g)}
        yield w


def curve(w, tasks, args):
    """Mean test error over the tasks after 0, 1, ... steps."""
    errors = []
    for t in zip(*tasks):
        errors.append([float(error(a, t[2], t[3]).detach()) for a in adapt(w, t[0], t[1], args.inner_lr, args.curve, True)])
    return np.mean(errors, axis=0)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--tasks", type=int, default=3)
    ap.add_argument("--points", type=int, default=4)
    ap.add_argument("--hidden", type=int, default=5)
    ap.add_argument("--inner-lr", type=float, default=0.1)
    ap.add_argument("--inner-steps", type=int, default=2)
    ap.add_argument("--first-order", action="store_true")
    ap.add_argument("--seed", default="maml", help="text that the draws start from")
    ap.add_argument("--weights", help="safetensors file with w1 ... b3")
    ap.add_argument("--curve", type=int, metavar="STEPS")
    args = ap.parse_args()

    w = read_weights(args.weights) if args.weights else random_weights(args.hidden, args.seed)
    tasks = draw_tasks(args.tasks, args.points, args.seed)
    if args.curve:
        rows = {"these weights": curve(w, tasks, args), "random weights": curve(random_weights(w["w2"].shape[0], args.seed), tasks, args)}
        for name, errors in rows.items():
            print(f"{name:15}", *(f"{e:8.3f}" for e in errors))
        return
    before = loss = 0
    for t in zip(*tasks):
        *_, adapted = adapt(w, t[0], t[1], args.inner_lr, args.inner_steps, args.first_order)
        before = before + error(w, t[2], t[3]) / args.tasks
        loss = loss + error(adapted, t[2], t[3]) / args.tasks
    grads = torch.autograd.grad(loss, list(w.values()))
    sizes = {k: getattr(args, k) for k in ("seed", "tasks", "points", "hidden", "inner_lr", "inner_steps", "first_order")}
    tables = {"param": {n: v.detach().flatten().tolist() for n, v in w.items()}, "grad": {n: g.flatten().tolist() for n, g in zip(w, grads)}}
    lines = [f" {json.dumps(k)}: {json.dumps(v)}" for k, v in {**sizes, "before": float(before.detach()), "loss": float(loss.detach())}.items()]
    lines += [f' "{k}": {{\n' + ",\n".join(f"  {json.dumps(n)}: {json.dumps(v)}" for n, v in t.items()) + "\n }" for k, t in tables.items()]
    print("{\n" + ",\n".join(lines) + "\n}")


if __name__ == "__main__":
    main()
