"""MetaMAE and MAE in JAX, the whole training step in one jit: a peer to be timed, and to be checked.

    python3 jax_metamae.py CONFIG.json --check       loss terms and gradients in float64, as JSON
    python3 jax_metamae.py CONFIG.json --steps 5     seconds of training steps in float32, as JSON

`go run ./bench` runs it. XLA takes as many threads as the process has cores; --threads takes cores away.
"""
import argparse
import functools
import json
import os
import sys
import time

import numpy as np

from draws import Config, peak_memory


def linear(p, name, x):
    y = x @ p[name + ".weight"].T
    return y + p[name + ".bias"] if name + ".bias" in p else y


def standardise(x, axis):
    centred = x - x.mean(axis, keepdims=True)
    return centred * jax.lax.rsqrt((centred * centred).mean(axis, keepdims=True) + 1e-5)


def norm(p, name, x, axis=-1):
    return standardise(x, axis) * p[name + ".weight"] + p[name + ".bias"]


def pick(x, index):
    """Rows index [B, K] of x [B, N, D]; no row twice, which makes the gradient cheap."""
    return jax.vmap(lambda rows, i: rows.at[i].get(unique_indices=True, mode="promise_in_bounds"))(x, index)


def blocks(p, part, net, x):
    B, N, W = x.shape
    d = W // net["heads"]
    for i in range(net["layers"]):
        name = f"{part}.{i}"
        rows = linear(p, name + ".attn.qkv", norm(p, name + ".norm1", x))
        q, k, v = rows.reshape(B, N, 3, net["heads"], d).transpose(2, 0, 3, 1, 4)
        share = jax.nn.softmax((q * d**-0.5) @ k.swapaxes(-1, -2))
        x = x + linear(p, name + ".attn.proj", (share @ v).swapaxes(1, 2).reshape(B, N, W))
        h = jax.nn.gelu(linear(p, name + ".mlp.fc1", norm(p, name + ".norm2", x)), approximate=False)
        x = x + linear(p, name + ".mlp.fc2", h)
    return x


class MetaMAE:
    """The model as pure functions of the parameters p. Every random number comes from outside."""

    def __init__(self, config, dtype):
        c = self.config = config
        self.places = {n["width"]: np.asarray(c.positions(n["width"]), dtype) for n in (c.encoder, c.decoder)}

    def patches(self, x):
        """[B, L, P]: places within a patch, then channels."""
        c = self.config
        B, C = x.shape[:2]
        if c.kind == "series":
            return x.reshape(B, C, c.length, -1).transpose(0, 2, 3, 1).reshape(B, c.length, -1)
        cut = x.reshape(B, C, c.axes[0], c.patch[0], c.axes[1], c.patch[1])
        return cut.transpose(0, 2, 4, 3, 5, 1).reshape(B, c.length, -1)

    def encode(self, p, x, target, order):
        """Latent of the visible tokens, [B, 1 + K, D]."""
        c = self.config
        places, w = self.places[c.encoder["width"]], p["patch_embed.proj.weight"]
        if c.kind == "tokens":
            tokens = w[x]
        else:
            tokens = target @ jnp.moveaxis(w, 1, -1).reshape(len(w), -1).T + p["patch_embed.proj.bias"]
        tokens = pick(tokens + places[1:], order[:, :c.keep])
        cls = jnp.broadcast_to(p["cls_token"] + places[:1], (c.batch, 1, tokens.shape[-1]))
        return norm(p, "norm_enc", blocks(p, "encoder", c.encoder, jnp.concatenate([cls, tokens], 1)))

    def decode(self, p, z, restore):
        c = self.config
        y = linear(p, "decoder_embed", z)
        hidden = jnp.broadcast_to(p["mask_token"], (c.batch, c.length - c.keep, y.shape[-1]))
        placed = pick(jnp.concatenate([y[:, 1:], hidden], 1), restore)
        y = jnp.concatenate([y[:, :1], placed], 1) + self.places[c.decoder["width"]]
        y = blocks(p, "decoder", c.decoder, y)[:, 1:]
        y = linear(p, "decoder_head", norm(p, "norm_dec", y))
        return y @ p["patch_embed.proj.weight"].T if c.kind == "tokens" else y

    def reconstruction(self, p, z, restore, target, weight):
        y = self.decode(p, z, restore)
        if self.config.kind == "tokens":
            each = -jnp.take_along_axis(jax.nn.log_softmax(y), target[..., None], -1)[..., 0]
        else:
            each = jnp.square(y - target).mean(-1)
        return (each * weight).sum() / weight.sum()

    def support(self, mask, noise):
        """What is visible, and some hidden tokens beside a visible one."""
        c = self.config
        visible = 1 - mask
        grid = jnp.pad(visible.reshape(-1, *c.axes), [(0, 0)] + [(1, 1)] * len(c.axes))
        if len(c.axes) == 1:
            near = grid[:, :-2] + grid[:, 2:]
        else:
            near = grid[:, :-2, 1:-1] + grid[:, 2:, 1:-1] + grid[:, 1:-1, :-2] + grid[:, 1:-1, 2:]
        return visible + mask * (near.reshape(mask.shape) > 0) * (noise < c.objective["support_ratio"])

    def contrast(self, p, *latents):
        views = []
        for z in latents:
            h = jax.nn.relu(norm(p, "projector.1", linear(p, "projector.0", z[:, 1:].mean(1)), 0))
            h = linear(p, "projector.3", h)
            views.append(h / jnp.maximum(jnp.sqrt((h * h).sum(-1, keepdims=True)), 1e-12))
        views = jnp.concatenate(views)
        n = len(views)
        logits = views @ views.T / self.config.objective["temperature"]
        logits = jnp.where(np.eye(n, dtype=bool), -jnp.inf, logits)
        own = (np.arange(n) + n // 2) % n
        return -jax.nn.log_softmax(logits)[np.arange(n), own].mean()

    def loss(self, p, x, mask_noise, support_noise):
        """The training loss, and its terms by name."""
        c, o = self.config, self.config.objective
        order = jnp.argsort(mask_noise, 1)
        restore = jnp.argsort(order, 1)
        mask = (restore >= c.keep).astype(mask_noise.dtype)
        target = x if c.kind == "tokens" else self.patches(x)
        z = self.encode(p, x, target, order)
        if not c.meta:
            loss = self.reconstruction(p, z, restore, target, mask)
            return loss, {"loss": loss}
        support = self.support(mask, support_noise)
        inner = jax.value_and_grad(lambda z: self.reconstruction(p, z, restore, target, support))
        adapted, terms = z, {}
        for _ in range(o["inner_steps"]):
            value, g = inner(adapted)
            terms.setdefault("inner_loss", value)
            g = jax.lax.stop_gradient(g) if o["first_order"] else g
            adapted = adapted - o["inner_lr"] * c.batch * g
        terms["outer_loss"] = self.reconstruction(p, adapted, restore, target, mask)
        terms["contrast_loss"] = self.contrast(p, z, adapted)
        terms["loss"] = terms["outer_loss"] + o["contrast_weight"] * terms["contrast_loss"]
        return terms["loss"], terms


def update(model, p, moments, count, x, noise):
    """One AdamW step: new parameters and moments, the loss terms and the gradients."""
    (_, terms), grads = jax.value_and_grad(model.loss, has_aux=True)(p, x, *noise)
    o, count = model.config.optimizer, count + 1
    new, kept = {}, {}
    for n, g in grads.items():
        m, v = moments[n]
        kept[n] = m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        by = m / (1 - 0.9**count) / (jnp.sqrt(v / (1 - 0.999**count)) + 1e-8)
        new[n] = p[n] - o["lr"] * (by + o["weight_decay"] * p[n])
    return new, kept, count, terms, grads


def state(config, dtype):
    p = {n: jnp.asarray(v, dtype) for n, v in config.parameters().items()}
    zeros = lambda v: jnp.zeros(v.shape, v.dtype)
    return p, {n: (zeros(v), zeros(v)) for n, v in p.items()}, jnp.zeros((), dtype)


def check(config):
    jax.config.update("jax_enable_x64", True)
    step = jax.jit(functools.partial(update, MetaMAE(config, np.float64)))
    now, out = state(config, np.float64), {"steps": []}
    for k in range(config.steps):
        x, *noise = config.step(k)
        *now, terms, grads = step(*now, x, noise)
        out["steps"].append({n: float(v) for n, v in terms.items()})
        if k == 0:
            out.update(config.probes(grads))
    return out


def measure(config, args):
    model = MetaMAE(config, np.float32)

    def train(p, moments, count, key, x):
        key, *draws = jax.random.split(key, 3)
        noise = [jax.random.uniform(d, (config.batch, config.length)) for d in draws]
        *now, terms, _ = update(model, p, moments, count, x, noise)
        return *now, key, terms["loss"]

    step = jax.jit(train, donate_argnums=(0, 1, 2, 3))
    x = jnp.asarray(config.step(0)[0], jnp.int32 if config.kind == "tokens" else jnp.float32)
    now, seconds = (*state(config, np.float32), jax.random.key(0)), []
    for _ in range(args.warmup + args.steps):
        start = time.perf_counter()
        *now, loss = step(*now, x)
        jax.block_until_ready((now, loss))
        seconds.append(time.perf_counter() - start)
    return {"version": jax.__version__, "step_s": seconds[args.warmup:], "loss": float(loss), "peak_memory_bytes": peak_memory()}


def main():
    global jax, jnp
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("config", help="configuration, with the keys of testdata/cases")
    ap.add_argument("--check", action="store_true", help="loss terms and gradients in float64")
    ap.add_argument("--steps", type=int, default=5)
    ap.add_argument("--warmup", type=int, default=1)
    ap.add_argument("--threads", type=int, default=2)
    args = ap.parse_args()
    # Before jax is imported, since it starts its threads then.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:args.threads])
    import jax
    import jax.numpy as jnp
    jax.config.update("jax_default_matmul_precision", "highest")
    config = Config(args.config)
    json.dump(check(config) if args.check else measure(config, args), sys.stdout, allow_nan=False)


if __name__ == "__main__":
    main()
