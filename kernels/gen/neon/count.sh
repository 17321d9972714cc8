#!/usr/bin/env bash
# Counts the instructions of a training step of the first example with NEON and with portable kernels: what
# two steps take more than one, on one thread, under qemu-aarch64. Needs a C compiler. Usage: count.sh [BATCH]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cc -shared -fPIC -O2 -o "$out/count.so" kernels/gen/neon/testdata/count.c
go run ./cmd/mspecc build examples/metamae.mspec --modality fashion_small --set "batch=${1:-64}" --quiet --target neon,portable --emit "$out/gen" -o "$out/here"
(cd "$out/gen" && CGO_ENABLED=0 GOARCH=arm64 go build -o "$out/trainer" .)
count() { # TARGET STEPS
	MSPECC_TARGET=$1 qemu-aarch64 -plugin "$out/count.so" "$out/trainer" bench --warmup 0 --steps "$2" --threads 1 2>&1 | sed -n 's/^instructions //p'
}
for target in neon portable; do
	one=$(count $target 1)
	two=$(count $target 2)
	echo "$target: $(((two - one) / 1000000)) million instructions a step"
done
