// Modalities: how raw inputs become tokens, what is to be predicted at a token, how a
// prediction is scored, and which tokens are neighbours. A new kind offers the same names:
//
//     length         tokens of one example, L
//     grid, patch    tokens and patch size per axis, for people
//     embed(x, D)    tokens [B, L, D]
//     predict(y, D)  prediction from decoder rows y [B, L, E]
//     target(x)      what is predicted, [B, L, P]
//     loss(p, x)     loss of prediction p for every token, [B, L]
//     values(p)      the prediction in the units of target(x)
//     near(v)        v [B, L], summed over each token and its neighbours
//     positions(D)   codes [1 + L, D]; row 0 belongs to the class token
//     layout(x)      only where target(x) holds other values than x does: the values of x that the
//                    target's are about, of its shape
//
// The compiler holds a kind to these shapes. What an input is shown as stands behind it: input ... as series.
// A kind with several inputs gets x as a list of them; its predictions, targets and values may
// be lists too, with the tokens of one entry after those of another in the sequence.

import "std/nn"

// sincos codes positions p [L]: sin and cos of p times falling frequencies.
fn sincos(p: [L], width) {
    require width % 2 == 0, "sine and cosine codes need an even width, not {width}"
    let half  = width / 2
    let omega = exp(iota(half) * (-log(10000) / half))
    let angle = reshape(p, [L, 1]) * omega
    return concat([sin(angle), cos(angle)], axis: 1)
}

// positions1 codes L positions on a line after a row of zeros: [1 + L, width].
fn positions1(length, width) =
    table(concat([zeros([1, width]), sincos(iota(length), width)], axis: 0))

// positions2 codes a grid of rows x columns after a row of zeros: the first half of the
// width is the column, the second the row.
fn positions2(rows, columns, width) {
    require width % 4 == 0, "two-dimensional codes need a width that 4 divides, not {width}"
    let row    = reshape(iota([rows, columns], 0), [rows * columns])
    let column = reshape(iota([rows, columns], 1), [rows * columns])
    let codes  = concat([sincos(column, width / 2), sincos(row, width / 2)], axis: 1)
    return table(concat([zeros([1, width]), codes], axis: 0))
}

// both_sides adds up the two neighbours of each element along an axis, zeros outside. The element itself is not
// among them: v + both_sides(v, 1) is the sum over a token and those beside it.
fn both_sides(v, axis) {
    let n = dim(v, axis)
    if n == 1 { return zeros(shape(v)) }
    let before = pad(slice(v, axis, 0, n - 1), axis, 1, 0)
    return before + pad(slice(v, axis, 1, n), axis, 0, 1)
}

// squared_error is the mean of (p - target)^2 over the last axis.
fn squared_error(p, target) {
    let d = p - target
    return mean(d * d, -1)
}

// series: channels x samples, cut along time into patches.
kind series(channels, samples, patch = 1) {
    require channels >= 1 && samples >= 1 && patch >= 1, "channels, samples and patch are counts, at least 1"
    require samples % patch == 0, "a patch of {patch} does not divide {samples} samples"
    input f32[channels, samples] as series

    let length = samples / patch
    let grid   = [length]
    let width  = channels * patch

    // patches: [B, L, P]; in a patch time is the slow axis, channels are next to each other.
    fn patches(x: [B, C, T]) =
        reshape(permute(reshape(x, [B, C, length, patch]), [0, 2, 3, 1]), [B, length, width])

    fn project(x, D) {
        param weight [D, channels, patch] = xavier_uniform
        param bias [D] = fan_in_uniform(width)
        return patches(x) @ transpose(reshape(permute(weight, [0, 2, 1]), [D, width])) + bias
    }

    fn embed(x, D)   = patch_embed.proj: project(x, D)
    fn predict(y, D) = decoder_head: linear(y, width)
    fn target(x)     = patches(x)
    fn values(p)     = p
    fn loss(p, x)    = squared_error(p, patches(x))
    fn near(v)       = v + both_sides(v, 1)
    fn positions(D)  = positions1(length, D)
}

// image: channels x height x width, cut into patches of patch x patch (or [rows, columns]).
kind image(channels, height, breadth, patch = 1) {
    let patches_of = is_list(patch) ? patch : [patch, patch]
    let ph         = patches_of[0]
    let pw         = patches_of[1]
    require channels >= 1 && height >= 1 && breadth >= 1 && ph >= 1 && pw >= 1, "channels, height, breadth and patch are counts, at least 1"
    require height % ph == 0 && breadth % pw == 0, "a patch of {ph} x {pw} does not divide an image of {height} x {breadth}"
    input f32[channels, height, breadth] as image

    let rows    = height / ph
    let columns = breadth / pw
    let length  = rows * columns
    let grid    = [rows, columns]
    let width   = channels * ph * pw

    // patches: [B, L, P]; a patch is row by row, channels are next to each other.
    fn patches(x: [B, C, H, W]) =
        reshape(permute(reshape(x, [B, C, rows, ph, columns, pw]), [0, 2, 4, 3, 5, 1]), [B, length, width])

    fn project(x, D) {
        param weight [D, channels, ph, pw] = xavier_uniform
        param bias [D] = fan_in_uniform(width)
        return patches(x) @ transpose(reshape(permute(weight, [0, 2, 3, 1]), [D, width])) + bias
    }

    fn embed(x, D)   = patch_embed.proj: project(x, D)
    fn predict(y, D) = decoder_head: linear(y, width)
    fn target(x)     = patches(x)
    fn values(p)     = p
    fn loss(p, x)    = squared_error(p, patches(x))
    fn positions(D)  = positions2(rows, columns, D)

    // near: the token itself and those above, below, left and right of it.
    fn near(v: [B, L]) {
        let g = reshape(v, [B, rows, columns])
        return reshape(g + both_sides(g, 1) + both_sides(g, 2), [B, L])
    }
}

// tokens: ids below vocab. The head is tied to the embedding table.
kind tokens(vocab, length) {
    require vocab >= 2 && length >= 1, "vocab is at least 2 and length at least 1"
    input i32[length] < vocab as tokens

    let grid  = [length]
    let patch = 1
    let width = vocab

    fn weights(D) {
        param weight [vocab, D] = xavier_uniform
        return weight
    }

    fn codebook(D)   = patch_embed.proj: weights(D)
    fn embed(x, D)   = embedding(codebook(D), x)
    fn predict(y, D) = (decoder_head: linear(y, D)) @ transpose(codebook(D))
    fn target(x)     = one_hot(x, vocab)
    fn values(p)     = softmax(p)
    fn loss(p, x)    = cross_entropy(p, x)
    fn near(v)       = v + both_sides(v, 1)
    fn positions(D)  = positions1(length, D)
}

// image_text: an image and a text about it. Their tokens stand one after another in one
// sequence, each with an embedding, a head and a loss of its own. A token's loss is weighted
// so that the image and the text count the same, however many tokens they have.
kind image_text(channels, height, breadth, patch, vocab, words) {
    input image f32[channels, height, breadth] as image
    input text i32[words] < vocab as tokens

    let picture = image: image(channels, height, breadth, patch)
    let caption = text: tokens(vocab, words)
    let split   = picture.length
    let length  = picture.length + caption.length
    let grid    = picture.grid

    // stream: what tells the tokens of the one from those of the other.
    fn stream(t: [B, N, D]) {
        param stream [D] = normal(0.02)
        return t + stream
    }

    fn embed(x, D) {
        let seen = picture.embed(x[0], D)
        let read = caption.embed(x[1], D)
        return concat([(image: stream(seen)), (text: stream(read))], axis: 1)
    }

    fn predict(y, D) = [picture.predict(y[:, :split], D), caption.predict(y[:, split:], D)]

    fn loss(p, x) {
        let seen = picture.loss(p[0], x[0]) * (length / (2 * picture.length))
        let read = caption.loss(p[1], x[1]) * (length / (2 * caption.length))
        return concat([seen, read], axis: 1)
    }

    fn target(x)    = [picture.target(x[0]), caption.target(x[1])]
    fn values(p)    = [picture.values(p[0]), caption.values(p[1])]
    fn near(v)      = concat([picture.near(v[:, :split]), caption.near(v[:, split:])], axis: 1)
    fn positions(D) = concat([picture.positions(D), caption.positions(D)[1:]], axis: 0)
}
