"""What other programs make of a model that a trainer exported: onnxruntime of raw values, and of values
that NumPy scaled as the metadata of safetensors and of PyTorch's file say. Prints the features."""
import csv
import json
import sys

import numpy as np
import onnxruntime
import safetensors
import torch

folder, rows = sys.argv[1], int(sys.argv[2])
with open(f"{folder}/other/readings.csv") as f:
    raw = np.array([[float(r[c]) for c in "abcdef"] for r in csv.DictReader(f)][:rows])


def run(name, x):
    session = onnxruntime.InferenceSession(f"{folder}/{name}", providers=["CPUExecutionProvider"])
    return session.run(["features"], {"x": x.astype(np.float32)[:, None, :]})[0].astype(float).tolist()


with safetensors.safe_open(f"{folder}/model.safetensors", "np") as f:
    told = {k: json.loads(v) for k, v in f.metadata().items() if k in ("mean", "factor", "options", "columns", "classes")}
kept = torch.load(f"{folder}/model.pth", weights_only=True)["metadata"]
assert told == {k: kept[k] for k in told} and told["options"]["columns"] == "a..f", (told, kept)
scaled = (raw - np.array(told["mean"])) * np.array(told["factor"])
print(json.dumps({"onnxruntime": onnxruntime.__version__, "raw": run("raw.onnx", raw), "scaled": run("scaled.onnx", scaled)}))
