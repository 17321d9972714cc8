#!/usr/bin/env bash
# pyarrow writes the inverse of the permutation of axes that Arrow specifies for tensors, so arrays whose axes form a
# cycle of three do not come back as they went in.
#
# Expected: FixedShapeTensorArray.from_numpy_ndarray(a).to_numpy_ndarray() equals a, whatever the strides of a.
# What happens: for a of shape [2, 3, 4, 2] that is a transposed view (axes in a cycle) an array of shape [2, 4, 2, 3]
#   with other numbers at every place comes back, without an error. Swapping two axes works: such a permutation is its own inverse.
#   A file written that way states a layout that other readers of Arrow and Parquet then follow.
# Seen with: pyarrow 26.0.1, numpy 2.4.6.
# Source: Arrow's canonical extension type arrow.fixed_shape_tensor, https://arrow.apache.org/docs/format/CanonicalExtensions.html:
#   axis i of the logical tensor is axis permutation[i] of the one that is stored.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q pyarrow==26.0.1 numpy==2.4.6
"$dir/venv/bin/python" - <<'PY'
import numpy as np, pyarrow as pa

stored = np.arange(48).reshape(2, 2, 3, 4)

swapped = stored.transpose(0, 1, 3, 2)
back = pa.FixedShapeTensorArray.from_numpy_ndarray(swapped).to_numpy_ndarray()
assert np.array_equal(back, swapped), "two swapped axes do not come back"

cycle = stored.transpose(0, 2, 3, 1)  # logical axis 0 is stored axis 1, 1 is 2, 2 is 0
tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(cycle)
back = tensors.to_numpy_ndarray()
print("permutation written:", tensors.type.permutation, "specified: [1, 2, 0]")
print("shape in:", cycle.shape, "shape out:", back.shape)
assert tensors.type.shape == [2, 3, 4], "the stored shape is another one"
assert tensors.type.permutation == [2, 0, 1], "another permutation is written now: this finding no longer holds"
assert back.shape == (2, 4, 2, 3) and not np.array_equal(back, cycle), "it comes back now: this finding no longer holds"
PY
