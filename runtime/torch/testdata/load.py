"""Loads a checkpoint as PyTorch's users do, without running code, and prints every tensor."""
import json
import sys

import torch

top = torch.load(sys.argv[1], weights_only=True)
nested = len(sys.argv) > 2
state = top[sys.argv[2]] if nested else top
mapped = torch.load(sys.argv[1], weights_only=True, mmap=True)
mapped = mapped[sys.argv[2]] if nested else mapped
assert list(state) == list(mapped) and all(torch.equal(state[k], mapped[k]) for k in state)
print(json.dumps({k: {"dtype": str(v.dtype), "shape": list(v.shape), "contiguous": v.is_contiguous(),
                      "values": [float(x) for x in v.double().reshape(-1)]} for k, v in state.items()}))
