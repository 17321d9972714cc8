"""Reads features as their users would: numpy, pandas and pyarrow, safetensors. Prints one
JSON object: ids, features and labels (null where there are none)."""
import json
import sys

import numpy as np

name = sys.argv[1]
if name.endswith(".npy"):
    base = name[: -len(".npy")]
    x, ids = np.load(name), np.load(base + ".ids.npy")
    try:
        y = np.load(base + ".labels.npy")
    except FileNotFoundError:
        y = None
elif name.endswith(".safetensors"):
    from safetensors.numpy import load_file

    t = load_file(name)
    x, ids, y = t["features"], t["ids"], t.get("labels")
else:
    import pandas as pd

    t = pd.read_parquet(name) if name.endswith(".parquet") else pd.read_csv(name)
    ids, y = t["id"].to_numpy(), t["label"].to_numpy() if "label" in t else None
    if name.endswith(".parquet"):
        x = np.stack(t["features"].to_numpy())
    else:
        x = t[[c for c in t if c[0] == "f"]].to_numpy()
print(json.dumps({"ids": ids.tolist(), "features": np.asarray(x, np.float32).tolist(), "labels": None if y is None else y.tolist(),
                  "kinds": [str(x.dtype), str(ids.dtype), str(None if y is None else y.dtype)]}))
