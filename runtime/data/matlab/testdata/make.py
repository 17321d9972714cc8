"""Makes plain.mat and compressed.mat. Run with Python 3.11 and SciPy 1.17.1: python make.py"""
import numpy as np
from scipy.io import savemat

variables = {
    "labels": np.arange(1, 41, dtype=np.uint8).reshape(1, 40),
    "wide": np.array([[1.5, -2], [300, 4e9], [5, np.pi]]),
    "single": np.array([[0.5, 0.25]], np.float32), "negative": np.array([[-3, 7]], np.int16), "large": np.array([[2**40]], np.int64),
    "name": "rose", "things": np.array([["a", 1]], dtype=object), "empty": np.zeros((0, 3)),
}
savemat("plain.mat", variables)
savemat("compressed.mat", variables, do_compression=True)
