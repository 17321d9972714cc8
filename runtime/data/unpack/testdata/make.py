"""Packs text.csv in every way that is unpacked: Python 3.11 (bz2, gzip, lzma, zlib), zstd 1.5, lz4 1.9.

    python make.py
"""
import bz2
import gzip
import lzma
import subprocess
import zlib

text = b"x^2,y\n" + b"".join(b"%d,%d\n" % (i * i, i) for i in range(60))
open("text.csv", "wb").write(text)
open("text.csv.gz", "wb").write(gzip.compress(text, mtime=0))
open("text.csv.bz2", "wb").write(bz2.compress(text[:100]) + bz2.compress(text[100:]))  # as pbzip2 does
open("text.csv.xz", "wb").write(lzma.compress(text))
for level in [1, 6, 9]:
    open(f"text-{level}.csv.zlib", "wb").write(zlib.compress(text, level))
for tool, end in [("zstd", "zst"), ("lz4", "lz4")]:
    with open(f"text.csv.{end}", "wb") as out:
        subprocess.run([tool, "-q", "-c", "text.csv"], stdout=out, check=True)
