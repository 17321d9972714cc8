#!/usr/bin/env bash
# parquet-go reads zeros from pages of some sizes that are packed with LZ4 and did not get much smaller by it.
#
# Expected: a column of whole numbers that pyarrow wrote with compression="lz4" (codec LZ4_RAW) reads in Go as it reads in pyarrow.
# What happens: without an error, all of 1,000 random numbers come back as 0; packed with Snappy they are right. The codec takes a buffer
#   of its own where the page's has less room than three times the packed bytes, and what it unpacks there is dropped, unless its
#   length is another one than the page's header states. Pages that compress to less than a third are right.
# Seen with: github.com/parquet-go/parquet-go v0.32.0, pyarrow 26.0.1, numpy 2.4.6.
# Source: Apache Parquet, Compression, https://parquet.apache.org/docs/file-format/data-pages/compression/ : LZ4_RAW is LZ4's block format
#   without framing; the header of a page states the length that it unpacks to.
set -euo pipefail
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q pyarrow==26.0.1 numpy==2.4.6
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
x = np.random.default_rng(1).integers(1, 2**62, 1000)
schema = pa.schema([pa.field("x", pa.int64(), nullable=False)])
table = pa.table({"x": x}, schema=schema)
for codec in ("snappy", "lz4"):
    pq.write_table(table, codec + ".parquet", compression=codec, use_dictionary=False)
    assert pq.read_table(codec + ".parquet").equals(table), "pyarrow reads something else itself"
PY
cat > go.mod <<'GO'
module finding

go 1.24
GO
cat > main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"github.com/parquet-go/parquet-go"
)

type row struct {
	X int64 `parquet:"x"`
}

func zeros(name string) (n int) {
	rows, err := parquet.ReadFile[row](name)
	if err != nil {
		panic(err)
	}
	for _, r := range rows {
		if r.X == 0 {
			n++
		}
	}
	fmt.Println(name, "has", len(rows), "values,", n, "of them 0; written were 1000, none of them 0")
	return n
}

func main() {
	n, none := zeros(os.Args[1]), os.Args[2] == "right"
	if none && n != 0 || !none && n != 1000 {
		fmt.Println("expected", os.Args[2], "values: this finding no longer holds")
		os.Exit(1)
	}
}
GO
go get github.com/parquet-go/parquet-go@v0.32.0 2>/dev/null
go build -o read .
./read snappy.parquet right
./read lz4.parquet wrong
