"""Trains every domain of DABS for a few steps on a small real sample and evaluates it: one table.

    python3 bench/dabs.py SAMPLES --work /tmp/dabs

SAMPLES is a folder of small samples (its layout is what the functions below read); each is laid out as the
benchmark's own files are, by the tools that write those (pandas, Pillow, TensorFlow's records), below --work/data.
Then `mspecc build` compiles examples/dabs/DOMAIN.mspec with a reduced network (--full: the whole one), the
trainer trains --steps steps and evaluates a linear probe beside that of a random encoder.

decoded/s are examples that one core decodes in a second and does nothing else, trained/s those that training takes
in one, waiting is the share of the steps' time in which they had no data. Run it on an idle machine.

Needs Python 3.11 with pandas, Pillow, SciPy and tifffile, and Go.
"""
import argparse
import glob
import gzip
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import time
import zipfile

try:
    import numpy as np
    import pandas as pd
    import tifffile
    from PIL import Image
except ImportError as error:
    sys.exit(f"{error}; install it with: pip install pandas pillow tifffile")

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SMALL = ["enc_width=64", "enc_layers=2", "enc_heads=4", "dec_width=32", "dec_layers=1", "dec_heads=2", "dropout=0.0", "lr=1e-3"]


def lay(path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


def pamap2(samples, out):
    """Phone and watch recordings as PAMAP2 has them: the watch as hand, the phone as chest; channels that are not there are 0."""
    ids = {"SEATED": 2, "STANDING_UP": 3, "WALKING": 4, "TURNING": 12, "SITTING_DOWN": 13}
    for subject, number in {"s02": 101, "s05": 102, "s09": 105, "s15": 106}.items():
        rows = []
        for watch in sorted(glob.glob(f"{samples}/sensor_sp_sw_har/DATA/{subject}/*_sw.csv")):
            w, p = pd.read_csv(watch), pd.read_csv(watch.replace("_sw.csv", "_sp.csv"))
            for i in range(min(len(w), len(p))):
                row = np.zeros(54)
                row[0], row[1], row[2] = len(rows) / 100, ids[w["label"][i]], 100 if i % 10 == 0 else np.nan
                row[4:7], row[10:13] = w.iloc[i, 0:3], w.iloc[i, 3:6]
                row[21:24], row[27:30] = p.iloc[i, 0:3], p.iloc[i, 3:6]
                rows.append(row)
        np.savetxt(lay(f"{out}/sensor/pamap2/Protocol/subject{number}.dat"), np.array(rows), fmt="%.6g")


def higgs(samples, out):
    for source, name in {"HIGGS_train": "higgsPretrain", "HIGGS_test": "higgsTransfer"}.items():
        table = pd.read_csv(f"{samples}/higgs/{source}.csv", header=None)
        table.columns = ["class_label"] + [f"feature{i}" for i in range(28)]
        table.to_csv(lay(f"{out}/particle_physics/{name}.csv"))


def records(path):
    """The features x, y and z of the tf.train.Examples of a TFRecord file."""
    def fields(b):
        at = 0
        def varint():
            nonlocal at
            value = shift = 0
            while True:
                byte = b[at]
                at += 1
                value |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    return value
        while at < len(b):
            tag = varint()
            if tag & 7 == 0:
                yield tag >> 3, varint()
            else:
                size = varint()
                yield tag >> 3, b[at:at + size]
                at += size
    raw = open(path, "rb").read()
    while raw:
        size, = struct.unpack("<Q", raw[:8])
        example = {}
        for _, features in fields(raw[12:12 + size]):
            for _, entry in fields(features):
                parts = dict(fields(entry))
                kind, payload = next(fields(parts[2]))
                value = next(fields(payload))[1]
                example[parts[1].decode()] = value if kind == 1 else value if isinstance(value, int) else next(iter(value))
        yield example
        raw = raw[16 + size:]


def genomics(samples, out):
    for folder, name in {"before_2011_in_tr/in_tr": "Pretrain", "between_2011-2016_in_val/in_val": "TransferID", "between_2011-2016_ood_val/ood_val": "TransferOOD"}.items():
        rows = [{"domain": name.lower().encode(), "label": r["y"], "seq": bytes("".join("ACGT"[int(d)] for d in r["x"].split()), "ascii"), "seq_info": r["z"]}
                for r in records(f"{samples}/genomics/genomics_ood/{folder}.tfrecord")]
        pd.DataFrame(rows).to_csv(lay(f"{out}/genomics/genomics{name}.csv"))


def fasta(text):
    for block in text.split(">")[1:]:
        head, body = block.split("\n", 1)
        yield head, body.replace("\n", "")


def pfam(samples, out):
    rows = []
    for path in sorted(glob.glob(f"{samples}/protein/pfam_seed/*.sto.gz")):
        family = 0
        for line in gzip.open(path, "rt"):
            if line.startswith("#=GF AC"):
                family = int(re.search(r"PF0*(\d+)", line)[1])
            elif line.strip() and line[0] not in "#/":
                rows.append((line.split()[1].replace(".", "").replace("-", "").upper(), family))
    table = pd.DataFrame(rows, columns=["primary", "clan"]).sample(frac=1, random_state=42).reset_index(drop=True)
    table["protein_length"] = table["primary"].str.len()
    table[:300].to_csv(lay(f"{out}/pfam/pfam_pretrain_train.csv"))
    table[300:350].to_csv(f"{out}/pfam/pfam_pretrain_val.csv")
    known = set(table["clan"][:300])
    table[350:][table["clan"][350:].isin(known)].to_csv(f"{out}/pfam/pfam_transfer.csv")
    z = zipfile.ZipFile(f"{samples}/protein/flip_secondary_structure/splits.zip")
    primary = dict(fasta(z.read("splits/sequences.fasta").decode()))
    parts = {"train": [], "valid": []}
    for head, states in fasta(z.read("splits/sampled.fasta").decode()):
        part = "valid" if "SET=test" in head else "train"
        if len(parts[part]) < 400:
            parts[part].append({"primary": primary[head.split()[0]], "ss3": ["HEC".index(s) for s in states]})
    for part, rows in parts.items():
        pd.DataFrame(rows).to_csv(lay(f"{out}/pfam/transfer/secondary_structure_{part}.csv"))
    z = zipfile.ZipFile(f"{samples}/protein/flip_gb1/splits.zip")
    gb1 = pd.read_csv(z.open("splits/sampled.csv"))
    for part, name in {"train": "train", "test": "valid"}.items():
        rows = gb1[gb1["set"] == part][:400]
        pd.DataFrame({"primary": rows["sequence"].str[:128], "stability_score": [[v] for v in rows["target"]]}).to_csv(f"{out}/pfam/transfer/stability_{name}.csv")


def librispeech(samples, out):
    """The digits of five speakers as read English; the FLACs of LibriSpeech lie where they belong."""
    speakers = ["george", "jackson", "lucas", "nicolas", "theo"]
    for path in sorted(glob.glob(f"{samples}/speech/fsdd/recordings/*.wav")):
        digit, speaker, index = os.path.basename(path)[:-4].split("_")
        number = speakers.index(speaker)
        part = "dev-clean" if int(index) < 3 else "train-clean-100"
        shutil.copy(path, lay(f"{out}/speech/LibriSpeech/{part}/{number + 1}/{digit}/{number + 1}-{digit}-{int(index):04d}.wav"))
        folder = "26" if speaker == "theo" else f"{number + 1:02d}"
        shutil.copy(path, lay(f"{out}/speech/AudioMNIST/data/{folder}/{digit}_{folder}_{index}.wav"))
    for path in glob.glob(f"{samples}/speech/flac/2412-*.flac"):
        shutil.copy(path, lay(f"{out}/speech/LibriSpeech/train-clean-100/2412/153948/{os.path.basename(path)}"))
    for part in ["train-clean-360", "train-other-500"]:
        os.makedirs(f"{out}/speech/LibriSpeech/{part}", exist_ok=True)


def imagenet32(samples, out):
    names = open(f"{samples}/cifar10/batches.meta.txt").read().split()
    os.makedirs(f"{out}/cifar-10-batches-bin", exist_ok=True)
    for source, part in {"data_batch_1": "train", "test_batch": "val"}.items():
        shutil.copy(f"{samples}/cifar10/{source}.bin", f"{out}/cifar-10-batches-bin/{source}.bin")
        raw = np.fromfile(f"{samples}/cifar10/{source}.bin", np.uint8).reshape(-1, 3073)
        for i, record in enumerate(raw[:2000 if part == "train" else 300]):
            image = Image.fromarray(record[1:].reshape(3, 32, 32).transpose(1, 2, 0))
            image.resize((48, 40)).save(lay(f"{out}/{part}/{names[record[0]]}/{i:05d}.JPEG"), quality=90)


def wafer(samples, out):
    for source, name in {"WM811K_train": "unlabeled", "WM811K_test": "labeled"}.items():
        z = np.load(f"{samples}/wafer/{source}.npz")
        types = [n.decode() for n in z["failure_names"]]
        rows = []
        for i, (h, w) in enumerate(z["shapes"]):
            die = z["pixels"][z["offsets"][i]:z["offsets"][i + 1]].reshape(h, w, 1)
            rows.append({"failureType": "unlabeled" if name == "unlabeled" else types[z["failure_code"][i]].strip("\0 ").lower(),
                         "pixels": (np.repeat(die, 3, 2) * 127.5).astype(int)})
        pd.DataFrame(rows).to_pickle(lay(f"{out}/wafer_map/{name}.pkl"))


def eurosat(samples, out):
    """Six pictures, each in its eight orientations."""
    rows = []
    for label, name in [(0, "AnnualCrop"), (1, "Forest")]:
        for path in sorted(glob.glob(f"{samples}/eurosat/tif/{name}/*.tif")):
            picture = tifffile.imread(path).astype(np.float32)
            for k in range(4):
                for turned in (np.rot90(picture, k), np.rot90(picture, k)[::-1]):
                    rows.append({"filename": os.path.basename(path), "label": label, "sentinel2": np.ascontiguousarray(turned)})
    table = pd.DataFrame(rows).sample(frac=1, random_state=42).reset_index(drop=True)
    for name in ["pretrain", "transfer"]:
        table.to_pickle(lay(f"{out}/eurosat_all/{name}.pkl"))


def mscoco(samples, out):
    shutil.copytree(f"{samples}/coco_mini", f"{out}/COCO", dirs_exist_ok=True)
    subprocess.run(["chmod", "-R", "u+w", out], check=True)
    words = set()
    for path in glob.glob(f"{out}/COCO/annotations/captions_*.json"):
        for a in json.load(open(path))["annotations"]:
            words |= set(re.findall(r"[a-z]+|[^a-z\s]", a["caption"].lower()))
    letters = [chr(c) for c in range(33, 127) if not chr(c).isupper()]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + letters + ["##" + c for c in letters] + sorted(words - set(letters))
    open(f"{out}/COCO/vocab.txt", "w").write("\n".join(vocabulary) + "\n")


# For each domain: the function that lays the sample out, settings, the tasks that the sample has labels for, and options of the reader.
DOMAINS = {
    "pamap2": (pamap2, ["batch=64"], ["pamap2"], ["train_subjects=101,102", "test_subjects=105,106", "train_items=3200", "test_items=500"]),
    "higgs": (higgs, ["batch=256"], ["higgs"]),
    "genomics": (genomics, ["batch=32"], ["genomics-id", "genomics-ood"]),
    "pfam": (pfam, ["batch=32"], ["pfam", "secondary-structure", "stability"]),
    "librispeech": (librispeech, ["batch=16"], ["librispeech", "audiomnist"], ["rate=any"]),
    "imagenet32": (imagenet32, ["batch=64"], ["cifar10"]),
    "wafer": (wafer, ["batch=64"], ["wafer"]),
    "eurosat": (eurosat, ["batch=4"], ["eurosat"]),
    "mscoco": (mscoco, ["batch=4"], ["mismatched-caption"]),
}
HEAD = ["domain", "decoded/s", "trained/s", "waiting", "loss first", "loss last", "task", "metric", "trained", "random"]


def command(args, log):
    with open(log, "a") as f:
        print("$", *args, file=f, flush=True)
        started = time.time()
        done = subprocess.run(args, stdout=subprocess.PIPE, stderr=f, text=True)
        print(done.stdout, f"({time.time() - started:.1f} s)", file=f, flush=True)
    if done.returncode:
        sys.exit(f"{' '.join(args)}\nfailed; see {log}")
    return done.stdout


def losses(run):
    lines = [json.loads(line) for line in open(f"{run}/metrics.jsonl")]
    return [line for line in lines if "loss" in line]


def run(domain, args):
    prepare, settings, tasks, *options = DOMAINS[domain]
    options = [x for o in (options[0] if options else []) for x in ("--data-option", o)]
    work = f"{args.work}/{domain}"
    data, log, out = f"{args.work}/data/{domain}", f"{work}/log.txt", f"{work}/run"
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    if not os.path.isdir(data):
        prepare(args.samples, data)
    flags = [x for s in ([] if args.full else SMALL) + settings for x in ("--set", s)]
    command([args.mspecc, "build", f"{ROOT}/examples/dabs/{domain}.mspec", "--modality", domain, "-o", f"{work}/trainer", *flags], log)
    command([f"{work}/trainer", "train", "--data", data, "--steps", str(args.steps), "--log-every", "1", "--out", out, *options], log)
    steps = losses(out)
    first, last = np.mean([s["loss"] for s in steps[:5]]), np.mean([s["loss"] for s in steps[-5:]])
    if not np.isfinite([s["loss"] for s in steps]).all() or last >= first:
        sys.exit(f"{domain}: the loss went from {first} to {last}; see {log}")
    # Steps that are timed by themselves: training also writes checkpoints and pictures.
    timed = json.loads(command([f"{work}/trainer", "bench", "--data", data, "--steps", str(args.timed), "--json", *options], log))
    speed = f"{timed['data']['decoded_per_s']:.0f}", f"{timed['examples_per_s']:.0f}", f"{100 * timed['data']['wait']:.1f} %"
    for task in tasks:
        result = json.loads(command([f"{work}/trainer", "eval", "--checkpoint", out, "--data", data, "--task", task, "--methods", "linear", "--seeds", "1",
                                     "--epochs", "30", "--lr", "1e-2", "--standardize", "--baselines", "random", "--no-feature-cache", "--json", *options], log))
        values = {r["input"].split()[0]: r["test"]["mean"] for r in result["results"]}
        yield [domain, *speed, f"{first:.3f}", f"{last:.3f}", task,
               result["results"][0]["metric"], *(f"{values[k]:.3f}" for k in ("trained", "random"))]


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("samples", help="folder with the samples")
    ap.add_argument("--work", required=True, help="folder for the laid out data, the trainers and the runs")
    ap.add_argument("--steps", type=int, default=50, help="training steps (default %(default)s)")
    ap.add_argument("--timed", type=int, default=20, help="steps to time, after a warm-up (default %(default)s)")
    ap.add_argument("--domains", default=",".join(DOMAINS), help="domains, with commas (default all)")
    ap.add_argument("--mspecc", default="mspecc", help="the compiler (default %(default)s)")
    ap.add_argument("--full", action="store_true", help="the whole network instead of a reduced one")
    args = ap.parse_args()
    args.work = os.path.abspath(args.work)
    unknown = set(args.domains.split(",")) - set(DOMAINS)
    if unknown:
        sys.exit(f"there is no domain {', '.join(unknown)}; there are {', '.join(DOMAINS)}")
    rows = [HEAD]
    for domain in args.domains.split(","):
        for row in run(domain, args):
            rows.append(row)
            print("done:", *row, file=sys.stderr, flush=True)
    widths = [max(len(r[i]) for r in rows) for i in range(len(HEAD))]
    for r in rows:
        print("  ".join(cell.ljust(w) for cell, w in zip(r, widths)).rstrip())


if __name__ == "__main__":
    main()
