"""Loads two checkpoints with PyTorch, without running code in the second, and fails unless the
second holds every parameter of the first bit by bit."""
import sys

import torch

theirs = torch.load(sys.argv[1], weights_only=False)["model"]
ours = torch.load(sys.argv[2], weights_only=True)["model"]
for name, value in ours.items():
    assert torch.equal(value, theirs["module." + name]) and value.dtype == torch.float32, name
print(len(ours))
