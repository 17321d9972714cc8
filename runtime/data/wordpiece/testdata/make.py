"""Makes vocab.txt (a small vocabulary of our own) and golden.json.

Run with Python 3.11 and tokenizers 0.23.3: python make.py
"""
import json

from tokenizers import BertWordPieceTokenizer

words = "a the man dog cat on in with of street ride ##s ##ing ##ed bus red ##dish un ##want two play ##er tennis cafe uber strasse groß ist"
letters = [c for c in "abcdefghijklmnopqrstuvwxyz0123456789äöüßé.,!?'-/$+<=>^`~@#%&*()[]{}|\\\":;_中文本語かなα…—“”、。"]
vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + words.split() + letters + ["##" + c for c in "abcdefghijklmnopqrstuvwxyz0123456789äöüé"]
open("vocab.txt", "w", encoding="utf-8").write("\n".join(vocab) + "\n")
texts = [
    "A man rides the red bus on the street.", "  two DOGS\tplaying\u00a0tennis!! ", "Café über Straße ÉÀ", "unwanted un-wanted", "中文 text かな 日本語",
    "", " ", "x" * 100, "x" * 101, "a\u0301bc \u200bzero\u00adwidth", "tab\r\nline\u0000nul \ufffd", "$5+3=8 <b> `q` ~ ^", "“quoted” — it's… α",
    "Q\u0307 İstanbul ǅ ﬁ", "red-dish reddish, redred; the_man", "\U0001F600 smile 2\u00bd", "the man the man the man the man the man the man the man the man the man the man the man",
]
pairs = [("a man", "two dogs"), (texts[0], texts[-1]), (texts[-1], "bus"), (texts[-1], texts[-1]), ("", "cat"), ("cat", "")]
golden = {"texts": texts, "pairs": pairs}
for lower in (True, False):
    t = BertWordPieceTokenizer("vocab.txt", lowercase=lower)
    key = "uncased" if lower else "cased"
    golden[key] = [t.encode(x, add_special_tokens=False).ids for x in texts]
    t.enable_truncation(20)
    t.enable_padding(length=20)
    golden[key + "_pairs"] = [t.encode(a, b).ids for a, b in pairs]
    golden[key + "_single"] = [t.encode(x).ids for x in texts]
json.dump(golden, open("golden.json", "w"))
