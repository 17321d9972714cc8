"""Makes the pictures of this folder and what Pillow makes of them.

Run with Python 3.11, Pillow 12.1.0, NumPy 2.4.6, tifffile 2026.3.3, imagecodecs 2026.3.6:
    python make.py
NAME.EXT is a picture, NAME.EXT.png what Image.open(...).convert("RGB") gives. resize-FILTER-WxH.png is
source.png resized by Pillow. The samples of the TIFFs follow a formula that the test knows.
"""
import numpy as np
import tifffile
from PIL import Image, features

rng = np.random.default_rng(1)
h, w = 47, 61
y, x = np.mgrid[0:h, 0:w]
smooth = np.stack([128 + 90 * np.sin(x / 7 + y / 11), 255 * x / w, 255 * y / h], -1)
source = Image.fromarray(np.clip(smooth + rng.normal(0, 12, (h, w, 3)), 0, 255).astype(np.uint8))
source.save("source.png")
print("libjpeg-turbo", features.version_feature("libjpeg_turbo"))


def keep(name, image, **options):
    image.save(name, **options)
    Image.open(name).convert("RGB").save(name + ".png")


keep("444.jpg", source, quality=90, subsampling=0)
keep("422.jpg", source, quality=80, subsampling=1)
keep("420.jpg", source, quality=75, subsampling=2)
keep("progressive.jpg", source, quality=85, subsampling=2, progressive=True)
keep("tiny.jpg", source.crop((0, 0, 3, 2)), quality=90, subsampling=2)
keep("pixel.jpg", source.crop((0, 0, 1, 1)), quality=90)
keep("grey.jpg", source.convert("L"), quality=80)
keep("cmyk.jpg", source.convert("CMYK"), quality=90)
keep("palette.png", source.quantize(16))
keep("alpha.png", Image.merge("RGBA", (*source.split(), source.convert("L"))))
keep("grey.png", source.convert("L"))
keep("grey-alpha.png", Image.merge("LA", (source.convert("L"), source.split()[1])))
keep("colour.ppm", source.crop((0, 0, 9, 7)))
keep("grey.pgm", source.convert("L").crop((0, 0, 9, 7)))
keep("colour.bmp", source.crop((0, 0, 9, 7)))
keep("colour.tif", source.crop((0, 0, 9, 7)), compression="tiff_lzw")
keep("lossless.webp", source.crop((0, 0, 9, 7)), lossless=True)
keep("palette.gif", source.crop((0, 0, 9, 7)).quantize(8))
source.convert("L").save("luma.png")

for name in ["BOX", "BILINEAR", "BICUBIC", "LANCZOS"]:
    for size in [(32, 32), (20, 90), (61, 30), (1, 1)]:
        source.resize(size, Image.Resampling[name]).save(f"resize-{name.lower()}-{size[0]}x{size[1]}.png")

c, y, x = np.mgrid[0:13, 0:9, 0:18]
values = (c * 1000 + y * 370 + x * 1100) % 65536
u16, i16, u8 = values.astype(np.uint16), (values - 32768).astype(np.int16), (values % 256).astype(np.uint8)
f32 = (values / 64 - 300).astype(np.float32)
chunky = dict(photometric="minisblack", planarconfig="contig")
tiffs = {
    "u16-le": (u16, "<", dict(rowsperstrip=4)),
    "u16-be-deflate": (u16, ">", dict(compression="zlib", rowsperstrip=5)),
    "u16-le-lzw-predictor": (u16, "<", dict(compression="lzw", predictor=True)),
    "u16-be-lzw-predictor": (u16, ">", dict(compression="lzw", predictor=True)),
    "i16-be-tiles": (i16, ">", dict(compression="zlib", predictor=True, tile=(16, 16))),
    "u8-packbits": (u8, "<", dict(compression="packbits")),
    "f32-predictor": (f32, "<", dict(compression="zlib", predictor=3)),
    "f32-be": (f32, ">", {}),
}
for name, (a, order, options) in tiffs.items():
    tifffile.imwrite(name + ".tif", np.moveaxis(a, 0, -1), byteorder=order, metadata=None, software=None, **chunky, **options)
tifffile.imwrite("u16-planar.tif", u16, byteorder=">", metadata=None, software=None, photometric="minisblack", planarconfig="separate", compression="zlib")
