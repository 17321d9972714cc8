"""Makes the pickled tables of this folder.

Run with Python 3.11, once with pandas 3.1.1 (NumPy 2.4.6) and once with pandas 1.5.3 (NumPy 1.26.4):
    python make.py
With pandas 3.1.1, first without pyarrow and then with pyarrow 26.0.1, which pandas keeps texts with where it is there.
old.pkl has the layout that pandas wrote before 1.1 (as LSWMD.pkl has it), made from what pandas 1.5.3 has.
"""
import pickle

import numpy as np
import pandas as pd

try:
    import pyarrow as pa
except ImportError:
    pa = None

major = pd.__version__.split(".")[0]
arrow = "arrow" if pa and major == "3" else ""
maps = [(np.arange(h * w * 3).reshape(h, w, 3) * 7 % 3 * 127).astype(np.uint8) for h, w in [(2, 3), (4, 2), (1, 1)]]
maps[1] = np.asfortranarray(maps[1])
table = pd.DataFrame({
    "failureType": ["none", "Center", "Größe"],
    "pixels": maps,
    "count": [3, -2, 70000],
    "share": np.array([0.5, np.nan, -1e30]),
    "other": [1, 2, 3],
    "small": np.array([1, 2, 255], np.uint8),
    "good": [True, False, True],
})
for protocol in (2, 4, 5):
    table.to_pickle(f"pandas{major}{arrow}-protocol{protocol}.pkl", protocol=protocol)
if arrow:
    # Texts of which some are missing, in both types that pandas has for them.
    texts = pd.DataFrame({"cut": ["a", "bb", None, "", "ÄÖ"]})[1:].reset_index(drop=True)
    texts["short"] = pd.array(["x", None, "yy", "zzz"], dtype=pd.ArrowDtype(pa.string())).astype("string[pyarrow]")
    texts.to_pickle("arrow.pkl")

if major == "1":
    # A stand-in for the classes of pandas 0.14 to 1.0: the state of a DataFrame is its manager, whose state is a tuple.
    class BlockManager:
        def __init__(self, state):
            self.state = state

        def __reduce__(self):
            return BlockManager.__new__, (BlockManager,), self.state

    class DataFrame(BlockManager):
        pass

    BlockManager.__module__ = DataFrame.__module__ = "__main__"
    nested = pd.DataFrame({
        "dieSize": [1683.0, 533.0],
        "waferMap": [np.array([[0, 1], [2, 1]], np.uint8), np.array([[1, 2, 0]], np.uint8)],
        "failureType": [np.array([["none"]], dtype=object), np.array([], dtype=object).reshape(0, 0)],
    })
    blocks = [{"values": b.values, "mgr_locs": b.mgr_locs.indexer} for b in nested._mgr.blocks]
    axes = list(nested._mgr.axes)
    manager = BlockManager((axes, [b["values"] for b in blocks], [], {"0.14.1": {"axes": axes, "blocks": blocks}}))

    class Pickler(pickle._Pickler):
        """Writes NEWOBJ for the stand-ins, under the names that pandas had."""

        def save_standin(self, o):
            module = "pandas.core.frame" if isinstance(o, DataFrame) else "pandas.core.internals"
            self.write(b"c" + f"{module}\n{type(o).__name__}\n".encode() + b")\x81")
            self.memoize(o)
            self.save(o.state)
            self.write(b"b")

    Pickler.dispatch = dict(pickle._Pickler.dispatch)
    Pickler.dispatch[DataFrame] = Pickler.dispatch[BlockManager] = Pickler.save_standin
    with open("old.pkl", "wb") as f:
        Pickler(f, 2).dump(DataFrame(manager))
