#!/usr/bin/env bash
# ReduceMax and ReduceMin of ONNX Runtime keep a NaN that comes first along the reduced axis, and drop any other.
#
# Expected: NaN wherever one of the reduced elements is NaN, as from NumPy's max, PyTorch's amax, ONNX's own reference
#   evaluator, and ONNX Runtime's elementwise Max and Min of the same numbers. Or, if NaN is passed over, always.
# What happens: [NaN, 1, 2, 3] gives NaN, [1, NaN, 2, 3] gives 2, which is not the largest of the numbers either,
#   and [1, 2, 3, NaN] gives 3.
#   A graph exported from a framework whose maximum keeps NaN then yields plausible numbers for rows that hold one.
# Seen with: onnxruntime 1.32.0 (CPU), onnx 1.23.2, numpy 2.4.6.
# Source: ONNX operator ReduceMax, opset 18, https://onnx.ai/onnx/operators/onnx__ReduceMax.html (says nothing of NaN);
#   its reference implementation is numpy.maximum.reduce.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
"$dir/venv/bin/python" - <<'PY'
import numpy as np, onnx, onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator


def model(op, inputs, shape, out, constants=()):
    graph = helper.make_graph(
        [helper.make_node(op, list(inputs) + [c.name for c in constants], ["out"], **({"keepdims": 0} if constants else {}))],
        "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in inputs],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, out)],
        list(constants),
    )
    m = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(m, full_check=True)
    return m


def run(m, **feeds):
    session = onnxruntime.InferenceSession(m.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, feeds)[0], ReferenceEvaluator(m).run(None, feeds)[0]


n = np.nan
x = np.array([[n, 1, 2, 3], [1, n, 2, 3], [1, 2, 3, n], [n, n, n, n]], np.float32)
axis = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
for op in ["ReduceMax", "ReduceMin"]:
    got, reference = run(model(op, ["x"], [4, 4], [4], [axis]), x=x)
    print(op, got, "reference", reference)
    assert np.isnan(reference).all(), "the reference no longer keeps NaN"
    assert np.isnan(got[[0, 3]]).all(), "a NaN in the first place is no longer kept"
    assert not np.isnan(got[[1, 2]]).any(), "a NaN elsewhere is kept now: this finding no longer holds"
for op in ["Max", "Min"]:
    got, _ = run(model(op, ["x", "y"], [4, 4], [4, 4]), x=x, y=x[:, ::-1].copy())
    assert np.isnan(got[:, [0, 3]][[0, 2]]).all(), "elementwise " + op + " drops NaN"
PY
