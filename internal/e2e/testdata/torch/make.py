"""Makes, with real PyTorch, the checkpoints that TestImport reads, and the features that the
PyTorch reference computes with them:

    python3 make.py --reference METAMAE_TORCH.PY

case.json               a small MetaMAE for rows of 28 numbers
zip.pth, legacy.pth     its parameters as a distributed training loop saves them, in both formats
expect.json             features of the case's first batch, in float64
"""
import argparse
import collections
import importlib.util
import json
import os

import torch


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--reference", required=True)
    spec = importlib.util.spec_from_file_location("reference", ap.parse_args().reference)
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    folder = os.path.dirname(os.path.abspath(__file__))
    at = lambda name: os.path.join(folder, name)

    case = reference.Case(json.load(open(at("case.json"))))
    state = collections.OrderedDict(("module." + k, v.detach()) for k, v in case.parameters(torch.float32).items())
    width = case.spec["encoder"]["width"]
    state["module.inner_lr"] = torch.nn.Parameter(torch.tensor(float(case.spec["objective"]["inner_lr"])), requires_grad=False)
    state["module.projector.1.running_mean"] = torch.zeros(4 * width)
    state["module.projector.1.running_var"] = torch.ones(4 * width)
    state["module.projector.1.num_batches_tracked"] = torch.tensor(200000)
    top = {"model": state, "iteration": 100000, "args": argparse.Namespace(dataset="higgs", mask_ratio=0.5)}
    torch.save(top, at("zip.pth"))
    torch.save(top, at("legacy.pth"), _use_new_zipfile_serialization=False)

    model = reference.MetaMAE(case)
    x, _, _ = case.batch(0, torch.float32)
    json.dump({"features": model.features(x.double()).detach().tolist()}, open(at("expect.json"), "w"))


main()
