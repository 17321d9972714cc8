"""Makes the pictures of this folder and what Pillow and tifffile make of them.

Run with Python 3.11, Pillow 13.0.0 (libtiff 4.7, libwebp 1.6), NumPy 2.4.6, tifffile 2026.3.3, imagecodecs 2026.3.6:
    python make.py
NAME.EXT is a picture. NAME.EXT.png is what Image.open(...).convert("RGB") gives; where that would lose digits,
NAME.EXT.npy is the array of the file's numbers, [height, width] or [height, width, channels], as NumPy sees the picture of
Pillow or, where its name says so, as tifffile.imread reads the file.
"""
import io
import struct

import numpy as np
import tifffile
from PIL import Image, features

print(features.version("pil"), features.version("libtiff"), features.version("webp"))
rng = np.random.default_rng(7)
h, w = 21, 26
y, x = np.mgrid[0:h, 0:w]
smooth = np.stack([128 + 90 * np.sin(x / 7 + y / 11), 255 * x / w, 255 * y / h], -1)
pixels = np.clip(smooth + rng.normal(0, 12, (h, w, 3)), 0, 255).astype(np.uint8)
source = Image.fromarray(pixels)
grey = source.convert("L")
deep = (np.asarray(grey).astype(np.uint16) * 16 + rng.integers(0, 16, (h, w))).astype(np.uint16)  # 12 bits
wide = (pixels.astype(np.uint16) * 256 + rng.integers(0, 256, (h, w, 3))).astype(np.uint16)


def expect(name):
    """What Pillow makes of a file."""
    image = Image.open(name).convert("RGB")
    image.info.clear()
    image.save(name + ".png")


def keep(name, image, **options):
    image.save(name, **options)
    expect(name)


def write(name, raw):
    open(name, "wb").write(raw)
    expect(name)


# WebP
for i, level in enumerate([0, 255, 128]):
    keep(f"lossy-{level}.webp", Image.new("RGB", (16, 16), (level,) * 3), quality=90)
keep("lossy-even.webp", source.crop((0, 0, 26, 20)), quality=90)
keep("lossy-odd.webp", source.crop((0, 0, 25, 21)), quality=40)
keep("lossy-pixel.webp", source.crop((0, 0, 1, 1)), quality=90)
keep("lossy-row.webp", source.crop((0, 0, 9, 1)), quality=90)
alpha = Image.merge("RGBA", (*source.split(), grey.point(lambda v: 0 if v < 120 else v)))
keep("lossy-alpha.webp", alpha, quality=80, exact=True)
keep("lossless-alpha.webp", alpha, lossless=True, exact=True)
keep("animated.webp", source, save_all=True, append_images=[grey.convert("RGB")], duration=50, quality=80)
keep("animated-alpha.webp", alpha, save_all=True, append_images=[source.convert("RGBA")], duration=50, lossless=True)

# PNG
p = Image.frombytes("P", (4, 2), bytes([0, 1, 2, 3, 3, 2, 1, 0]))
p.putpalette([255, 0, 0, 0, 255, 0, 10, 20, 30, 200, 150, 100])
keep("palette-alpha.png", p, transparency=bytes([0, 128, 3, 255]))
keep("palette-clear.png", Image.frombytes("P", (3, 3), bytes(9)), transparency=0)
q = Image.frombytes("P", (3, 3), bytes(9))
q.putpalette([255, 0, 0, 0, 0, 255])
keep("palette-red.png", q, transparency=0)
keep("bilevel.png", grey.convert("1"))
keep("bilevel-clear.png", grey.convert("1"), transparency=1)
keep("grey-clear.png", grey, transparency=int(np.asarray(grey)[3, 3]))
keep("colour-clear.png", source, transparency=tuple(int(v) for v in pixels[2, 2]))
keep("four-colours.png", source.quantize(4), bits=2)
Image.fromarray(deep).save("grey16.png")
np.save("grey16.png.npy", np.asarray(Image.open("grey16.png")))


def png(name, kind, bits, samples, extra=b""):
    """A PNG written by hand, of what Pillow does not write."""
    import zlib

    def chunk(tag, body):
        return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))

    rows = b"".join(b"\0" + row.tobytes() for row in samples.astype(f">u{bits // 8}"))
    height, width = samples.shape[:2]
    open(name, "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)) + extra
                           + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


png("colour16.png", 2, 16, wide)
np.save("colour16.png.npy", wide)
png("alpha16.png", 6, 16, np.concatenate([wide, np.zeros((h, w, 1), np.uint16)], -1))
np.save("alpha16.png.npy", wide)
png("grey-alpha16.png", 4, 16, np.stack([deep, deep * 0], -1))
np.save("grey-alpha16.png.npy", deep)

# GIF


def gif(name, screen, at, size, table, local=None, clear=None, index=None, background=0):
    """A GIF with a frame anywhere; index are its pixels, coded without compression."""
    bits = max(2, (len(table or local) - 1).bit_length())
    raw = b"GIF89a" + struct.pack("<HH", *screen)
    pack = lambda t: b"".join(bytes(c) for c in t)
    raw += bytes([0x80 | (bits - 1) if table else 0, background, 0]) + (pack(table) if table else b"")
    if clear is not None:
        raw += b"!\xf9\x04" + bytes([1, 0, 0, clear]) + b"\0"
    raw += b"," + struct.pack("<HHHH", *at, *size) + bytes([0x80 | (bits - 1) if local else 0]) + (pack(local) if local else b"")
    codes, width = [], bits + 1
    for i, v in enumerate(index):
        if i % (2 ** bits - 2) == 0:
            codes.append(2 ** bits)
        codes.append(v)
    codes.append(2 ** bits + 1)
    number = sum(c << (i * width) for i, c in enumerate(codes))
    body = number.to_bytes((len(codes) * width + 7) // 8, "little")
    raw += bytes([bits])
    for i in range(0, len(body), 255):
        raw += bytes([len(body[i:i + 255])]) + body[i:i + 255]
    write(name, raw + b"\0;")


colours = [(255, 0, 0), (0, 255, 0), (10, 20, 30), (200, 150, 100)]
dots = [int(v) for v in rng.integers(0, 4, 30)]
gif("small-frame.gif", (12, 9), (3, 2), (6, 5), colours, index=dots)
gif("small-frame-background.gif", (12, 9), (3, 2), (6, 5), colours, index=dots, background=2)
gif("small-frame-clear.gif", (12, 9), (3, 2), (6, 5), colours, index=dots, clear=1)
gif("large-frame.gif", (4, 4), (0, 0), (6, 5), colours, index=dots)
gif("large-frame-moved.gif", (4, 4), (3, 2), (6, 5), colours, index=dots, clear=2)
gif("clear.gif", (6, 5), (0, 0), (6, 5), colours, index=dots, clear=0)
gif("local.gif", (6, 5), (0, 0), (6, 5), colours, local=colours[::-1], index=dots, clear=3)

# BMP


def bmp(name, width, height, bits, body, packing=0, table=b"", masks=b"", header=40, gap=b"", colours=0):
    if header == 12:
        dib = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        dib = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, packing, len(body), 2835, 2835, colours, 0)
        if header > 40:
            dib += masks + bytes(header - 40 - len(masks))
            masks = b""
    start = 14 + len(dib) + len(masks) + len(table) + len(gap)
    write(name, b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + dib + masks + table + gap + body)


def lines(a):
    """Rows of bytes, from the bottom, filled up to 4."""
    return b"".join(bytes(r) + bytes(-len(bytes(r)) % 4) for r in a[::-1])


four = b"".join(bytes(c[::-1]) + b"\0" for c in colours)
index = rng.integers(0, 4, (5, 7)).astype(np.uint8)
pack16 = rng.integers(0, 1 << 16, (5, 7)).astype("<u2")
pack32 = rng.integers(0, 1 << 32, (5, 7), dtype=np.uint64).astype("<u4")
bmp("index1.bmp", 7, 5, 1, lines([np.packbits(r & 1) for r in index]), table=four[:8])
bmp("index4.bmp", 7, 5, 4, lines([np.packbits(np.unpackbits(r[:, None], axis=1)[:, 4:].ravel()) for r in index]), table=four, colours=4)
bmp("index8.bmp", 7, 5, 8, lines(index), table=four, colours=4)
bmp("index8-full.bmp", 7, 5, 8, lines(index), table=four + bytes(252 * 4))
bmp("index8-gap.bmp", 7, 5, 8, lines(index), table=four, colours=4, gap=bytes(10))
bmp("index8-down.bmp", 7, -5, 8, lines(index[::-1]), table=four, colours=4)
bmp("index8-os2.bmp", 7, 5, 8, lines(index), table=b"".join(bytes(c[::-1]) for c in colours) + bytes(252 * 3), header=12)
bmp("colour24-os2.bmp", 7, 5, 24, lines([r[:, ::-1].ravel() for r in pixels[:5, :7]]), header=12)
bmp("colour16.bmp", 7, 5, 16, lines([r.tobytes() for r in pack16]))
bmp("colour16-565.bmp", 7, 5, 16, lines([r.tobytes() for r in pack16]), packing=3, masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F))
bmp("colour16-565-v5.bmp", 7, 5, 16, lines([r.tobytes() for r in pack16]), packing=3, masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F), header=124)
bmp("colour32.bmp", 7, 5, 32, lines([r.tobytes() for r in pack32]))
bmp("colour32-masks.bmp", 7, 5, 32, lines([r.tobytes() for r in pack32]), packing=3, masks=struct.pack("<IIII", 0xFF000000, 0xFF0000, 0xFF00, 0xFF), header=108)
bmp("colour32-rgba.bmp", 7, 5, 32, lines([r.tobytes() for r in pack32]), packing=3, masks=struct.pack("<IIII", 0xFF, 0xFF00, 0xFF0000, 0xFF000000), header=56)
runs = bytes([7, 1, 0, 0, 3, 2, 0, 4, 1, 2, 3, 0, 0, 0, 0, 2, 2, 1, 3, 3, 0, 0, 0, 3, 3, 2, 1, 0, 4, 2, 0, 1])
bmp("runs8.bmp", 7, 5, 8, runs, packing=1, table=four, colours=4)
runs = bytes([7, 0x12, 0, 0, 3, 0x31, 0, 4, 0x12, 0x30, 0, 0, 0, 2, 2, 1, 3, 0x33, 0, 0, 0, 3, 0x32, 0x10, 4, 0x20, 0, 1])
bmp("runs4.bmp", 7, 5, 4, runs, packing=2, table=four, colours=4)

# PNM
write("bits.pbm", b"P1\n# bits\n5 2\n10101\n0 1 1 0 0\n")
write("bytes.pbm", b"P4 11 2\n\xa5\x40\x12\x20")
keep("grey8.pgm", grey)
open("deep.pgm", "wb").write(b"P5 %d %d 4095\n" % (w, h) + deep.astype(">u2").tobytes())
np.save("deep.pgm.npy", deep)

# TIFF: what Pillow reads
for name, options in {"group4": dict(compression="group4"), "group3": dict(compression="group3"), "bits": {}, "packbits": dict(compression="packbits")}.items():
    bits = Image.fromarray(np.asarray(grey) > 110)
    for white in [0, 1]:
        keep(f"{name}-{white}.tif", bits, tiffinfo={262: white}, **options)
for o in range(1, 9):
    keep(f"orientation-{o}.tif", source.crop((0, 0, 6, 4)), tiffinfo={274: o})
keep("jpeg.tif", source, compression="jpeg", quality=80)
keep("jpeg-grey.tif", grey, compression="jpeg", quality=80)
keep("zstd.tif", source.crop((0, 0, 9, 7)), compression="zstd")
keep("palette.tif", source.quantize(16), compression="tiff_lzw")
keep("cmyk.tif", source.convert("CMYK"), compression="tiff_deflate")
keep("alpha.tif", alpha)
keep("grey-alpha.tif", Image.merge("LA", (grey, source.split()[1])))
few = pixels[:7, :9]
# Luma and colours: libtiff reads them where they are compressed; Pillow's own numbers for plain ones are less exact.
Image.fromarray(few).convert("YCbCr").save("luma-plain.tif")
keep("luma.tif", Image.fromarray(few).convert("YCbCr"), compression="tiff_lzw")
Image.open("luma.tif.png").save("luma-plain.tif.png")


def tiff(name, a, read=None, **options):
    tifffile.imwrite(name, a, metadata=None, software=None, **options)
    if read is None:
        expect(name)
    else:
        np.save(name + ".npy", tifffile.imread(name) if read == "tifffile" else np.asarray(Image.open(name)))


tiff("planar.tif", np.moveaxis(few, -1, 0), photometric="rgb", planarconfig="separate", compression="zlib")
tiff("tiles.tif", pixels, photometric="rgb", tile=(16, 16), compression="lzw", predictor=True)
tiff("big.tif", few, photometric="rgb", bigtiff=True, compression="zlib")
tiff("big-motorola.tif", few, "tifffile", photometric="rgb", bigtiff=True, byteorder=">")
tiff("associated.tif", np.concatenate([np.minimum(few, few[..., :1]), few[..., :1]], -1), photometric="rgb", extrasamples=["assocalpha"])
tiff("white.tif", np.asarray(grey), photometric="miniswhite")
tiff("thumbnail-first.tif", few, photometric="rgb")
with tifffile.TiffWriter("thumbnails.tif") as t:
    t.write(few, photometric="rgb", metadata=None, software=None)
    t.write(few[::2, ::2], photometric="rgb", subfiletype=1, metadata=None, software=None)
    t.write(few[..., 0] > 100, subfiletype=4, photometric=4, metadata=None, software=None)
expect("thumbnails.tif")
tiff("grey16.tif", deep, "pillow", compression="zlib", predictor=True)
tiff("colour16.tif", wide[:7, :9], "tifffile", photometric="rgb", byteorder=">")
tiff("grey-f32.tif", (deep / 7 - 100).astype(np.float32), "pillow")
tiff("grey-f32-tiles.tif", (deep / 7 - 100).astype(np.float32), "tifffile", tile=(16, 16), compression="zlib", predictor=3, bigtiff=True)
tiff("grey-f16.tif", (deep / 7 - 100).astype(np.float16), "tifffile")
tiff("grey-f64.tif", deep[:5, :5] / 7 - 100, "tifffile", byteorder=">", compression="zlib", predictor=3)
tiff("grey-i16.tif", deep.astype(np.int16) - 2000, "pillow")
tiff("grey-u32.tif", deep.astype(np.uint32) * 1000, "tifffile")
tiff("grey-i64.tif", deep[:5, :5].astype(np.int64) - 2000, "tifffile")
tiff("three-bands.tif", wide[:7, :9], "tifffile", photometric="minisblack", planarconfig="contig")
for old in ["thumbnail-first.tif", "thumbnail-first.tif.png"]:
    import os
    os.remove(old)
packed = np.zeros((3, 6), np.uint8)
twelve = deep[:3, :4]
for r, row in enumerate(twelve):
    bits = "".join(f"{v:012b}" for v in row)
    packed[r] = np.frombuffer(int(bits, 2).to_bytes(6, "big"), np.uint8)


def by_hand(name, tags, body, order="<"):
    """A classic TIFF of one strip: tags are numbers of 16 or 32 bits."""
    tags = dict(sorted({**tags, 273: (4, 8), 279: (4, len(body))}.items()))
    out = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + len(body) + len(body) % 2) + body + bytes(len(body) % 2)
    out += struct.pack(order + "H", len(tags))
    for tag, (kind, v) in tags.items():
        out += struct.pack(order + "HHI", tag, kind, 1) + (struct.pack(order + "HH", v, 0) if kind == 3 else struct.pack(order + "I", v))
    open(name, "wb").write(out + bytes(4))


plain = {258: (3, 8), 259: (3, 1), 262: (3, 1), 277: (3, 1)}
by_hand("grey12.tif", {**plain, 256: (3, 4), 257: (3, 3), 258: (3, 12), 278: (3, 3)}, packed.tobytes())
np.save("grey12.tif.npy", np.asarray(Image.open("grey12.tif")))
by_hand("reversed.tif", {**plain, 256: (3, 10), 257: (3, 2), 258: (3, 1), 266: (3, 2), 278: (3, 2)}, bytes([0x13, 0x01, 0xfe, 0x02]))
expect("reversed.tif")
by_hand("two-bits.tif", {**plain, 256: (3, 5), 257: (3, 2), 258: (3, 2), 278: (3, 2)}, bytes([0x1b, 0x40, 0xe4, 0x80]), ">")
expect("two-bits.tif")
by_hand("four-bits-white.tif", {**plain, 256: (3, 3), 257: (3, 2), 258: (3, 4), 262: (3, 0), 278: (3, 2)}, bytes([0x1b, 0x40, 0xe4, 0x80]))
expect("four-bits-white.tif")

# TIFFs of bands: pages, tiles that are left out, GDAL's nodata
pages = np.stack([np.full((6, 5), 50 * (i + 1), np.uint8) + np.arange(5, dtype=np.uint8) for i in range(3)])
tifffile.imwrite("pages.tif", pages, metadata=None, software=None, photometric="minisblack")
np.save("pages.tif.npy", np.moveaxis(tifffile.imread("pages.tif"), 0, -1))
many = np.stack([deep[:6, :5] + 1000 * i for i in range(5)])
tifffile.imwrite("pages5.tif", many, metadata=None, software=None, photometric="minisblack")
np.save("pages5.tif.npy", np.moveaxis(many, 0, -1))


def sparse(name, nodata=None, bigtiff=False):
    a = (np.arange(32 * 32 * 2).reshape(32, 32, 2) % 4093).astype(np.uint16)
    a[16:, 16:] = 7
    a[:16, :16] = 0
    tags = [(42113, "s", 0, nodata, True)] if nodata else []
    tifffile.imwrite(name, a, tile=(16, 16), compression="zlib", photometric="minisblack", planarconfig="contig", metadata=None, software=None, extratags=tags, bigtiff=bigtiff)
    with tifffile.TiffFile(name) as t:
        offsets, counts = t.pages[0].tags[324], t.pages[0].tags[325]
        places = [(offsets.valueoffset, offsets.dtype), (counts.valueoffset, counts.dtype)]
    raw = bytearray(open(name, "rb").read())
    for at, kind in places:
        raw[at:at + {3: 2, 4: 4, 16: 8}[int(kind)]] = bytes({3: 2, 4: 4, 16: 8}[int(kind)])
    open(name, "wb").write(bytes(raw))
    np.save(name + ".npy", tifffile.imread(name))


sparse("sparse.tif")
sparse("sparse-big.tif", bigtiff=True)
sparse("sparse-nodata.tif", "7")

# Pictures of more digits, scaled in Pillow's mode F: across, down and both
floats = Image.fromarray(deep.astype(np.float32))
for name in ["BOX", "BILINEAR", "BICUBIC", "LANCZOS"]:
    for size in [(13, 21), (26, 40), (9, 8)]:
        np.save(f"deep-{name.lower()}-{size[0]}x{size[1]}.npy", np.asarray(floats.resize(size, Image.Resampling[name])))
