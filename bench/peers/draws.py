"""What both peers share: a configuration, its parameters and its draws, in numpy.

A configuration is a JSON file with the keys of testdata/cases. Its parameters and batches come from
SplitMix64 seeded with the FNV-1a-64 hash of a name, so that any program can repeat them.
"""
import json
import math

import numpy as np


def uniform(name, *shape):
    """Values in [0, 1), exact in float32: the top 24 bits of SplitMix64."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 % 2**64
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, math.prod(shape) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        z = z ^ z >> np.uint64(31)
    return ((z >> np.uint64(40)).astype(np.float64) / 2**24).reshape(shape)


class Config:
    """Sizes of a model: B examples of L tokens of P values, K tokens visible."""

    def __init__(self, path):
        with open(path) as f:
            c = json.load(f)
        self.seed, self.batch, self.steps, self.optimizer = c["seed"], c["batch"], c["steps"], c["optimizer"]
        self.kind, self.shape = c["input"]["kind"], c["input"]["shape"]
        self.patch = c["input"].get("patch") or [1]
        self.axes = [n // p for n, p in zip(self.shape[1:], self.patch)]
        self.length = math.prod(self.axes)
        self.keep = int(self.length * (1 - c["mask_ratio"]))
        self.encoder, self.decoder = ({"mlp_ratio": 2, **c[part]} for part in ("encoder", "decoder"))
        self.objective = {"inner_steps": 1, "first_order": False, **c["objective"]}
        self.meta = self.objective["name"] == "metamae"

    def shapes(self):
        """Shape of each parameter, by its name in checkpoints."""
        wide, narrow = self.encoder["width"], self.decoder["width"]
        out = {"cls_token": (1, 1, wide), "mask_token": (1, 1, narrow)}

        def linear(name, to, by):
            out[name + ".weight"], out[name + ".bias"] = (to, by), (to,)

        def norm(name, width):
            out[name + ".weight"] = out[name + ".bias"] = (width,)

        if self.kind == "tokens":
            out["patch_embed.proj.weight"] = (self.shape[0], wide)
        else:
            out["patch_embed.proj.weight"] = (wide, self.shape[0], *self.patch)
            out["patch_embed.proj.bias"] = (wide,)
        for part, net in (("encoder", self.encoder), ("decoder", self.decoder)):
            w = net["width"]
            for i in range(net["layers"]):
                norm(f"{part}.{i}.norm1", w)
                out[f"{part}.{i}.attn.qkv.weight"] = (3 * w, w)
                linear(f"{part}.{i}.attn.proj", w, w)
                norm(f"{part}.{i}.norm2", w)
                linear(f"{part}.{i}.mlp.fc1", net["mlp_ratio"] * w, w)
                linear(f"{part}.{i}.mlp.fc2", w, net["mlp_ratio"] * w)
        norm("norm_enc", wide)
        linear("decoder_embed", narrow, wide)
        norm("norm_dec", narrow)
        linear("decoder_head", wide if self.kind == "tokens" else self.shape[0] * math.prod(self.patch), narrow)
        if self.meta:
            out["projector.0.weight"] = (4 * wide, wide)
            norm("projector.1", 4 * wide)
            out["projector.3.weight"] = (128, 4 * wide)
        return out

    def parameters(self):
        """Starting values, in float64."""
        out = {}
        for name, shape in self.shapes().items():
            scale = math.sqrt(3 / math.prod(shape[1:])) if len(shape) > 1 else 0.1
            around = 1 if "norm" in name and name.endswith("weight") or name == "projector.1.weight" else 0
            out[name] = (2 * uniform(f"{self.seed}/param/{name}", *shape) - 1) * scale + around
        return out

    def step(self, k):
        """Inputs, masking noise and support noise of a step counted from 0."""
        field = lambda what, *shape: uniform(f"{self.seed}/step{k}/{what}", *shape)
        if self.kind == "tokens":
            x = (field("x", self.batch, self.length) * self.shape[0]).astype(np.int64)
        else:
            x = (2 * field("x", self.batch, *self.shape) - 1) * 1.7
        return x, field("mask_noise", self.batch, self.length), field("support_noise", self.batch, self.length)

    def positions(self, width):
        """Codes [1 + L, width] of the places: sines and cosines, zeros for the class token."""
        def code(place, width):
            angle = np.outer(place, 10000 ** (-np.arange(width // 2) / (width // 2)))
            return np.hstack([np.sin(angle), np.cos(angle)])

        if len(self.axes) == 1:
            codes = code(np.arange(self.length), width)
        else:
            row, column = np.divmod(np.arange(self.length), self.axes[1])
            codes = np.hstack([code(column, width // 2), code(row, width // 2)])
        return np.vstack([np.zeros((1, width)), codes])

    def probes(self, grads):
        """Norm of each gradient and its dot product with a fixed direction."""
        grads = {n: np.asarray(g, np.float64).ravel() for n, g in grads.items()}
        direction = lambda n, g: 2 * uniform(f"{self.seed}/probe/{n}", g.size) - 1
        return {"grad_norm": {n: float(np.linalg.norm(g)) for n, g in grads.items()},
                "grad_probe": {n: float(g @ direction(n, g)) for n, g in grads.items()}}


def peak_memory():
    """Most memory that this process has had in use, in bytes."""
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith("VmHWM:"))
