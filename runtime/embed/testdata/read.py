"""Reads features as their users would: numpy, pandas and pyarrow, safetensors. Prints one
JSON object: ids, features, labels, names of classes, and the columns named (null where there are none)."""
import json
import sys

import numpy as np

name, columns = sys.argv[1], sys.argv[2:]
y = classes = None


def text(x):
    """Texts of a tensor of bytes."""
    return np.char.decode(x.view(f"S{x.shape[1]}").ravel(), "utf-8").tolist()


if name.endswith(".npy"):
    import csv
    import os

    base = name[: -len(".npy")]
    x, ids = np.load(name), np.load(base + ".ids.npy").tolist()
    if os.path.exists(base + ".labels.npy"):
        y = np.load(base + ".labels.npy")
    with open(base + ".columns.csv", newline="") as f:
        t = list(csv.DictReader(f))
    assert [r["id"] for r in t] == ids
    others = [[r[c] for c in columns] for r in t]
    if "class" in t[0]:
        classes = [r["class"] for r in t]
elif name.endswith(".safetensors"):
    from safetensors.numpy import load_file

    t = load_file(name)
    x, ids, y = t["features"], text(t["ids"]), t.get("labels")
    others = [list(r) for r in zip(*(text(t["column." + c]) for c in columns))]
    if "class" in t:
        classes = text(t["class"])
else:
    import pandas as pd

    t = pd.read_parquet(name) if name.endswith(".parquet") else pd.read_csv(name, keep_default_na=False)
    ids, y = t["id"].tolist(), t["label"].to_numpy() if "label" in t else None
    others = t[columns].values.tolist()
    if "class" in t:
        classes = t["class"].tolist()
    if name.endswith(".parquet"):
        x = np.stack(t["features"].to_numpy())
    else:
        x = t[[c for c in t if c[0] == "f" and c[1:].isdigit()]].to_numpy()
print(json.dumps({"ids": ids, "features": np.asarray(x, np.float32).tolist(), "labels": None if y is None else y.tolist(), "classes": classes, "columns": others,
                  "kinds": [str(x.dtype), str(None if y is None else y.dtype)]}))
