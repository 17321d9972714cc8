// A kind of modality of its own: rows of a table, one token for each column.

import "../examples/metamae"

kind record(columns) {
    require columns >= 2, "a record has at least 2 columns, not {columns}"
    input f32[columns]

    let length = columns
    let grid   = [columns]
    let patch  = 1
    let width  = 1

    // affine: a direction and an offset of its own for each column.
    fn affine(x: [B, L, 1], D) {
        param weight [columns, D] = normal(0.02)
        param bias [columns, D] = normal(0.02)
        return x * weight + bias
    }

    fn embed(x, D)   = patch_embed.proj: affine(target(x), D)
    fn predict(y, D) = decoder_head: linear(y, 1)
    fn target(x)     = reshape(x, [dim(x, 0), columns, 1])
    fn values(p)     = p
    fn loss(p, x)    = squared_error(p, target(x))
    fn positions(D)  = positions1(columns, D)

    // near: columns have no order, all are neighbours.
    fn near(v: [B, L]) = broadcast(sum(v, -1, keep: true), [dim(v, 0), columns])
}

modality collisions = record(28) {
    data higgs(standardize: true)
    sample "../examples/data/higgs"
    set batch = 256, mask_ratio = 0.5
}
