"""Makes the sounds of this folder and what librosa makes of them.

Run with Python 3.11, librosa 0.11.0, soundfile 0.14.0, NumPy 2.4.6:
    python make.py
samples.json holds the first samples of each file as soundfile reads channel 0; mel-*.npy are decibels,
float32, of chirp.wav or speech-like noise of 150,526 samples, every 7th row and 9th column.
"""
import json

import librosa
import numpy as np
import soundfile

rng = np.random.default_rng(3)
rate, n = 8000, 1600
t = np.arange(n) / rate
left = 0.6 * np.sin(2 * np.pi * (200 + 900 * t) * t) + 0.05 * rng.normal(size=n)
stereo = np.stack([left, -0.5 * left], -1)
files = {
    "chirp.wav": (left, "PCM_16", None), "u8.wav": (left[:64], "PCM_U8", None), "i24.wav": (stereo[:64], "PCM_24", None),
    "i32.wav": (left[:64], "PCM_32", None), "f32.wav": (left[:64], "FLOAT", None), "f64.wav": (left[:64], "DOUBLE", None),
    "extensible.wav": (stereo[:64], "PCM_16", "WAVEX"), "mono.flac": (left, "PCM_16", None), "stereo.flac": (stereo, "PCM_24", None),
    "rf64.wav": (left[:64], "PCM_16", "RF64"), "rifx16.wav": (left[:64], "PCM_16", "BIG"), "rifx24.wav": (stereo[:64], "PCM_24", "BIG"),
    "rifxf32.wav": (left[:64], "FLOAT", "BIG"), "alaw.wav": (left[:64], "ALAW", None), "mulaw.wav": (left[:64], "ULAW", None),
    "8.flac": (left[:300], "PCM_S8", None),
}
# Signals that bring out every kind of frame: silence, a constant, noise, tones with lower bits that are always 0, channels
# that are equal, opposite or apart.
i = np.arange(30000)
tone = 0.3 * np.sin(i / 9) + 0.1 * np.sin(i / 2.3)
parts = [np.zeros((5000, 2)), np.full((5000, 2), 0.25), rng.uniform(-1, 1, (5000, 2)), np.round(np.stack([tone, tone], -1)[:5000] * 64) / 64,
         np.stack([tone, -tone], -1)[:5000], np.stack([tone, tone * 0.5 + rng.normal(0, 1e-3, 30000)], -1)[:5000], np.stack([rng.normal(0, 1e-4, 30000), tone], -1)[:5000]]
files["kinds.flac"] = (np.concatenate(parts), "PCM_16", None)
# 32.flac is what flac 1.4.2 (--bps=32) makes; soundfile does not read it, its own MD5 sum tells what it holds.
samples = {}
for name, (x, subtype, kind) in files.items():
    soundfile.write(name, x, 24000 if name == "kinds.flac" else rate, subtype=subtype, format=None if kind == "BIG" else kind, endian="BIG" if kind == "BIG" else None)
    y, r = soundfile.read(name, dtype="float32", always_2d=True)
    samples[name] = {"rate": r, "channels": y.shape[1], "count": len(y), "samples": [float(v) for v in y[:64, 0]]}
json.dump(samples, open("samples.json", "w"))


def noise(n):
    """A sound that the test can make too: a linear congruential generator, some tones, some silence."""
    s, out = np.uint64(1), np.zeros(n, np.float32)
    for i in range(n):
        s = np.uint64((int(s) * 6364136223846793005 + 1442695040888963407) % 2**64)
        out[i] = (float(int(s) >> 40) / 2**24 - 0.5) * 0.2 * (i % 20000 < 12000)
    i = np.arange(n)
    return out + (0.3 * ((i // 50) % 2) - 0.15).astype(np.float32) * (i % 30000 < 15000)


long = noise(150526)
for name, (y, sr, hop, mels, pad, squared) in {
    "dabs-constant": (long, 16000, 672, 224, "constant", True),
    "dabs-reflect": (long, 16000, 672, 224, "reflect", True),
    "plain": (long[:20000], 22050, 512, 128, "constant", False),
    "short": (long[:700], 8000, 160, 40, "constant", False),
}.items():
    S = librosa.feature.melspectrogram(y=y, sr=sr, hop_length=hop, n_mels=mels, pad_mode=pad)
    db = librosa.power_to_db(S**2 if squared else S)
    np.save(f"mel-{name}.npy", db[::7, ::9].astype(np.float32))
    print(name, db.shape, db.min(), db.max())
