"""Writes the files that schema_files_test.go reads, in schema/, with what pyarrow says they hold in schema/expect.json.

Run with numpy 2.x, pandas 3 and pyarrow; the versions are in expect.json.
"""
import json
import pathlib

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

here = pathlib.Path(__file__).parent / "schema"
here.mkdir(exist_ok=True)
expect = {"versions": f"numpy {np.__version__}, pandas {pd.__version__}, pyarrow {pa.__version__}"}


def write(name, table, **options):
    pq.write_table(table, here / name, compression="none", **options)
    expect[name] = pq.read_table(here / name).to_pylist()


# Lists in lists, with both names that pyarrow gives to elements.
x = np.arange(4 * 12, dtype="f4").reshape(4, 3, 2, 2)
nested = pa.table({"k": range(4), "x": pa.array(x.tolist(), pa.list_(pa.list_(pa.list_(pa.float32()))))})
write("nested.parquet", nested)
write("nested-item.parquet", nested, use_compliant_nested_type=False)
write("ragged.parquet", pa.table({"x": pa.array([[[1, 2], [3, 4]], [[1], [2, 3, 4]]], pa.list_(pa.list_(pa.float32())))}))

# Null in lists, first, in the middle, alone; no list, an empty one.
write("nulls.parquet", pa.table({
    "k": range(6),
    "x": pa.array([[None, 5, 6], [1, None, 3], [7, 8, None], None, [], [None, None, None]], pa.list_(pa.int32())),
    "y": pa.array([[None, 1, 2], [0, None, 2], [0, 1, None], None, [], [None, None, None]], pa.list_(pa.int64())),
}))

# Row labels that pandas keeps as columns: without a name, and with one.
frame = pd.DataFrame({"a": range(8), "b": [1.0] * 8})
frame.iloc[[0, 2, 5, 6]].to_parquet(here / "index.parquet", compression=None)
frame.set_index(pd.Index([0, 10, 5, 7, 1, 2, 3, 4], name="when")).to_parquet(here / "named-index.parquet", compression=None)
frame.iloc[[0, 2, 5, 6]].to_csv(here / "index.csv")
pd.read_csv(here / "index.csv").to_csv(here / "index-twice.csv")

# Columns of other types beside those that are wanted.
write("others.parquet", pa.table({
    "a": [1.0, 2.0, 3.0],
    "when": pa.array([0, 1, 2], pa.timestamp("ns", "UTC")), "day": pa.array([1, 2, 3], pa.date32()), "spent": pa.array([1, 2, 3], pa.duration("us")),
    "raw": [b"\xff\x00", b"", None], "texts": [["a", "b"], [], None], "both": [{"u": 1, "v": "x"}] * 3,
    "map": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int32())), "list": [[{"u": 1}, {"u": 2}], [], None], "none": pa.nulls(3),
    "category": pa.array(["p", "q", "p"]).dictionary_encode(), "big": pa.array([1, 2, 3], pa.decimal256(60, 3)), "half": pa.array(np.arange(3, dtype="f2")),
    "y": ["u", "v", "u"],
}))
del expect["others.parquet"]

# One column of times, in two units.
for unit in "ms", "us":
    pq.write_table(pa.table({"t": pa.array([1, 2, 3], pa.timestamp(unit)), "a": [1.0, 2.0, 3.0]}), here / f"times-{unit}.parquet", compression="none")

# Durations, whose unit only Arrow's schema tells; in a list and in a struct, too.
for unit in "s", "ms", "us", "ns":
    pq.write_table(pa.table({"t": pa.array([1, 2, 3], pa.duration(unit)), "l": pa.array([[1], [2], [3]], pa.list_(pa.duration(unit))),
        "g": pa.StructArray.from_arrays([pa.array([1, 2, 3], pa.duration(unit))], ["t"])}), here / f"durations-{unit}.parquet", compression="none")

# Tensors: stored as they are, with two axes exchanged, and with three in a cycle, which pyarrow writes in another
# sense than Arrow's specification reads.
for name, y in {
    "tensor.parquet": np.arange(24, dtype="f4").reshape(4, 2, 3),
    "tensor-permuted.parquet": np.arange(24, dtype="f4").reshape(4, 3, 2).transpose(0, 2, 1),
    "tensor-last.parquet": np.arange(24, dtype="f4").reshape(4, 3, 2),
    "tensor-swapped.parquet": np.arange(48, dtype="f4").reshape(2, 4, 3, 2).transpose(0, 3, 2, 1),
    "tensor-cycle.parquet": np.arange(48, dtype="u1").reshape(2, 4, 3, 2).transpose(0, 3, 1, 2),
}.items():
    array = pa.FixedShapeTensorArray.from_numpy_ndarray(y)
    pq.write_table(pa.table({"x": array}), here / name, compression="none")
    expect[name] = [{"x": v} for v in y.tolist()]
    print(name, array.type)

# A tensor with two axes exchanged under a name with a point, in a struct, and in lists.
tensor = pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(24, dtype="f4").reshape(4, 3, 2).transpose(0, 2, 1))
pq.write_table(pa.table({"x.y": tensor, "s": pa.StructArray.from_arrays([tensor], ["t"]), "l": pa.ListArray.from_arrays([0, 1, 2, 3, 4], tensor)}),
    here / "tensor-places.parquet", compression="none")

json.dump(expect, open(here / "expect.json", "w"), indent=None, default=str)
