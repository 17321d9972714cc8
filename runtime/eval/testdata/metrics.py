"""Writes metrics.json: metrics of scikit-learn and scipy on predictions with ties and absent classes.

`python metrics.py`; the versions are in the file.
"""
import json
import math
import pathlib
import warnings

import numpy as np
import scipy.stats
import sklearn
from sklearn import metrics

rng = np.random.default_rng(7)
cases = []
for n, classes in [(5, 2), (40, 2), (200, 3), (500, 9), (3, 4), (64, 60)]:
    y = rng.integers(0, classes, n)
    p = np.where(rng.random(n) < 0.6, y, rng.integers(0, classes, n))
    cases.append({"labels": y.tolist(), "predictions": p.tolist(), "classes": classes,
                  "accuracy": metrics.accuracy_score(y, p), "weighted_f1": metrics.f1_score(y, p, average="weighted", zero_division=0)})
for n, digits in [(5, 3), (40, 1), (300, 3), (300, 0)]:
    y = np.arange(n) % 2
    s = np.round(rng.normal(size=n) + 0.7 * y, digits)
    cases.append({"labels": y.tolist(), "predictions": s.tolist(), "classes": 2, "auroc": metrics.roc_auc_score(y, s)})
for n, digits in [(4, 3), (50, 1), (400, 3), (400, 0)]:
    y = np.round(rng.normal(size=n), digits)
    s = np.round(0.5 * y + rng.normal(size=n), digits)
    cases.append({"labels": y.tolist(), "predictions": s.tolist(), "classes": 1,
                  "spearman": float(scipy.stats.spearmanr(y, s).statistic), "pearson": float(scipy.stats.pearsonr(y, s).statistic)})


def number(f):
    """What f gives, None where it is undefined: NaN with a warning, or an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            v = float(f())
        except ValueError:
            return None
    return None if math.isnan(v) else v


# Where metrics are undefined, and where they nearly are.
for y, s in [([0, 0, 0], [1.0, 2.0, 3.0]), ([1, 1], [0.5, 0.5]), ([1], [0.5]), ([0, 1, 1], [2.0, 2.0, 2.0]), ([0, 1], [1.0, 0.0])]:
    cases.append({"labels": y, "predictions": s, "classes": 2, "auroc": number(lambda: metrics.roc_auc_score(y, s))})
for y, p in [([1, 1, 1], [1, 1, 1]), ([1, 1, 1], [0, 0, 0]), ([0, 1], [2, 2]), ([2], [2]), ([0, 0, 1], [0, 0, 0])]:
    cases.append({"labels": y, "predictions": p, "classes": 3, "accuracy": number(lambda: metrics.accuracy_score(y, p)),
                  "weighted_f1": number(lambda: metrics.f1_score(y, p, average="weighted", zero_division=0))})
for y, s in [([1.0, 2.0, 3.0], [5.0, 5.0, 5.0]), ([0.1] * 3, [1.0, 2.0, 4.0]), ([1.1] * 7, [1.1] * 7), ([1 / 3] * 11, list(range(11))), ([1.0], [2.0]), ([1.0, 2.0], [5.0, 4.0]),
             ([1e-200, 2e-200, 4e-200], [1.0, 2.0, 3.0]), ([1e200, -1e200, 4e199], [1.0, 2.0, 3.0]), ([1e16, 1e16 + 2, 1e16 + 4], [1.0, 2.0, 4.0]), ([0.0, 0.0, 1e-300], [1.0, 1.0, 2.0])]:
    cases.append({"labels": y, "predictions": s, "classes": 1, "spearman": number(lambda: scipy.stats.spearmanr(y, s).statistic),
                  "pearson": number(lambda: scipy.stats.pearsonr(y, s).statistic)})
out = {"versions": f"scikit-learn {sklearn.__version__}, scipy {scipy.__version__}, numpy {np.__version__}", "cases": cases}
json.dump(out, open(pathlib.Path(__file__).parent / "metrics.json", "w"))
