#!/usr/bin/env bash
# PyTorch hands a tensor with its lazy negative bit to DLPack as it lies in memory, so that NumPy, and PyTorch itself, read
# every element with the other sign.
#
# Expected: numpy.from_dlpack(t) equals t, or fails, as it does where t has the conjugate bit ("Can't export tensors with the
#   conjugate bit set") and as t.numpy() does ("Can't call numpy() on Tensor that has negative bit set").
# What happens: the imaginary part of a conjugated tensor is -4, -5, -6 in PyTorch and 4, 5, 6 behind DLPack;
#   even torch.from_dlpack(t) differs from t.
# Seen with: torch 2.15.0, numpy 2.4.6.
# Source: Tensor.__dlpack__, https://docs.pytorch.org/docs/stable/dlpack.html; torch.resolve_neg,
#   https://docs.pytorch.org/docs/stable/generated/torch.resolve_neg.html
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q torch==2.15.0 numpy==2.4.6
"$dir/venv/bin/python" - <<'PY'
import numpy as np, torch

t = torch.complex(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([4.0, 5.0, 6.0])).conj().imag
assert t.tolist() == [-4, -5, -6] and t.is_neg()
print("tensor          ", t)
print("numpy.from_dlpack", np.from_dlpack(t))
print("torch.from_dlpack", torch.from_dlpack(t))
for export in [lambda: np.from_dlpack(t.conj_physical().to(torch.complex64).conj()), t.numpy]:
    try:
        export()
    except (BufferError, RuntimeError) as e:
        print("refused:", str(e).splitlines()[0])
    else:
        raise SystemExit("the conjugate bit, or numpy(), is no longer refused")
assert np.from_dlpack(t).tolist() == [4, 5, 6], "the sign is kept or refused now: this finding no longer holds"
assert torch.from_dlpack(t).tolist() == [4, 5, 6], "torch.from_dlpack keeps the sign now: this finding no longer holds"
PY
