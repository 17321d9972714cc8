#!/usr/bin/env bash
# Trains under an emulated CPU that has AVX2 and no AVX-512: an instruction of the latter would end the
# process, and parameters are bit by bit those of this CPU's AVX2. Needs qemu-x86_64 (Debian: qemu-user),
# which it tries to install; where that fails it says so and leaves the check out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

if [ "$(go env GOHOSTARCH)" != amd64 ] || ! grep -qw avx2 /proc/cpuinfo 2>/dev/null; then
	echo "SKIPPED: this CPU has no AVX2 to compare with"
	exit 0
fi
. .ci/emulator
emulator qemu-x86_64 qemu-user

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
go build -o "$out/mspecc" ./cmd/mspecc
cp examples/maml.mspec "$out"
cd "$out"
./mspecc build maml.mspec --quiet -o maml
haswell() { qemu-x86_64 -cpu Haswell "$@" 2> >(grep -v "TCG doesn't support" >&2); }
haswell ./maml info | grep -E '^ *target +avx2$' || { echo "the trainer does not take AVX2 there"; exit 1; }
haswell ./maml train --steps 3 --seed 1 --out emulated
MSPECC_TARGET=avx2 ./maml train --steps 3 --seed 1 --out here --quiet
for run in emulated here; do
	./maml export --checkpoint $run --out $run.safetensors --quiet
done
cmp emulated.safetensors here.safetensors
echo "an emulated Haswell trains to the bits of this CPU's AVX2"
