"""Makes the checkpoints that the tests read, with real PyTorch:

    python3 make.py FOLDER

types.pth, types_legacy.pth    every element type, views, shared storages, odd shapes
nested.pth                     what training loops save: a model behind `model` and `module.`,
                               optimiser state, numbers, texts, an object of an unknown class
module.pth                     a module that was saved whole (the older format would hold PyTorch's source)
run.pth                        a pickle that would start a program if it were run
expect.json                    the tensors of types.pth as lists
"""
import argparse
import collections
import json
import os
import sys

import torch


class Config(dict):
    """A class of the saving program, which a reader does not have."""


def types():
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6) / 7
    shared = torch.arange(10, dtype=torch.float32)
    return collections.OrderedDict(
        f32=base, f64=torch.tensor([0.1, -2.5], dtype=torch.float64), f16=torch.tensor([1.5, -3.0]).half(), bf16=torch.tensor([1.5, -3.0]).bfloat16(),
        i64=torch.tensor([[1, -(2**40)]]), i32=torch.tensor([7, -8], dtype=torch.int32), i16=torch.tensor([300], dtype=torch.int16),
        i8=torch.tensor([-5], dtype=torch.int8), u8=torch.tensor([250], dtype=torch.uint8), bool=torch.tensor([True, False]),
        scalar=torch.tensor(0.25), none=torch.zeros(0, 3), transposed=base.t(), slice=base[1:3, ::2], first=shared[:4], second=shared[4:],
        expanded=torch.tensor([[2.0], [3.0]]).expand(2, 3), parameter=torch.nn.Parameter(torch.tensor([1.0, 2.0])))


def nested():
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    adam = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model(torch.ones(4, 3)).sum().backward()
    adam.step()
    with torch.no_grad():
        for i, p in enumerate(model.parameters()):
            p.copy_(torch.arange(p.numel(), dtype=torch.float32).reshape(p.shape) + i)
    state = collections.OrderedDict(("module." + k, v) for k, v in model.state_dict().items())
    return {"model": state, "optimizer": adam.state_dict(), "iteration": 100000, "args": argparse.Namespace(lr=0.1, name="x"),
            "config": Config(depth=2, table=torch.ones(2)), "rng": torch.get_rng_state()[:8], "best": 0.75, "names": ["a", ("b", None)],
            "big": 2**70}


class Run:
    def __reduce__(self):
        return os.system, ("touch WAS_RUN",)


def main():
    folder = sys.argv[1]
    torch.manual_seed(0)
    at = lambda name: os.path.join(folder, name)
    t = types()
    torch.save(t, at("types.pth"))
    torch.save(t, at("types_legacy.pth"), _use_new_zipfile_serialization=False)
    Config.__module__ = "elsewhere"
    sys.modules["elsewhere"] = sys.modules["__main__"]
    torch.save(nested(), at("nested.pth"))
    whole = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.Sequential(torch.nn.BatchNorm1d(1)))
    with torch.no_grad():
        whole[0].weight.copy_(torch.tensor([[3.0, 4.0]]))
    torch.save({"net": whole}, at("module.pth"))
    torch.save({"model": {"w": torch.ones(2)}, "x": Run()}, at("run.pth"))
    kinds = {torch.float32: "F32", torch.float64: "F64", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64", torch.int32: "I32",
             torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL"}
    with open(at("expect.json"), "w") as f:
        json.dump({k: {"dtype": kinds[v.dtype], "shape": list(v.shape), "values": [float(x) for x in v.detach().double().reshape(-1)]} for k, v in t.items()}, f, indent=1)
        f.write("\n")


main()
