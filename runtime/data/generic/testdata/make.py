"""Writes the files that the tests read, with the tools that users have.

Made with numpy 2.x, pandas and pyarrow; `python make.py` prints the versions into versions.txt.
"""
import decimal
import json
import pathlib

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

here = pathlib.Path(__file__).parent
rng = np.random.default_rng(1)
x = rng.normal(size=(6, 2, 3))
y = np.array(["b", "a", "ü", "a", "b", "ü"])
k = np.arange(6)

np.savez(here / "stored.npz", x=x.astype("<f4"), y=y, k=k)
np.savez_compressed(here / "packed.npz", x=x, y=y, k=k.astype(">i2"))
np.savez(here / "fortran.npz", x=np.asfortranarray(x.astype(">f4")), k=k)
np.savez_compressed(here / "fortran-packed.npz", x=np.asfortranarray(x), k=k)
(here / "fortran").mkdir(exist_ok=True)
np.save(here / "fortran" / "x.npy", np.asfortranarray(x))
np.save(here / "fortran" / "k.npy", k)
(here / "single").mkdir(exist_ok=True)
np.save(here / "single" / "x.npy", x.astype("<f2"))
np.save(here / "single" / "k.npy", k.astype("u1"))
np.savez(here / "parts.npz", x_train=x[:4], y_train=k[:4] % 2, x_test=x[4:], y_test=k[4:] % 2)

frame = pd.DataFrame({
    "id": k, "y": y, "a": x[:, 0, 0], "b": np.where(k == 3, np.nan, x[:, 0, 1]),
    "list": [list(map(float, r.ravel())) for r in x], "small": k.astype("int8"), "flag": k % 2 == 0,
})
frame.to_parquet(here / "pandas.parquet", compression="snappy", row_group_size=4)
pq.write_table(pa.Table.from_pandas(frame[["y", "list"]]), here / "zstd.parquet", compression="zstd", version="2.6")
decimals = [decimal.Decimal(v) / 4 for v in [-3, 0, 1, 1000, 7, -1000000]]
pq.write_table(pa.table({
    "y": y, "u32": pa.array(2**32 - 1 - k, pa.uint32()), "u64": pa.array(2**64 - 1 - k.astype("u8"), pa.uint64()),
    "half": pa.array((k / 2 - 1).astype("f2")), "decimal": pa.array(decimals, pa.decimal128(20, 2)),
}), here / "types.parquet")
pq.write_table(pa.table({"y": y, "decimal": pa.array(decimals, pa.decimal128(9, 2))}), here / "decimal.parquet", store_decimal_as_integer=True)
frame.drop(columns="list").to_csv(here / "pandas.csv", index=False)
frame.to_json(here / "pandas.jsonl", orient="records", lines=True, force_ascii=False)

json.dump({
    "x": [list(map(float, r.ravel().astype("f4"))) for r in x],
    "half": [list(map(float, r.ravel().astype("f2").astype("f4"))) for r in x],
    "ab": [[float(np.float32(a)), None if np.isnan(b) else float(np.float32(b))] for a, b in zip(frame.a, frame.b)],
    "y": y.tolist(),
}, open(here / "expect.json", "w"), ensure_ascii=False)
open(here / "versions.txt", "w").write(f"numpy {np.__version__}, pandas {pd.__version__}, pyarrow {pa.__version__}\n")
