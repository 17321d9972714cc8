"""Values and first and second derivatives at special points as PyTorch gives them.

python golden.py > golden.json reads table.json beside it. Everything is computed in float64, for
the interpreter, and in float32, for the kernels, with the inputs rounded to float32 in both.

A function of one or two lists ("line", "pair") is taken element by element, all pairs of the latter;
its first derivatives are those of the sum of its elements, its second ones those of the sum of
the first (by y: by half). A function of rows is weighted along its last axis, so that sums that
are constant have a derivative: by 1, 0.5, -2, 1.5, 1, ... for the first derivative, by
0.5, 1, 1.5, -1, 0.5, ... for the second. For functions of two tensors of rows, y is x with its
rows reversed.
"""
import json, os, re
import torch
import torch.nn.functional as F

torch.set_num_threads(1)
here = os.path.dirname(os.path.abspath(__file__))
table = json.load(open(os.path.join(here, "table.json")))
first, second = [1, 0.5, -2, 1.5], [0.5, 1, 1.5, -1]


def text(t):
    return [str(v) if v == v else "nan" for v in t.detach().double().flatten().tolist()]


def weights(like, pattern):
    if like.dim() < 2:
        return torch.ones_like(like)
    n = like.shape[-1]
    return torch.tensor([pattern[i % 4] for i in range(n)], dtype=like.dtype).expand(like.shape)


def inputs(f):
    rounded = lambda v: torch.tensor([float(a) for a in v], dtype=torch.float32).double()
    two = re.search(r"\by\b", f["mspec"])
    if f["on"] in table["sets"]:
        line = rounded(table["sets"][f["on"]])
        if not two:
            return [line]
        x, y = torch.meshgrid(line, line, indexing="ij")
        return [x.flatten(), y.flatten()]
    x = torch.stack([rounded(r) for r in table["rows"][f["on"]]])
    return [x, x.flip(0)] if two else [x]


def compute(f, dtype, given):
    args = [a.to(dtype).requires_grad_() for a in given]
    y = eval(f["torch"], {"torch": torch, "F": F, "x": args[0], "y": args[-1]})
    out = [text(y)]
    rows = args[0].dim() == 2
    orders = f.get("orders", 2)
    if orders > 0:
        grads = torch.autograd.grad((y * (weights(y, first) if rows else 1)).sum(), args, create_graph=orders > 1,
                                    allow_unused=True, materialize_grads=True)
        out += [text(g) for g in grads]
    if orders > 1:
        total = sum((g * (weights(g, second) if rows else 1)).sum() * c for g, c in zip(grads, [1, 0.5]))
        out += [text(h) for h in torch.autograd.grad(total, args, allow_unused=True, materialize_grads=True)]
    return out


result = {"version": "torch " + torch.__version__.split("+")[0], "functions": []}
for f in table["functions"]:
    given = inputs(f)
    result["functions"].append({
        "mspec": f["mspec"],
        "shape": list(given[0].shape),
        "inputs": [text(a) for a in given],
        "float64": compute(f, torch.float64, given),
        "float32": compute(f, torch.float32, given),
    })
print("{\"version\": %s, \"functions\": [" % json.dumps(result["version"]))
print(",\n".join(json.dumps(f) for f in result["functions"]))
print("]}")
