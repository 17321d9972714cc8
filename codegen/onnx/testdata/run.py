"""Runs ONNX models with onnxruntime: reads a list of cases from a JSON file, each with the path of
a model and its inputs, and prints a list of outputs by name, with onnxruntime's version."""
import json
import sys

import numpy as np
import onnx
import onnxruntime

kinds = {"f32": np.float32, "i32": np.int32}
results = []
for case in json.load(open(sys.argv[1])):
    onnx.checker.check_model(onnx.load(case["model"]), full_check=True)
    session = onnxruntime.InferenceSession(case["model"], providers=["CPUExecutionProvider"])
    feeds = {name: np.array(x["data"], kinds[x["kind"]]).reshape(x["shape"]) for name, x in case["inputs"].items()}
    names = [o.name for o in session.get_outputs()]
    results.append({n: {"shape": list(v.shape), "data": [float(x) for x in v.reshape(-1)]} for n, v in zip(names, session.run(names, feeds))})
print(json.dumps({"version": onnxruntime.__version__, "results": results}))
