# Trains the model of model.mspec with the optimisers of PyTorch in float64 and writes the parameters after some steps:
#     python optimisers.py > optimisers.json
import json
import math
import torch

STEPS, SHOWN = 50, [1, 2, 10, 50]


def parameters():
    full = lambda shape, x: torch.nn.Parameter(torch.full(shape, x, dtype=torch.float64))
    return {"w": full((3, 2), 0.5), "b": full((5,), 1.0), "zero": full((3,), 1.0), "frozen": full((4,), 1.0)}


def loss(p):
    count = torch.arange(6, dtype=torch.float64) + 1
    d = p["w"] * p["w"] * count.reshape(3, 2) - 1
    c = p["b"] * count[:5] - 2
    return (d * d).mean() + (c * c).mean() + 0.1 * p["w"].sum() * p["b"].mean() + 0.0 * p["zero"].sum() + 0.01 * (p["frozen"].detach() * p["b"][:4]).sum()


def cosine(warmup, final):  # runtime/train/schedule.go
    def rate(i):
        if i + 1 <= warmup:
            return (i + 1) / warmup
        done = min(1, (i - warmup) / (STEPS - warmup))
        return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * done))
    return rate


sgd, adam, adamw = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW
CASES = [
    ("sgd", "optimizer sgd(lr: 0.05)", sgd, dict(lr=0.05), 0, None),
    ("sgd_decay", "optimizer sgd(lr: 0.05, weight_decay: 0.1)", sgd, dict(lr=0.05, weight_decay=0.1), 0, None),
    ("sgd_momentum", "optimizer sgd(0.02, 0.05, 0.9)  clip 0.5", sgd, dict(lr=0.02, weight_decay=0.05, momentum=0.9), 0.5, None),
    ("sgd_cosine", "optimizer sgd(lr: 0.05, momentum: 0.5)  schedule cosine(warmup: 5, final: 0.1)", sgd, dict(lr=0.05, momentum=0.5), 0, cosine(5, 0.1)),
    ("adam", "optimizer adam(lr: 0.05)", adam, dict(lr=0.05), 0, None),
    ("adam_decay", "optimizer adam(lr: 0.02, weight_decay: 0.1, beta1: 0.8, beta2: 0.99)  clip 0.5", adam, dict(lr=0.02, weight_decay=0.1, betas=(0.8, 0.99)), 0.5, None),
    ("adamw", "optimizer adamw(lr: 0.05, weight_decay: 0.1)", adamw, dict(lr=0.05, weight_decay=0.1), 0, None),
    ("adamw_eps", "optimizer adamw(lr: 0.05, weight_decay: 0.5, eps: 1e-2)  clip 0.5  schedule cosine(warmup: 5, final: 0.1)", adamw, dict(lr=0.05, weight_decay=0.5, eps=1e-2), 0.5, cosine(5, 0.1)),
]

cases = []
for name, train, make, args, clip, schedule in CASES:
    p = parameters()
    optimizer = make(p.values(), foreach=False, **args)
    rates = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule) if schedule else None
    after = {}
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        loss(p).backward()
        if clip:
            torch.nn.utils.clip_grad_norm_([x for x in p.values() if x.grad is not None], clip)
        optimizer.step()
        if rates:
            rates.step()
        if step in SHOWN:
            after[step] = {n: x.detach().flatten().tolist() for n, x in p.items()}
    cases.append({"name": name, "train": train, "after": after})
print(json.dumps({"made_with": "torch " + torch.__version__, "steps": STEPS, "cases": cases}, indent=1))
