"""Makes golden.json. Run with Python 3.11.7, NumPy 2.4.6 and pandas 3.1.1: python make.py"""
import json
import random

import numpy as np
import pandas as pd

g = {}
for n in (1, 2, 3, 10, 257):
    g[f"permutation {n}"] = np.random.RandomState(42).permutation(n).tolist()
    g[f"sample {n}"] = pd.DataFrame({"a": range(n)}).sample(frac=1, random_state=42)["a"].tolist()
rs = np.random.RandomState(42)
g["shuffles"] = []
for n in (5, 8, 1, 9):
    a = np.arange(n)
    rs.shuffle(a)
    g["shuffles"].append(a.tolist())
random.seed(42)
g["random"] = [random.random() for _ in range(5)]
g["randint"] = [random.randint(1, n) for n in (1, 2, 7, 8, 9, 1000, 70000)]
g["choice"] = [random.choice(range(n)) for n in (1, 2, 17)]
g["later"] = [random.random() for _ in range(700)][-1]
random.seed(0)
g["zero"] = random.random()
json.dump(g, open("golden.json", "w"))
