// The model of the run that is kept here: small, with a gradient inside its loss, one modality
// whose values are standardised and one whose vocabulary is built from its texts.

import "std/transformer"
import "std/modality"

modality readings = series(1, 6) {
    data csv(files: "readings.csv", columns: "a..f", label: "kind", standardize: true, split: "last", test_fraction: 0.25)
    task "size" { data csv(files: "readings.csv", columns: "a..f", label: "size", classes: 1, standardize: true, split: "last", test_fraction: 0.25) metric "spearman" }
    set width = 8
}

modality notes = tokens(vocab: 20, length: 6) {
    data csv(files: "notes.tsv", columns: "text", label: "kind", tokens: "words", split: "last", test_fraction: 0.25)
}

model kept(m: modality) {
    set batch = 16, width = 8, heads = 2, inner_lr = 0.5, dropout = 0.1, lr = 3e-3

    let B    = batch
    let L    = m.length
    let keep = L / 2

    param cls_token [1, 1, width] = normal(0.02)
    param mask_token [1, 1, width] = normal(0.02)
    let pos = m.positions(width)

    fn encode(t: [B, K, width]) {
        let cls = broadcast(cls_token + pos[:1], [B, 1, width])
        let z   = dropout(concat([cls, t], axis: 1), dropout)
        z = encoder[0]: block(z, heads, 2.0, dropout)
        return norm_enc: layernorm(z)
    }

    fn decode(z: [B, 1 + keep, width], restore) {
        let hidden = broadcast(mask_token, [B, L - keep, width])
        let y      = concat([z[:, :1], gather(concat([z[:, 1:], hidden], axis: 1), restore)], axis: 1) + pos
        y = decoder[0]: block(y, heads, 2.0)
        y = norm_dec: layernorm(y[:, 1:])
        return m.predict(y, width)
    }

    objective(x) {
        let order   = argsort(uniform("mask_noise", [B, L]))
        let restore = argsort(order)
        let mask    = restore >= keep
        let z       = encode(gather(m.embed(x, width) + pos[1:], order[:, :keep]))
        let inner   = sum(m.loss(decode(z, restore), x) * (1 - mask)) / sum(1 - mask)
        let adapted = z - inner_lr * grad(B * inner, z)
        let outer   = sum(m.loss(decode(adapted, restore), x) * mask) / sum(mask)
        report inner_loss = inner, outer_loss = outer
        expose z, z_adapted = adapted, mask
        return outer
    }

    features(x) {
        let z = encode(m.embed(x, width) + pos[1:])
        expose tokens = z[:, 1:]
        return mean(z[:, 1:], 1)
    }

    reconstruct(x) {
        let order   = argsort(uniform("mask_noise", [B, L]))
        let restore = argsort(order)
        let mask    = restore >= keep
        let z       = encode(gather(m.embed(x, width) + pos[1:], order[:, :keep]))
        let inner   = sum(m.loss(decode(z, restore), x) * (1 - mask)) / sum(1 - mask)
        let adapted = z - inner_lr * grad(B * inner, z)
        expose target = m.target(x), mask
        expose reconstruction = m.values(decode(z, restore)), adapted = m.values(decode(adapted, restore))
    }
}

train {
    optimizer adamw(lr: lr, weight_decay: 1e-4)
    steps 400
    checkpoint every 100
    seed 7
}
