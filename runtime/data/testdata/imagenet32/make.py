"""Writes small files as downsampled ImageNet has them, and what NumPy reads from them: python3 make.py

Written with Python 3.11 and NumPy 2.4.6.
"""
import json
import os
import pickle

import numpy as np

os.chdir(os.path.dirname(os.path.abspath(__file__)))
rng = np.random.default_rng(0)
expect = {}


def batch(n, labels):
    base = rng.integers(0, 256, (n, 3, 8, 8), dtype=np.uint8)  # coarse, so that the packed files stay small
    data = np.kron(base, np.ones((1, 1, 4, 4), np.uint8)).reshape(n, 3072)
    data[:, -1] = np.arange(n) * 50
    return data, labels, data.mean(axis=0)


def note(name, data, labels):
    expect[name] = [{"label": int(l) - 1, "x": [int(v) for v in row[::191]]} for row, l in zip(data, labels)]


def npz(name, save, n, labels, kind):
    data, labels, mean = batch(n, labels)
    save(name, data=data, labels=np.array(labels, kind), mean=mean)
    note(name, data, labels)


def pkl(name, protocol, n, labels):
    data, labels, mean = batch(n, labels)
    with open(name, "wb") as f:
        pickle.dump({"data": data, "labels": labels, "mean": mean}, f, protocol=protocol)
    note(name, data, labels)


npz("train_data_batch_1.npz", np.savez, 2, [1, 1000], np.int64)
npz("train_data_batch_2.npz", np.savez_compressed, 3, [7, 500, 2], np.int32)
npz("val_data.npz", np.savez_compressed, 1, [999], np.uint16)
pkl("train_data_batch_1", 4, 2, [1000, 3])
pkl("train_data_batch_2", 2, 1, [44])  # bytes as text
pkl("val_data", 5, 1, [12])
json.dump(expect, open("expect.json", "w"), indent=1)
