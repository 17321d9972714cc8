"""Loads a checkpoint of PyTorch, and what a trainer exported from it as .pth (without running
code) and as safetensors, and fails unless both hold its parameters bit by bit."""
import sys

import torch
from safetensors.torch import load_file

theirs = torch.load(sys.argv[1], weights_only=False)["model"]
ours = torch.load(sys.argv[2], weights_only=True)["model"]
safe = load_file(sys.argv[3])
assert set(ours) == set(safe)
for name, value in ours.items():
    for x in (value, safe[name]):
        assert torch.equal(x, theirs["module." + name]) and x.dtype == torch.float32, name
print(len(ours))
