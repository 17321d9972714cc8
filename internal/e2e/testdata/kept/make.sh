#!/usr/bin/env bash
# Makes 55192ca.tar.gz: what the mspecc of commit 55192ca leaves behind, for the tests that it goes on loading.
# usage: make.sh MSPECC   (its binary, on a machine with AVX-512; works in /srv/kept, whose name run.json keeps)
set -euo pipefail
mspecc=$1 here=$(cd "$(dirname "$0")" && pwd)
rm -rf /srv/kept && mkdir -p /srv/kept/data && cd /srv/kept
cp "$here/kept.mspec" .
python3 - <<'PY'
import random
random.seed(3)
with open("data/readings.csv", "w") as f:
    f.write("a,b,c,d,e,f,kind,size\n")
    for _ in range(128):
        kind, size = random.choice(["low", "high", "mid"]), 10 * random.random()
        m, g = {"low": 2, "mid": 5, "high": 9}[kind], random.gauss
        row = [m + g(0, 1), 100 + g(0, 10) + 3 * size, g(0, 0.01), size + g(0, 1), m * size + g(0, 3), -m + g(0, 2)]
        f.write(",".join("%.3f" % v for v in row) + f",{kind},{size:.3f}\n")
words = "the a lamp chair table is was red blue green bright dark small large old new".split()
with open("data/notes.tsv", "w") as f:
    f.write("text\tkind\n")
    for _ in range(128):
        kind = random.choice(["thing", "look"])
        of = lambda j: words if j % 2 == 0 else words[2:5] if kind == "thing" else words[5:]
        f.write(" ".join(random.choice(of(j)) for j in range(random.randint(2, 6))) + f"\t{kind}\n")
PY
mkdir other # fewer records, of which another scaling and another vocabulary would come
for f in readings.csv notes.tsv; do head -25 data/$f >other/$f; done
"$mspecc" build kept.mspec --quiet --emit module -o kept
rm -r module/mspecc # the run-time library of then
portable() { GODEBUG=cpu.avx512f=off ./kept "$@" --quiet; }

portable train --modality readings --data data --steps 400 --log-every 100 --checkpoint-every 200 --summary-every 0 --keep 1 --out runs/finished
portable eval --modality readings --data data --checkpoint runs/finished --seed 1 --epochs 5 --seeds 2 --no-feature-cache --out eval.json
portable eval --modality readings --data data --checkpoint runs/finished --task size --methods linear,knn --seed 1 --epochs 5 --seeds 2 --no-feature-cache
portable embed --modality readings --data other --checkpoint runs/finished --split test --out readings.npy
portable train --modality notes --data data --steps 40 --summary-every 0 --out runs/notes
cp runs/notes/checkpoints/step-00000040.safetensors notes.safetensors
portable embed --modality notes --data other --checkpoint notes.safetensors --split test --out notes.npy

# A run that a signal stops on its way, and where it gets to.
for wait in 0.25 0.3 0.35 0.4 0.45 0.5 0.6 0.7 0.8 0.9 0.3 0.35 0.4; do
    rm -rf runs/stopped
    GODEBUG=cpu.avx512f=off ./kept train --quiet --modality readings --data data --steps 600 --log-every 100 --checkpoint-every 100 --summary-every 0 --keep 1 --out runs/stopped &
    sleep "$wait"
    kill -TERM $!
    wait $! || true
    step=$(sed -n 's/.*stopped at step \([0-9]*\)/\1/p' runs/stopped/log.txt)
    [ "${step:-0}" -lt 110 ] || [ $((step % 100)) -lt 10 ] || break # in the middle of a line of metrics, behind the first
done
for target in portable avx512; do
    cp -r runs/stopped "$target"
    [ "$target" = avx512 ] || export GODEBUG=cpu.avx512f=off
    ./kept train --quiet --modality readings --resume "$target"
    unset GODEBUG
    cp "$target/checkpoints/step-00000600.safetensors" "resumed-$target.safetensors"
    cp "$target/metrics.jsonl" "resumed-$target.jsonl"
done
rm -rf runs/notes runs/*/pictures/*.png kept portable avx512
sed -i 's/"host": "[^"]*"/"host": "host"/' runs/*/run.json
tar --sort=name --owner=0 --group=0 --mtime=@0 -cf - . | gzip -9n >"$here/55192ca.tar.gz"
