"""MetaMAE and MAE in PyTorch: a peer to be timed, and to be checked.

    python3 torch_metamae.py CONFIG.json --check       loss terms and gradients in float64, as JSON
    python3 torch_metamae.py CONFIG.json --steps 5     seconds of training steps in float32, as JSON

`go run ./bench` runs it. What makes it as fast as PyTorch goes: the fused optimiser, --fused attention
where nothing is differentiated twice, --compile where that is possible.
"""
import argparse
import json
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

from draws import Config, peak_memory


class MetaMAE:
    """The model. Every random number comes from outside."""

    def __init__(self, config, dtype, fused=False):
        c = self.config = config
        self.p = {n: torch.tensor(v, dtype=dtype, requires_grad=True) for n, v in c.parameters().items()}
        self.places = {n["width"]: torch.tensor(c.positions(n["width"]), dtype=dtype) for n in (c.encoder, c.decoder)}
        # PyTorch's fused attention cannot be differentiated twice; the encoder never is.
        twice = c.meta and not c.objective["first_order"]
        self.fused = {"encoder": fused, "decoder": fused and not twice}

    def linear(self, name, x):
        return F.linear(x, self.p[name + ".weight"], self.p.get(name + ".bias"))

    def norm(self, name, x):
        return F.layer_norm(x, x.shape[-1:], self.p[name + ".weight"], self.p[name + ".bias"])

    def blocks(self, part, net, x):
        B, N, W = x.shape
        d = W // net["heads"]
        for i in range(net["layers"]):
            name = f"{part}.{i}"
            rows = self.linear(name + ".attn.qkv", self.norm(name + ".norm1", x))
            q, k, v = rows.view(B, N, 3, net["heads"], d).permute(2, 0, 3, 1, 4)
            if self.fused[part]:
                mixed = F.scaled_dot_product_attention(q, k, v)
            else:
                mixed = torch.softmax((q * d**-0.5) @ k.mT, -1) @ v
            x = x + self.linear(name + ".attn.proj", mixed.transpose(1, 2).reshape(B, N, W))
            h = F.gelu(self.linear(name + ".mlp.fc1", self.norm(name + ".norm2", x)))
            x = x + self.linear(name + ".mlp.fc2", h)
        return x

    def patches(self, x):
        """[B, L, P]: places within a patch, then channels."""
        c = self.config
        if c.kind == "series":
            return x.unflatten(2, (c.length, c.patch[0])).permute(0, 2, 3, 1).flatten(2)
        cut = x.unflatten(3, (c.axes[1], c.patch[1])).unflatten(2, (c.axes[0], c.patch[0]))  # [B, C, R, ph, S, pw]
        return cut.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)

    def embed(self, x, target):
        w = self.p["patch_embed.proj.weight"]
        if self.config.kind == "tokens":
            return F.embedding(x, w)
        return F.linear(target, w.movedim(1, -1).flatten(1), self.p["patch_embed.proj.bias"])

    def encode(self, x, target, order):
        """Latent of the visible tokens, [B, 1 + K, D]."""
        c = self.config
        places = self.places[c.encoder["width"]]
        tokens = self.embed(x, target) + places[1:]
        visible = order[:, :c.keep, None].expand(-1, -1, tokens.shape[-1])
        cls = (self.p["cls_token"] + places[:1]).expand(c.batch, -1, -1)
        z = torch.cat([cls, tokens.gather(1, visible)], 1)
        return self.norm("norm_enc", self.blocks("encoder", c.encoder, z))

    def decode(self, z, restore):
        c = self.config
        y = self.linear("decoder_embed", z)
        hidden = self.p["mask_token"].to(y.dtype).expand(c.batch, c.length - c.keep, -1)
        places = restore[:, :, None].expand(-1, -1, y.shape[-1])
        y = torch.cat([y[:, :1], torch.cat([y[:, 1:], hidden], 1).gather(1, places)], 1)
        y = self.blocks("decoder", c.decoder, y + self.places[c.decoder["width"]])
        y = self.linear("decoder_head", self.norm("norm_dec", y[:, 1:]))
        return F.linear(y, self.p["patch_embed.proj.weight"]) if c.kind == "tokens" else y

    def reconstruction(self, z, restore, target, weight):
        y = self.decode(z, restore)
        if self.config.kind == "tokens":
            each = F.cross_entropy(y.flatten(0, 1), target.flatten(), reduction="none").view(weight.shape)
        else:
            each = (y - target).square().mean(-1)
        return (each * weight).sum() / weight.sum()

    def support(self, mask, noise):
        """What is visible, and some hidden tokens beside a visible one."""
        c = self.config
        visible = 1 - mask
        grid = F.pad(visible.view(-1, *c.axes), [1, 1] * len(c.axes))
        if len(c.axes) == 1:
            near = grid[:, :-2] + grid[:, 2:]
        else:
            near = grid[:, :-2, 1:-1] + grid[:, 2:, 1:-1] + grid[:, 1:-1, :-2] + grid[:, 1:-1, 2:]
        drawn = noise < c.objective["support_ratio"]
        return visible + mask * (near.view(mask.shape) > 0) * drawn

    def view(self, z):
        h = self.linear("projector.0", z[:, 1:].mean(1))
        h = F.batch_norm(h, None, None, self.p["projector.1.weight"], self.p["projector.1.bias"], training=True)
        return F.normalize(self.linear("projector.3", F.relu(h)), dim=-1)

    def contrast(self, a, b):
        views = torch.cat([a, b])
        logits = views @ views.T / self.config.objective["temperature"]
        logits = logits.masked_fill(torch.eye(len(views), dtype=torch.bool), -torch.inf)
        return F.cross_entropy(logits, torch.arange(len(views)).roll(len(a)))

    def loss(self, x, mask_noise, support_noise):
        """The training loss, and its terms by name."""
        c, o = self.config, self.config.objective
        order = mask_noise.argsort(1)
        restore = order.argsort(1)
        mask = (restore >= c.keep).to(mask_noise.dtype)
        target = x if c.kind == "tokens" else self.patches(x)
        z = self.encode(x, target, order)
        if not c.meta:
            loss = self.reconstruction(z, restore, target, mask)
            return loss, {"loss": loss}
        support = self.support(mask, support_noise)
        adapted, terms = z, {}
        for _ in range(o["inner_steps"]):
            inner = self.reconstruction(adapted, restore, target, support)
            terms.setdefault("inner_loss", inner)
            g, = torch.autograd.grad(c.batch * inner, adapted, create_graph=not o["first_order"])
            adapted = adapted - o["inner_lr"] * g
        terms["outer_loss"] = self.reconstruction(adapted, restore, target, mask)
        terms["contrast_loss"] = self.contrast(self.view(z), self.view(adapted))
        terms["loss"] = terms["outer_loss"] + o["contrast_weight"] * terms["contrast_loss"]
        return terms["loss"], terms


def adamw(model):
    o = model.config.optimizer
    return torch.optim.AdamW(model.p.values(), lr=o["lr"], weight_decay=o["weight_decay"], fused=True)


def check(config, args):
    model = MetaMAE(config, torch.float64, args.fused)
    optimizer, out = adamw(model), {"steps": []}
    for k in range(config.steps):
        x, *noise = (torch.from_numpy(v) for v in config.step(k))
        loss, terms = model.loss(x, *noise)
        optimizer.zero_grad()
        loss.backward()
        out["steps"].append({n: v.item() for n, v in terms.items()})
        if k == 0:
            out.update(config.probes({n: p.grad for n, p in model.p.items()}))
        optimizer.step()
    return out


def measure(config, args):
    model = MetaMAE(config, torch.float32, args.fused)
    optimizer, loss = adamw(model), model.loss
    if args.compile == "step":
        loss = torch.compile(loss, dynamic=False)
    elif args.compile == "encoder":
        model.encode = torch.compile(model.encode, dynamic=False)
    x = torch.from_numpy(config.step(0)[0])
    x = x if config.kind == "tokens" else x.float()
    seconds = []
    for k in range(args.warmup + args.steps):
        start = time.perf_counter()
        noise = torch.rand(2, config.batch, config.length)
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
            value, _ = loss(x, *noise)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        value = value.item()
        seconds.append(time.perf_counter() - start)
    return {"version": torch.__version__, "step_s": seconds[args.warmup:], "loss": value, "peak_memory_bytes": peak_memory()}


def products(config):
    """Operations of the matrix products of one step, as PyTorch's own counter sees them."""
    from torch.utils.flop_counter import FlopCounterMode
    model = MetaMAE(config, torch.float32)
    x, *noise = (torch.from_numpy(v) for v in config.step(0))
    with FlopCounterMode(display=False) as counter:
        model.loss(x if config.kind == "tokens" else x.float(), *(n.float() for n in noise))[0].backward()
    return {"flop": counter.get_total_flops()}


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("config", help="configuration, with the keys of testdata/cases")
    ap.add_argument("--check", action="store_true", help="loss terms and gradients in float64")
    ap.add_argument("--products", action="store_true", help="operations of the matrix products of a step")
    ap.add_argument("--steps", type=int, default=5)
    ap.add_argument("--warmup", type=int, default=1)
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--bf16", action="store_true", help="bfloat16 autocast")
    ap.add_argument("--fused", action="store_true", help="fused attention where nothing is differentiated twice")
    ap.add_argument("--compile", choices=("step", "encoder"), help="torch.compile of the loss, or of the encoder alone")
    args = ap.parse_args()
    torch.set_num_threads(args.threads)
    torch.set_float32_matmul_precision("highest")
    torch.manual_seed(0)
    config = Config(args.config)
    json.dump(products(config) if args.products else check(config, args) if args.check else measure(config, args), sys.stdout, allow_nan=False)


if __name__ == "__main__":
    main()
