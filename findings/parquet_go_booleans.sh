#!/usr/bin/env bash
# parquet-go reads columns of booleans in data pages of version 2 as other values than were written.
#
# Expected: a column of booleans that pyarrow wrote with data_page_version="2.0" reads in Go as it reads in pyarrow. Such pages
#   hold booleans in the hybrid encoding RLE: runs of one value, or groups of eight values packed as bits.
# What happens: without an error, a run of true comes back as one true for each eight values and false for the others, since what a run
#   repeats, one bit, is taken for a byte of eight. The same values in pages of version 1 (encoding PLAIN) are right.
# Seen with: github.com/parquet-go/parquet-go v0.32.0, pyarrow 26.0.1.
# Source: Apache Parquet, Encodings, "Run Length Encoding / Bit-Packing Hybrid",
#   https://parquet.apache.org/docs/file-format/data-pages/encodings/ : rle-run holds the repeated value, of the bit width of the column.
set -euo pipefail
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q pyarrow==26.0.1
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
import pyarrow as pa, pyarrow.parquet as pq
table = pa.table({"x": pa.array([True] * 64 + [False] * 64)})
for version in ("1.0", "2.0"):
    name = f"v{version[0]}.parquet"
    pq.write_table(table, name, data_page_version=version, compression="none")
    assert pq.read_table(name).equals(table), "pyarrow reads something else itself"
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
	X *bool `parquet:"x,optional"`
}

func trues(name string) (n int) {
	rows, err := parquet.ReadFile[row](name)
	if err != nil {
		panic(err)
	}
	for _, r := range rows {
		if r.X != nil && *r.X {
			n++
		}
	}
	fmt.Println(name, "has", len(rows), "values,", n, "of them true; written were 128 and 64")
	return n
}

func main() {
	if trues("v1.parquet") != 64 {
		fmt.Println("pages of version 1 are read as something else too")
		os.Exit(1)
	}
	if trues("v2.parquet") == 64 {
		fmt.Println("pages of version 2 are right now: this finding no longer holds")
		os.Exit(1)
	}
}
GO
go get github.com/parquet-go/parquet-go@v0.32.0 2>/dev/null
go run .
