"""Makes lazy.pth and lazy_legacy.pth, and lazy.json with what they hold; PyTorch 2.15.0:

    python3 lazy.py

The tensors are views whose signs PyTorch has not turned yet (its negative bit), a complex one that is conjugated lazily, and
kinds that no run-time library of ours reads.
"""
import json

import torch

v = torch.arange(1.0, 7.0).reshape(2, 3)
neg = lambda v: torch.complex(v, -v).conj().imag
tensors = {
    "f32": neg(v), "f64": neg(v.double()), "slice": neg(v)[:, 1:], "transposed": neg(v).t(), "plain": v, "parameter": torch.nn.Parameter(neg(v)),
    "zero": neg(torch.zeros(2)), "sum": -(-v),
}
assert tensors["f32"].is_neg() and tensors["slice"].is_neg() and tensors["parameter"].is_neg()
other = {"complex": torch.complex(v, v).conj(), "sparse": v.to_sparse(), "quantized": torch.quantize_per_tensor(v, 0.5, 0, torch.qint8), "float8": torch.ones(2).to(torch.float8_e4m3fn)}
for name, new in [("lazy.pth", True), ("lazy_legacy.pth", False)]:
    if not new:
        del other["float8"]  # PyTorch itself cannot load it from the older format
    torch.save({**tensors, "other": other}, name, _use_new_zipfile_serialization=new)
    back = torch.load(name, weights_only=False)
    assert all(torch.equal(back[k], t) for k, t in tensors.items())
json.dump({k: {"dtype": {torch.float32: "F32", torch.float64: "F64"}[t.dtype], "shape": list(t.shape), "values": t.double().reshape(-1).tolist()} for k, t in tensors.items()}, open("lazy.json", "w"))
