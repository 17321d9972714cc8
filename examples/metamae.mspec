// MetaMAE: masked auto-encoding seen as meta-learning (Jang et al., NeurIPS 2023). The
// encoder gives a latent z of the visible tokens. A gradient step on what is visible, through
// the decoder, adapts it; the adapted latent must predict the hidden tokens, and both
// latents of an example must agree with each other more than with other examples'.

import "std/transformer"
import "modalities"

model metamae(m: modality) {
    set batch = 64, mask_ratio = 0.75, dropout = 0.1
    set inner_lr = 0.5, inner_steps = 1, first_order = false
    set support_ratio = 0.1, contrast_weight = 0.1, temperature = 0.5
    set enc_width = 256, enc_layers = 12, enc_heads = 8, enc_mlp = 2.0
    set dec_width = 128, dec_layers = 4, dec_heads = 4, dec_mlp = 2.0
    set lr = 1e-4, weight_decay = 1e-4, precision = "f32", recompute = "cheap"

    require mask_ratio > 0 && mask_ratio < 1, "mask_ratio must lie between 0 and 1, it is {mask_ratio}"
    require dropout >= 0 && dropout < 1, "dropout must be at least 0 and below 1, it is {dropout}"
    require support_ratio >= 0 && support_ratio <= 1, "support_ratio must lie between 0 and 1, it is {support_ratio}"
    require inner_steps >= 1, "inner_steps must be at least 1; mae.mspec is the model without inner steps"
    require temperature > 0, "temperature must be above 0, it is {temperature}"

    let B    = batch
    let L    = m.length
    let keep = int(L * (1 - mask_ratio))
    require keep >= 1 && keep < L, "mask_ratio {mask_ratio} leaves {keep} of {L} tokens visible; at least one must be, and one hidden"

    param cls_token [1, 1, enc_width] = normal(0.02)
    param mask_token [1, 1, dec_width] = normal(0.02)

    let enc_pos = m.positions(enc_width)
    let dec_pos = m.positions(dec_width)

    // encode: the class token and the chosen tokens t [B, K, D] to a latent [B, 1 + K, D].
    fn encode(t: [B, K, enc_width]) {
        let cls = broadcast(cls_token + enc_pos[:1], [B, 1, enc_width])
        let z   = dropout(concat([cls, t], axis: 1), dropout)
        for i in 0..enc_layers {
            z = encoder[i]: block(z, enc_heads, enc_mlp, dropout)
        }
        return norm_enc: layernorm(z)
    }

    // decode: a prediction for every token. Attention does not mind the order of its rows: those
    // of the latent come first, then one for each hidden token. order [B, L] says which token a
    // row is about; all that is known of a hidden one is its place.
    fn decode(z: [B, 1 + keep, enc_width], order) {
        let seen   = decoder_embed: linear(z, dec_width)
        let first  = broadcast(dec_pos[:1], [B, 1, dec_width])
        let places = concat([first, embedding(dec_pos[1:], order[:, :keep])], axis: 1)
        let hidden = embedding(mask_token[0] + dec_pos[1:], order[:, keep:])
        let y      = concat([seen + places, hidden], axis: 1)
        for i in 0..dec_layers {
            y = decoder[i]: block(y, dec_heads, dec_mlp)
        }
        y = norm_dec: layernorm(y[:, 1:])
        return m.predict(gather(y, argsort(order)), enc_width)
    }

    // support_loss: the loss averaged over the places where weight [B, L] is 1.
    fn support_loss(z, order, x, weight) {
        return sum(m.loss(decode(z, order), x) * weight) / sum(weight)
    }

    // hidden_loss: the loss averaged over the hidden tokens.
    fn hidden_loss(z, order, x) = mean(gather(m.loss(decode(z, order), x), order[:, keep:]))

    // adapt: gradient steps on the support. Times B, since the loss is a mean over the batch.
    fn adapt(z, order, x, support) {
        let adapted = z
        for i in 0..inner_steps {
            let loss = support_loss(adapted, order, x, support)
            if i == 0 { report inner_loss = loss }
            let g = grad(B * loss, adapted)
            adapted = adapted - inner_lr * (first_order ? stop_gradient(g) : g)
        }
        return adapted
    }

    // view: a unit vector for each example, from its mean visible token.
    fn view(z) {
        let h = projector[0]: linear(mean(z[:, 1:], 1), 4 * enc_width, bias: false, init: fan_in_uniform)
        h = projector[1]: batchnorm(h)
        h = projector[3]: linear(relu(h), 128, bias: false, init: fan_in_uniform)
        return unit(h)
    }

    // contrast: each view should be closest to the other view of the same example. The
    // similarity to that view is subtracted first, so that a small loss keeps its digits.
    fn contrast(a: [B, K], b) {
        let views  = concat([a, b], axis: 0)
        let apart  = abs(iota([2 * B, 2 * B], 0) - iota([2 * B, 2 * B], 1))
        let logits = where(apart == 0, -1e9, views @ transpose(views) / temperature)
        let own    = sum(where(apart == B, logits, 0), -1, keep: true)
        return mean(logsumexp(logits - own))
    }

    objective(x) {
        let order  = argsort(uniform("mask_noise", [B, L]))
        let mask   = argsort(order) >= keep
        let tokens = m.embed(x, enc_width) + enc_pos[1:]
        let z      = encode(gather(tokens, order[:, :keep]))

        // The support: what is visible, and some hidden tokens beside a visible one.
        let near    = m.near(1 - mask) > 0
        let drawn   = uniform("support_noise", [B, L]) < support_ratio
        let support = mask * near * drawn + (1 - mask)

        let adapted       = adapt(z, order, x, support)
        let outer_loss    = hidden_loss(adapted, order, x)
        let contrast_loss = contrast(view(z), view(adapted))
        report outer_loss, contrast_loss
        expose z, z_adapted = adapted, mask, support
        return outer_loss + contrast_weight * contrast_loss
    }

    // features: the mean token with nothing hidden, what evaluation and embedding use.
    features(x) {
        let z = encode(m.embed(x, enc_width) + enc_pos[1:])
        expose tokens = z[:, 1:]
        return mean(z[:, 1:], 1)
    }

    // reconstruct: predictions from the latent and from the adapted latent, as tokens.
    reconstruct(x) {
        let order   = argsort(uniform("mask_noise", [B, L]))
        let mask    = argsort(order) >= keep
        let tokens  = m.embed(x, enc_width) + enc_pos[1:]
        let z       = encode(gather(tokens, order[:, :keep]))
        let adapted = z
        for _ in 0..inner_steps {
            let g = grad(B * support_loss(adapted, order, x, 1 - mask), adapted)
            adapted = adapted - inner_lr * g
        }
        expose target = m.target(x), mask
        expose reconstruction = m.values(decode(z, order)), adapted = m.values(decode(adapted, order))
    }
}

train {
    optimizer adamw(lr: lr, weight_decay: weight_decay)
    schedule constant()
    steps 100000
    checkpoint every 10000
    seed 0
    precision precision
    recompute recompute
}
