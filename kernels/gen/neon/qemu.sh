#!/usr/bin/env bash
# Runs what arm64 has of its own under an emulator: every kernel against the interpreter, also
# between guard pages, the small reference cases (those of full size with --full), and a trainer of the first
# example: 3 steps and an evaluation on 64 examples. Needs qemu-aarch64 (Debian: qemu-user), which it tries to install; where that fails
# it says so and leaves the tests out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

if [ "$(go env GOHOSTARCH)" = arm64 ]; then
	echo "this machine is arm64: go test runs the kernels without an emulator"
	exit 0
fi
. .ci/emulator
emulator qemu-aarch64 qemu-user binutils-aarch64-linux-gnu
go test -count=1 ./kernels/gen/neon
export MSPECC_QEMU_AARCH64=qemu-aarch64
go test -count=1 ./kernels
if [ "${1:-}" = --full ]; then
	MSPECC_SLOW=1 go test -count=1 -timeout=0 ./internal/e2e -run TestNEON -v
	exit 0
fi
go test -count=1 -timeout=30m ./internal/e2e -run TestNEON

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
go run ./cmd/mspecc build examples/metamae.mspec --modality fashion_small --set batch=8 --quiet --target neon --emit "$out/gen"
(cd "$out/gen" && CGO_ENABLED=0 GOARCH=arm64 go build -o "$out/trainer" .)
"$MSPECC_QEMU_AARCH64" "$out/trainer" train --steps 3 --log-every 1 --out "$out/run"
"$MSPECC_QEMU_AARCH64" "$out/trainer" eval --checkpoint "$out/run" --max-examples 64 --methods knn,fewshot --baselines none --no-feature-cache
