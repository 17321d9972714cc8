"""Makes trees.zip, small data sets laid out as the benchmark's tools leave them, and expect.json, what they
must be read as: computed here from the descriptions of the data sets with Pillow, librosa, NumPy, pandas and tokenizers.

Run with Python 3.11.7, Pillow 12.1.0, librosa 0.11.0, soundfile 0.14.0, NumPy 2.4.6, pandas 3.1.1, SciPy 1.17.1,
tifffile 2026.3.3 and tokenizers 0.23.3:
    python make.py SAMPLES
SAMPLES holds the real samples that README.md names; everything else is drawn at random.
Pictures are PNG files with the names that the data sets give them: readers go by the content.
"""
import glob
import gzip
import json
import os
import pickle
import random
import re
import shutil
import sys
import tempfile
import warnings
import zipfile

import librosa
import numpy as np
import pandas as pd
import soundfile
import tifffile
from PIL import Image
from scipy.io import savemat
from tokenizers import BertWordPieceTokenizer

warnings.filterwarnings("ignore")
samples = sys.argv[1]
root = tempfile.mkdtemp()
rng = np.random.default_rng(7)
expect = []


def at(path):
    path = f"{root}/{path}"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


def write(path, text):
    open(at(path), "w").write(text)


def draw(path, w=None, h=None, format="PNG"):
    w, h = w or int(rng.integers(5, 20)), h or int(rng.integers(5, 20))
    a = np.kron(rng.integers(0, 256, (h // 3 + 1, w // 3 + 1, 3)), np.ones((3, 3, 1)))[:h, :w].astype(np.uint8)
    Image.fromarray(a).save(at(path), format=format)


def look(x):
    """A few of the values, of all places."""
    x = np.asarray(x, np.float64).ravel()
    return [float(x[i * 7919 % len(x)]) for i in range(8)]


def case(name, reader, root, options, inputs, train, test, tolerance=0.0, labels=None):
    expect.append({"name": name, "reader": reader, "root": root, "options": options, "inputs": inputs, "labels": labels, "tolerance": tolerance,
                   "train": train, "test": test})


# --- pictures -------------------------------------------------------------------------------------

def seen(path, box=None):
    image = Image.open(f"{root}/{path}").convert("RGB")
    if box:
        image = image.crop(box)
    a = np.asarray(image.resize((8, 6), Image.Resampling.BILINEAR), np.float32) / np.float32(255)
    return a.transpose(2, 0, 1)


PICTURE = [{"shape": [3, 6, 8]}]


def pictures(name, root, options, train, test):
    row = lambda p: {"label": p[1], "x": look(seen(f"{root}/{p[0]}", *p[2:]))}
    case(name, "pictures", root, options, PICTURE, [row(p) for p in train], [row(p) for p in test], 1e-6)


def fifths(groups):
    rs = np.random.RandomState(42)
    train, test = [], []
    for g in groups:
        order = np.arange(len(g))
        rs.shuffle(order)
        cut = int(0.8 * len(g))
        train += [g[i] for i in order[:cut]]
        test += [g[i] for i in order[cut:]]
    return train, test


for name in ["train/n01/a", "train/n01/b", "train/n02/c", "val/n01/d", "val/n02/e"]:
    draw(f"imagenet/{name}.JPEG")
pictures("imagenet", "imagenet", {"layout": "imagenet"}, [("train/n01/a.JPEG", 0), ("train/n01/b.JPEG", 0), ("train/n02/c.JPEG", 1)],
         [("val/n01/d.JPEG", 0), ("val/n02/e.JPEG", 1)])

birds = [("001.A/x.jpg", 1, 1), ("001.A/y.jpg", 1, 0), ("003.C/z.jpg", 3, 1), ("002.B/v.jpg", 2, 0)]
for part, column in [("images", 0), ("image_class_labels", 1), ("train_test_split", 2)]:
    write(f"cub/CUB_200_2011/{part}.txt", "".join(f"{i + 1} {b[column]}\n" for i, b in enumerate(birds)))
for b in birds:
    draw(f"cub/CUB_200_2011/images/{b[0]}")
bird = lambda keep: [(f"CUB_200_2011/images/{b[0]}", b[1] - 1) for b in birds if b[2] == keep]
pictures("cub", "cub", {"layout": "cub"}, bird(1), bird(0))

flowers = [3, 3, 1, 3, 1, 2, 2, 3, 3, 1, 2, 2, 2, 1, 1]
savemat(at("flowers/flowers102/imagelabels.mat"), {"labels": np.array([flowers], np.uint8)}, do_compression=True)
savemat(at("flowers/flowers102/setid.mat"), {"trnid": np.array([[1, 3, 6]], np.uint16), "valid": np.array([[2, 5]], np.uint16), "tstid": np.array([[15, 4]], np.uint16)})
for i in range(len(flowers)):
    draw(f"flowers/flowers102/jpg/image_{i + 1:05d}.jpg")
flower = [(f"flowers102/jpg/image_{i + 1:05d}.jpg", c - 1) for i, c in enumerate(flowers)]
groups = {}
for f in flower:
    groups.setdefault(f[1], []).append(f)
pictures("flowers random", "flowers", {"layout": "flowers"}, *fifths(groups.values()))
pictures("flowers official", "flowers", {"layout": "flowers", "split": "official"}, [flower[i - 1] for i in (1, 3, 6, 2, 5)], [flower[i - 1] for i in (15, 4)])

textures = {"train1": ["banded/b1.jpg", "dotted/d1.jpg"], "val1": ["zigzag/z1.jpg"], "test1": ["banded/b2.jpg", "zigzag/z2.jpg"]}
classes = ["banded", "dotted", "zigzag"]
for part, names in textures.items():
    write(f"dtd/imagenet/dtd/labels/{part}.txt", "\n".join(names) + "\n")
    for n in names:
        draw(f"dtd/imagenet/dtd/images/{n}")
texture = lambda *parts: [(f"imagenet/dtd/images/{n}", classes.index(n.split("/")[0])) for p in parts for n in textures[p]]
pictures("dtd", "dtd", {"layout": "dtd"}, texture("train1", "val1"), texture("test1"))

signs = [[], []]
for c in range(2):
    for track in range(5):
        for frame in range(2):
            path = f"Final_Training/Images/{c:05d}/{track:05d}_{frame:05d}.ppm"
            draw(f"signs/{path}", format="PPM")
            signs[c].append((path, c))
pictures("traffic signs by pictures", "signs", {"layout": "traffic_sign", "split": "pictures"}, *fifths(signs))
tracks = [[s for s in g if s[0].endswith("_00000.ppm")] for g in signs]
kept = {s[0][:-10] for s in fifths(tracks)[0]}
pictures("traffic signs by tracks", "signs", {"layout": "traffic_sign"}, [s for g in signs for s in g if s[0][:-10] in kept], [s for g in signs for s in g if s[0][:-10] not in kept])

planes = {"0900": ("A320", "trainval", (2, 1, 9, 8)), "0034": ("707-320", "trainval", (1, 1, 12, 5)), "0701": ("A320", "trainval", (3, 2, 7, 6)), "0555": ("707-320", "test", (1, 2, 6, 7))}
write("aircraft/data/images_box.txt", "".join(f"{i} {' '.join(map(str, p[2]))}\n" for i, p in planes.items()))
for part in ["trainval", "test"]:
    write(f"aircraft/data/images_variant_{part}.txt", "".join(f"{i} {p[0]}\n" for i, p in planes.items() if p[1] == part))
for i in planes:
    draw(f"aircraft/data/images/{i}.jpg", 14, 11)
plane = lambda i: (f"data/images/{i}.jpg", ["707-320", "A320"].index(planes[i][0]), planes[i][2])
pictures("aircraft", "aircraft", {"layout": "aircraft"}, [plane("0034"), plane("0701"), plane("0900")], [plane("0555")])

# --- speech ---------------------------------------------------------------------------------------

SAMPLES, HOP, MELS = 4000, 200, 16


def heard(path, mean, std, tail=False):
    x, rate = soundfile.read(f"{root}/{path}", dtype="float32", always_2d=True)
    x = x[:, 0]
    x = (x[-SAMPLES:] if tail else x[:SAMPLES]) if len(x) > SAMPLES else np.pad(x, (0, SAMPLES - len(x)))
    s = librosa.feature.melspectrogram(y=x, sr=rate, hop_length=HOP, n_mels=MELS)
    return (librosa.power_to_db(s**2) - mean) / std


def speech(name, root, options, mean, std, train, test):
    row = lambda p: {"label": p[1], "x": look(heard(f"{root}/{p[0]}", mean, std))}
    case(name, "speech", root, {"samples": str(SAMPLES), "hop": str(HOP), "cut": "head", **options}, [{"shape": [1, MELS, 1 + SAMPLES // HOP]}],
         [row(p) for p in train], [row(p) for p in test], 1e-4)


digits = sorted(glob.glob(f"{samples}/speech/fsdd/recordings/[01]_jackson_1[0-4].wav"))
libri = {19: [], 1272: []}
for i, path in enumerate(digits):
    speaker = 1272 if i % 2 else 19
    to = f"LibriSpeech/dev-clean/{speaker}/{100 + i // 4}/{speaker}-{100 + i // 4}-{i:04d}.wav"
    shutil.copyfile(path, at(f"libri/{to}"))
    libri[speaker].append((to, [19, 1272].index(speaker)))
shutil.copyfile(f"{samples}/speech/flac/librispeech_dummy_0.flac", at("libri/LibriSpeech/train-clean-100/7/1/7-1-0000.flac"))
speech("librispeech", "libri", {"layout": "librispeech", "parts": "train-clean-100"}, -22.924, 12.587, [("LibriSpeech/train-clean-100/7/1/7-1-0000.flac", 0)],
       [(p, 0) for s in (19, 1272) for p, _ in libri[s]])
speech("librispeech transfer", "libri", {"layout": "librispeech_transfer"}, -22.924, 12.587, *fifths([libri[19], libri[1272]]))

mnist = {"01": [], "05": [], "26": []}
for i, speaker in enumerate(mnist):
    for path in digits[2 * i:2 * i + 2]:
        to = f"AudioMNIST/data/{speaker}/{os.path.basename(path)[0]}_{speaker}_{os.path.basename(path)[-5]}.wav"
        shutil.copyfile(path, at(f"mnist/{to}"))
        mnist[speaker].append((to, int(os.path.basename(path)[0])))
speech("audiomnist", "mnist", {"layout": "audiomnist"}, -90.293, 11.799, mnist["01"], mnist["05"] + mnist["26"])

LABELS = ("eight right happy three yes up no stop on four nine zero down go six two left five off seven one cat bird marvin wow tree dog sheila bed house "
          "follow visual backward forward learn _background_noise_").split()
words = ["zero/a_nohash_0.wav", "zero/b_nohash_0.wav", "cat/c_nohash_0.wav", "cat/d_nohash_1.wav", "_background_noise_/pink.wav"]
for n in words:
    t = np.arange(900) / 16000
    soundfile.write(at(f"google/{n}"), 0.3 * np.sin(2 * np.pi * rng.integers(100, 3000) * t) + 0.02 * rng.normal(size=900), 16000, subtype="PCM_16")
write("google/testing_list.txt", "zero/b_nohash_0.wav\n")
write("google/validation_list.txt", "cat/d_nohash_1.wav\n")
word = lambda *names: [(n, LABELS.index(n.split("/")[0])) for n in names]
speech("google speech", "google", {"layout": "google_speech"}, -46.847, 19.151, word(words[0], words[2], words[4], words[3]), word(words[1]))
speech("google speech as published", "google", {"layout": "google_speech", "split": "reference"}, -46.847, 19.151,
       word(words[0], words[1], words[2], words[3], words[4], words[3]), word(words[1]))

fluent = {"train": [("a.wav", "activate", "lights", "kitchen"), ("b.wav", "bring", "newspaper", "none")], "valid": [("c.wav", "change language", "Chinese", "none")],
          "test": [("d.wav", "increase", "heat", "washroom")]}
for part, rows in fluent.items():
    for r in rows:
        soundfile.write(at(f"fluent/wavs/{r[0]}"), 0.2 * rng.normal(size=700), 16000, subtype="PCM_16")
    pd.DataFrame([{"path": f"wavs/{r[0]}", "speakerId": "x", "transcription": "Turn it, \"please\"", "action": r[1], "object": r[2], "location": r[3]} for r in rows]).to_csv(at(f"fluent/data/{part}_data.csv"))
for column, labels in {"action": ([1, 5, 0], [3]), "object": ([2, 6, 10], [4]), "location": ([1, 0, 0], [3])}.items():
    speech(f"fluent {column}", "fluent", {"layout": "fluent", "label": column}, -31.809, 13.127, list(zip(["wavs/a.wav", "wavs/b.wav", "wavs/c.wav"], labels[0])), [("wavs/d.wav", labels[1][0])])

vox = ["3 id10002/v/1.wav", "1 id10003/w/1.wav", "2 id10001/u/2.wav", "1 id10001/u/1.wav"]
write("vox/voxceleb1/iden_split.txt", "\n".join(vox) + "\n")
for v in vox:
    soundfile.write(at(f"vox/voxceleb1/wav/{v[2:]}"), 0.2 * rng.normal(size=500), 16000, subtype="PCM_16")
who = lambda v: (f"voxceleb1/wav/{v[2:]}", ["id10001", "id10002", "id10003"].index(v[2:9]))
speech("voxceleb1", "vox", {"layout": "voxceleb1"}, -37.075, 19.776, [who(vox[1]), who(vox[3]), who(vox[2])], [who(vox[0])])

# --- tables ---------------------------------------------------------------------------------------

def tenths(rows, reference=False):
    n = len(rows)
    cut = int(np.ceil(0.9 * n))
    return rows[:cut], rows[cut:] if not reference else rows[n - int(np.floor((1 - 0.9) * n)):]


z = np.load(f"{samples}/wafer/WM811K_test.npz")
types = [n.decode().strip("\0 ") for n in z["failure_names"]]
MAP = {"none": 0, "random": 1, "donut": 2, "scratch": 3, "center": 4, "loc": 5, "edge-loc": 6, "edge-ring": 7, "near-full": 8}
wafers = []
for i in sorted(range(len(z["shapes"])), key=lambda i: int(np.prod(z["shapes"][i])))[:400:20]:
    die = z["pixels"][z["offsets"][i]:z["offsets"][i + 1]].reshape(*z["shapes"][i], 1)
    wafers.append({"failureType": types[z["failure_code"][i]].lower(), "pixels": (np.repeat(die, 3, 2) * 127.5).astype(int)})
os.makedirs(f"{root}/wafer/wafer_map")
labelled, unlabelled = pd.DataFrame(wafers), pd.DataFrame([{**w, "failureType": "unlabeled"} for w in wafers[:11]])
labelled.to_pickle(f"{root}/wafer/wafer_map/labeled.pkl")
unlabelled.to_pickle(f"{root}/wafer/wafer_map/unlabeled.pkl")
mapped = pd.DataFrame([{"waferMap": (w["pixels"][:, :, 0] // 127).astype(np.uint8), "failureType": np.array([[w["failureType"].title()]] if i % 3 else [], dtype=object)} for i, w in enumerate(wafers)])
mapped.to_pickle(at("wafer/LSWMD.pkl"))
for name, table, options in [("wafer", labelled, {}), ("wafer as published", labelled, {"rows": "reference"}), ("wafer unlabelled", unlabelled, {"labeled": "false"}),
                             ("wafer maps", labelled[[i % 3 > 0 for i in range(len(labelled))]], {"file": "LSWMD.pkl"})]:
    table = table.sample(frac=1, random_state=42).reset_index(drop=True)
    row = lambda r: {"label": MAP.get(r["failureType"], 0), "x": look(np.asarray(Image.fromarray(r["pixels"].astype("uint8")).resize((8, 6), Image.Resampling.BILINEAR), np.float32).transpose(2, 0, 1) / np.float32(255))}
    train, test = tenths([row(r) for _, r in table.iterrows()], "rows" in options)
    case(name, "wafer", "wafer", options, PICTURE, train, test, 1e-6)

MEAN = np.array([1354.3003, 1117.7579, 1042.2800, 947.6443, 1199.6334, 2001.9829, 2372.5579, 2299.6663, 731.0175, 12.0956, 1822.4083, 1119.5759, 2598.4456], np.float32)
STD = np.array([244.0469, 323.4128, 385.0928, 584.1638, 566.0543, 858.5753, 1083.6704, 1103.0342, 402.9594, 4.7207, 1002.4071, 759.6080, 1228.4104], np.float32)
real = tifffile.imread(f"{samples}/eurosat/tif/Forest/Forest_1.tif")
table = pd.DataFrame([{"filename": b"x", "label": i % 10, "sentinel2": real[4 * i:4 * i + 4, :5].astype(np.float32)} for i in range(12)])
table.to_pickle(at("eurosat/eurosat_all/transfer.pkl"))
banded = lambda a: look(((a.astype(np.float32) - MEAN) / STD).transpose(2, 0, 1))
train, test = tenths([{"label": int(r["label"]), "x": banded(r["sentinel2"])} for _, r in table.iterrows()])
case("eurosat", "eurosat", "eurosat", {}, [{"shape": [13, 4, 5]}], train, test, 1e-5)
# The original TIFFs, here cut to 8 x 8; of the real file, which is as it was published, the test compares some values.
shutil.copyfile(f"{samples}/eurosat/tif/Forest/Forest_1.tif", at("real/Forest_1.tif"))
case("real TIFF", "", "real/Forest_1.tif", {}, [], [{"label": 0, "x": look(real.transpose(2, 0, 1))}], [])
tiles = []
for i in range(11):
    name, tile = ["AnnualCrop", "Forest"][i % 2], real[5 * i:5 * i + 8, 3:11]
    tifffile.imwrite(at(f"tif/{name}/{name}_{i + 1}.tif"), tile, photometric="minisblack", planarconfig="contig", metadata=None, **[{}, {"compression": "zlib", "byteorder": ">"}][i // 2 % 2])
    tiles.append((f"{name}_{i + 1}.tif", {"label": i % 2, "x": banded(tile)}))
tiles = [t[1] for t in sorted(tiles)]
case("eurosat folders", "eurosat", "tif", {"part": "all"}, [{"shape": [13, 8, 8]}], *tenths([tiles[i] for i in np.random.RandomState(42).permutation(11)]), 1e-5)

ACIDS = "XARNDCQEGHILKMFPSTWYVUOBZJ"


def protein(s):
    return [ACIDS.index(c) for c in s[:24].ljust(24, "X")]


TOKENS = [{"shape": [24], "tokens": True, "vocab": 26}]
seeds = []
for path in sorted(glob.glob(f"{samples}/protein/pfam_seed/*.sto.gz")):
    family = 0
    for line in gzip.open(path, "rt"):
        if line.startswith("#=GF AC"):
            family = int(re.search(r"PF0*(\d+)", line)[1])
        elif line.strip() and line[0] not in "#/" and sum(f == family for _, f in seeds) < 4:
            seeds.append((line.split()[1].replace(".", "").replace("-", "").upper()[:60], family))
pfam = pd.DataFrame(seeds, columns=["primary", "clan"]).sample(frac=1, random_state=42).reset_index(drop=True)
pretrain, transfer = pfam[:24], pfam[24:44].reset_index(drop=True)
transfer = transfer[transfer["clan"].isin(pretrain["clan"])][:10]
pretrain.to_csv(at("pfam/pfam/pfam_pretrain_train.csv"))
transfer.to_csv(at("pfam/pfam/pfam_transfer.csv"))
ranks = {c: i for i, c in enumerate(sorted(set(pretrain["clan"])))}
row = lambda r: {"label": ranks[r["clan"]], "tokens": protein(r["primary"])}
for name, options in [("pfam", {}), ("pfam as published", {"rows": "reference"})]:
    train, test = tenths([row(r) for _, r in transfer.iterrows()], bool(options))
    if test:
        case(name, "sequences", "pfam", {"train": "pfam/pfam_transfer.csv", "label": "clan", "kind": "rank", "ranks_of": "pfam/pfam_pretrain_train.csv", **options}, TOKENS, train, test)

flip = zipfile.ZipFile(f"{samples}/protein/flip_secondary_structure/splits.zip")
primary = dict(b.split("\n", 1) for b in flip.read("splits/sequences.fasta").decode().split(">")[1:4])
rows = []
for block in flip.read("splits/sampled.fasta").decode().split(">")[1:4]:
    head, states = block.split("\n", 1)
    n = [10, 24, 40][len(rows)]
    rows.append({"primary": primary[head.split()[0]].replace("\n", "")[:n], "ss3": ["HEC".index(c) for c in states.replace("\n", "")[:n]]})
pd.DataFrame(rows).to_csv(at("pfam/pfam/transfer/secondary_structure_train.csv"))
pd.DataFrame(rows[:1]).to_csv(at("pfam/pfam/transfer/secondary_structure_valid.csv"))
for name, padding in [("secondary structure", "ignore"), ("secondary structure as published", "class")]:
    row = lambda r: {"labels": (r["ss3"][:24] + [3 if padding == "class" else None] * 24)[:24], "tokens": protein(r["primary"])}
    case(name, "sequences", "pfam", {"train": "pfam/transfer/secondary_structure_train.csv", "test": "pfam/transfer/secondary_structure_valid.csv", "label": "ss3", "kind": "tokens",
                                     "classes": "3", "padding": padding}, TOKENS, [row(r) for r in rows], [row(rows[0])])
gb1 = pd.read_csv(zipfile.ZipFile(f"{samples}/protein/flip_gb1/splits.zip").open("splits/sampled.csv"))[:12]
pd.DataFrame({"primary": gb1["sequence"].str[:20], "stability_score": [[v] for v in gb1["target"]]}).to_csv(at("pfam/pfam/transfer/stability_train.csv"))
rows = [{"label": float(np.float32(v)), "tokens": protein(s[:20])} for s, v in zip(gb1["sequence"], gb1["target"])]
case("stability", "sequences", "pfam", {"train": "pfam/transfer/stability_train.csv", "test": "pfam/transfer/stability_train.csv", "label": "stability_score", "kind": "number"}, TOKENS, rows, rows)

dna = ["".join("ACGT"[i] for i in rng.integers(0, 4, 24)) for _ in range(20)]
pd.DataFrame({"domain": [b"ood"] * 20, "label": [10 + i for i in range(20)], "seq": [s.encode() for s in dna], "seq_info": [b"x, y"] * 20}).to_csv(at("genomics/genomics/genomicsTransferOOD.csv"))
rows = [{"label": i, "tokens": ["ACGT".index(c) for c in dna[i]]} for i in pd.DataFrame({"a": range(20)}).sample(frac=1, random_state=42)["a"]]
for name, options in [("genomics", {}), ("genomics as published", {"rows": "reference"})]:
    case(name, "sequences", "genomics", {"train": "genomics/genomicsTransferOOD.csv", "sequence": "seq", "label": "label", "classes": "60", "first_label": "10", "alphabet": "ACGT",
                                         "pad": "none", "shuffle": "42", **options}, [{"shape": [24], "tokens": True, "vocab": 4}], *tenths(rows, bool(options)))

# A dictionary of bytes, arrays and lists as the Python version of CIFAR-10 has it.
for name, n in [("data_batch_1", 2), ("data_batch_2", 1), ("test_batch", 2)]:
    with open(at(f"cifar/cifar-10-batches-py/{name}"), "wb") as f:
        pickle.dump({b"batch_label": b"x", b"labels": [7, 0, 9][:n], b"data": rng.integers(0, 256, (n, 3072)).astype(np.uint8), b"filenames": [b"y"] * n}, f, protocol=2)
batch = lambda name: pickle.load(open(f"{root}/cifar/cifar-10-batches-py/{name}", "rb"))
row = lambda names: [{"label": l, "x": look(x / np.float32(255))} for b in map(batch, names) for l, x in zip(b[b"labels"], b[b"data"])]
case("cifar10, Python version", "cifar10", "cifar", {}, [{"shape": [3, 32, 32]}], row(["data_batch_1", "data_batch_2"]), row(["test_batch"]), 1e-7)

table = pd.DataFrame({"class_label": rng.integers(0, 2, 20).astype(np.float32), **{f"f{i}": rng.normal(size=20).astype(np.float32) for i in range(4)}})
table.to_csv(at("higgs/particle_physics/higgsTransfer.csv"))
shuffled = pd.read_csv(f"{root}/higgs/particle_physics/higgsTransfer.csv").sample(frac=1, random_state=42).reset_index(drop=True).iloc[:, 1:]
rows = [{"label": int(r.iloc[0]), "x": look(r.iloc[1:])} for _, r in shuffled.iterrows()]
for name, options in [("higgs", {}), ("higgs as published", {"rows": "reference"})]:
    case(name, "higgs", "higgs", {"train": "particle_physics/higgsTransfer.csv", "test": "tenth", **options}, [{"shape": [1, 4]}], *tenths(rows, bool(options)), 1e-6)

# --- pictures with a text -------------------------------------------------------------------------

TEXT = [{"name": "image", "shape": [3, 12, 12]}, {"name": "text", "shape": [14], "tokens": True, "vocab": 200}]
real = json.load(open(f"{samples}/coco_mini/annotations/captions_val2017.json"))
captions = {161044: [a["caption"] for a in real["annotations"] if a["image_id"] == 161044][-1]}
shutil.copyfile(f"{samples}/coco_mini/val2017/000000161044.jpg", at("coco/COCO/val2017/000000161044.jpg"))
letters = "abcdefghijklmnopqrstuvwxyz0123456789.,?'-"
write("coco/COCO/vocab.txt", "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *("##" + c for c in letters), "the", "man", "yes", "red"]) + "\n")
tokenizer = BertWordPieceTokenizer(f"{root}/coco/COCO/vocab.txt", lowercase=True)
tokenizer.enable_truncation(14)
tokenizer.enable_padding(length=14)
categories = [{"id": 1, "name": "person"}, {"id": 44, "name": "bottle"}, {"id": 90, "name": "toothbrush"}]


def shown(path):
    image = Image.open(path).convert("RGB").resize((480, 640), Image.Resampling.BILINEAR).crop((0, 80, 480, 560)).resize((12, 12), Image.Resampling.BILINEAR)
    return look(np.asarray(image, np.float32).transpose(2, 0, 1) / np.float32(255))


def coco(part, ids, texts, kinds):
    write(f"coco/COCO/annotations/instances_{part}.json", json.dumps({"info": {"x": [1, {"y": 2}]}, "annotations": [
        {"image_id": i, "category_id": k, "segmentation": [[1.5, 2]], "bbox": [1, 2, 3, 4]} for i, ks in kinds.items() for k in ks], "categories": categories}))
    write(f"coco/COCO/annotations/captions_{part}.json", json.dumps({"images": [{"id": i, "file_name": f"{i:012d}.jpg"} for i in ids], "annotations": [
        {"image_id": i, "id": 7, "caption": t} for i in ids for t in ["no, not this one", texts[i]]]}))
    return [(i, texts[i], [c["id"] for c in categories].index(kinds[i][-1])) for i in ids if i in kinds]


ids = list(range(9, 0, -1))
for i in ids:
    draw(f"coco/COCO/train2017/{i:012d}.jpg", 20, 13)
train = coco("train2017", ids, {i: f"the man {i}, it's red" for i in ids}, {i: [1, 44, 90][:1 + i % 3] for i in ids if i != 5})
test = coco("val2017", list(captions), captions, {161044: [44]})
rows = lambda part, all: [{"label": l, "x": shown(f"{root}/coco/COCO/{part}/{i:012d}.jpg"), "tokens": tokenizer.encode(t).ids} for i, t, l in all]
case("coco", "captions", "coco", {"layout": "coco"}, TEXT, rows("train2017", train), rows("val2017", test), 1e-6, ["person", "bottle", "toothbrush"])


def swap(all):
    random.seed(42)
    chosen, labels = [], []
    for k in range(len(all)):
        labels.append(0 if random.random() < 0.5 else 1)
        if labels[-1] == 0:
            chosen.append(k)
    texts = [t for _, t, _ in all]
    if chosen:
        roll = random.randint(1, len(chosen))
        for k, other in zip(chosen, chosen[roll:] + chosen[:roll]):
            texts[k] = all[other][1]
    return [(i, t, l) for (i, _, _), t, l in zip(all, texts, labels)]


case("mismatched captions", "captions", "coco", {"layout": "mismatched"}, TEXT, rows("train2017", swap(train)), rows("val2017", swap(test)), 1e-6)

vqa = {"train2014": [("what is red?", "yes", ["no", "yes", "2"]), ("is it?", "no", ["no", "yes"]), ("who", "man", ["a", "b"]), ("where", "2", ["2", "3", "the man"]), ("why so?", "a", ["a", "b", "c"])],
       "val2014": [("what?", "yes", ["yes", "no"])]}
out = {}
for part, all in vqa.items():
    base = "vqa/coco-vqa"
    write(f"{base}/annotations/captions_{part}.json", json.dumps({"images": [{"id": i, "file_name": f"COCO_{part}_{i}.jpg"} for i in range(len(all))]}))
    write(f"{base}/MultipleChoice_mscoco_{part}_questions.json", json.dumps({"questions": [{"question_id": 10 * i, "question": q, "multiple_choices": c} for i, (q, _, c) in enumerate(all)]}))
    write(f"{base}/mscoco_{part}_annotations.json", json.dumps({"annotations": [{"question_id": 10 * i, "image_id": i, "multiple_choice_answer": a, "answers": [{"answer": "x"}]} for i, (_, a, _) in enumerate(all)]}))
    random.seed(42)
    out[part] = []
    for i, (q, a, c) in enumerate(all):
        draw(f"{base}/{part}/COCO_{part}_{i}.jpg", 12, 9)
        if a not in c:
            continue
        label = 1
        if random.random() < 0.5:
            a, label = random.choice([x for x in c if x != a]), 0
        out[part].append({"label": label, "x": shown(f"{root}/{base}/{part}/COCO_{part}_{i}.jpg"), "tokens": tokenizer.encode(q, a).ids})
shutil.copyfile(f"{root}/coco/COCO/vocab.txt", at("vqa/vocab.txt"))
case("vqa", "captions", "vqa", {"layout": "vqa"}, TEXT, out["train2014"], out["val2014"], 1e-6)

here = os.path.dirname(os.path.abspath(__file__))
with zipfile.ZipFile(f"{here}/trees.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
    for folder, _, names in sorted(os.walk(root)):
        for name in sorted(names):
            path = os.path.join(folder, name)
            archive.writestr(zipfile.ZipInfo(os.path.relpath(path, root)), open(path, "rb").read(), zipfile.ZIP_DEFLATED)
with open(f"{here}/expect.json", "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(e) for e in expect) + "\n]\n")
print(len(expect), "cases", os.path.getsize(f"{here}/trees.zip"), "bytes")
shutil.rmtree(root)
