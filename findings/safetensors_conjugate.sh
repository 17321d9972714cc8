#!/usr/bin/env bash
# safetensors writes a conjugated PyTorch tensor without its conjugation.
#
# Expected: save_file({"c": z.conj()}) followed by load_file gives z.conj(), or save_file refuses the tensor, as it refuses
#   one that is not contiguous.
# What happens: z comes back: every imaginary part has the other sign, and nothing says so. PyTorch's conj() is lazy: it
#   sets a bit and shares the memory; the bytes that are written are those of z. torch.save keeps the bit. A weight made by
#   .mH or .adjoint() is of the same kind, but is refused since it is not contiguous, unless it is a vector.
# Seen with: safetensors 0.8.0, torch 2.15.0.
# Source: safetensors.torch.save_file, https://huggingface.co/docs/safetensors/api/torch; torch.conj,
#   https://docs.pytorch.org/docs/stable/generated/torch.conj.html
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q safetensors==0.8.0 torch==2.15.0 numpy==2.4.6
"$dir/venv/bin/python" - "$dir" <<'PY'
import sys
import safetensors.torch, torch

z = torch.complex(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([4.0, 5.0, 6.0]))
c = z.conj()
assert c.is_contiguous() and c.is_conj()

safetensors.torch.save_file({"c": c}, sys.argv[1] + "/c.safetensors")
back = safetensors.torch.load_file(sys.argv[1] + "/c.safetensors")["c"]
torch.save({"c": c}, sys.argv[1] + "/c.pth")
kept = torch.load(sys.argv[1] + "/c.pth")["c"]
print("saved      ", c.resolve_conj())
print("safetensors", back)
print("torch.save ", kept.resolve_conj())
assert torch.equal(kept, c), "torch.save loses the conjugation, too"
assert torch.equal(back, z) and not torch.equal(back, c), "the conjugation is kept now: this finding no longer holds"
PY
