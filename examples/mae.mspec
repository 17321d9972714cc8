// MAE: a masked auto-encoder without inner loop and without contrast, the plain relative of
// metamae.mspec. Its parameters have the same names.

import "std/transformer"
import "modalities"

model mae(m: modality) {
    set batch = 64, mask_ratio = 0.75, dropout = 0.1
    set enc_width = 256, enc_layers = 12, enc_heads = 8, enc_mlp = 2.0
    set dec_width = 128, dec_layers = 4, dec_heads = 4, dec_mlp = 2.0
    set lr = 1e-4, weight_decay = 1e-4, precision = "f32", recompute = "none"

    require mask_ratio > 0 && mask_ratio < 1, "mask_ratio must lie between 0 and 1, it is {mask_ratio}"
    require dropout >= 0 && dropout < 1, "dropout must be at least 0 and below 1, it is {dropout}"

    let B    = batch
    let L    = m.length
    let keep = int(L * (1 - mask_ratio))
    require keep >= 1 && keep < L, "mask_ratio {mask_ratio} leaves {keep} of {L} tokens visible; at least one must be, and one hidden"

    param cls_token [1, 1, enc_width] = normal(0.02)
    param mask_token [1, 1, dec_width] = normal(0.02)

    let enc_pos = m.positions(enc_width)

    fn encode(t: [B, K, enc_width]) {
        let cls = broadcast(cls_token + enc_pos[:1], [B, 1, enc_width])
        let z   = dropout(concat([cls, t], axis: 1), dropout)
        for i in 0..enc_layers {
            z = encoder[i]: block(z, enc_heads, enc_mlp, dropout)
        }
        return norm_enc: layernorm(z)
    }

    fn decode(z: [B, 1 + keep, enc_width], restore) {
        let y      = decoder_embed: linear(z, dec_width)
        let hidden = broadcast(mask_token, [B, L - keep, dec_width])
        let placed = gather(concat([y[:, 1:], hidden], axis: 1), restore)
        y = concat([y[:, :1], placed], axis: 1) + m.positions(dec_width)
        for i in 0..dec_layers {
            y = decoder[i]: block(y, dec_heads, dec_mlp)
        }
        y = norm_dec: layernorm(y[:, 1:])
        return m.predict(y, enc_width)
    }

    // masked: predictions of everything from a random part, and 1 where a token was hidden.
    fn masked(x) {
        let order   = argsort(uniform("mask_noise", [B, L]))
        let restore = argsort(order)
        let tokens  = m.embed(x, enc_width) + enc_pos[1:]
        let z       = encode(gather(tokens, order[:, :keep]))
        return decode(z, restore), restore >= keep, z
    }

    objective(x) {
        let p, mask, z = masked(x)
        expose z, mask
        return sum(m.loss(p, x) * mask) / sum(mask)
    }

    features(x) {
        let z = encode(m.embed(x, enc_width) + enc_pos[1:])
        expose tokens = z[:, 1:]
        return mean(z[:, 1:], 1)
    }

    reconstruct(x) {
        let p, mask, _ = masked(x)
        expose target = m.target(x), mask, reconstruction = m.values(p)
    }
}

train {
    optimizer adamw(lr: lr, weight_decay: weight_decay)
    steps 100000
    checkpoint every 10000
    precision precision
    recompute recompute
}
