"""Makes misread.parquet with pyarrow 26: a column in LZ4, one in Zstandard, booleans in runs (as pages of version 2 have them), with
checksums, in several groups. A page in LZ4 has more than 1366 bytes: for less the library has room enough."""
import pyarrow as pa
import pyarrow.parquet as pq

n = range(700)
pq.write_table(pa.table({
    "x": pa.array([i * 2654435761 % 2**32 / 7 for i in n], pa.float64()),
    "z": pa.array([i * 2654435761 % 2**32 / 7 for i in n], pa.float64()),
    "run": pa.array([i % 100 < 37 for i in n]),
    "gap": pa.array([i % 90 < 60 if i % 5 else None for i in n]),
    "list": pa.array([[i % 41 < 30, i % 3 == 0] for i in n], pa.list_(pa.bool_())),
}), "misread.parquet", compression={"x": "lz4", "z": "zstd", "run": "none", "gap": "none", "list.list.element": "none"}, data_page_version="2.0", use_dictionary=False, row_group_size=300, data_page_size=2400,
    write_batch_size=50, write_page_checksum=True, store_schema=False)
