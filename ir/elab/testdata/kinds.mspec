// Kinds of a user's own, and a small model that shows what it makes of their hidden tokens. TestLayouts says where
// the values of their tokens lie.

import "std/modality"

// ecg: tokens of one lead and a stretch of time.
kind ecg(leads, samples, patch) {
    input f32[leads, samples] as series

    let length = leads * (samples / patch)
    let width  = patch

    fn target(x: [B, C, T]) = reshape(x, [B, length, patch])
    fn predict(y, D)        = head: linear(y, width)
    fn values(p)            = p
}

// ecg_by_time: the same, all leads of a stretch before the next stretch. Nothing says that it is a series.
kind ecg_by_time(leads, samples, patch) {
    input f32[leads, samples]

    let length = leads * (samples / patch)
    let width  = patch

    fn target(x: [B, C, T]) =
        reshape(permute(reshape(x, [B, leads, samples / patch, patch]), [0, 2, 1, 3]), [B, length, patch])
    fn predict(y, D) = head: linear(y, width)
    fn values(p)     = p
}

// spectrum predicts logarithms of intensities; its function layout says which.
kind spectrum(bands, patch) {
    input f32[bands] as series

    let length = bands / patch
    let width  = patch

    fn layout(x: [B, N]) = reshape(x, [B, length, patch])
    fn target(x)         = log(1 + abs(layout(x)))
    fn predict(y, D)     = head: linear(y, width)
    fn values(p)         = p
}

// spectrum_by_grid says how its tokens lie by grid and patch.
kind spectrum_by_grid(channels, bands, cut) {
    input f32[channels, bands]

    let length = bands / cut
    let grid   = [length]
    let patch  = cut
    let width  = channels * cut

    fn target(x: [B, C, T]) =
        log(1 + abs(reshape(permute(reshape(x, [B, C, length, cut]), [0, 2, 3, 1]), [B, length, width])))
    fn predict(y, D) = head: linear(y, width)
    fn values(p)     = p
}

// row: a token for each column of a table.
kind row(columns) {
    input f32[columns] as table

    let length = columns
    let width  = 1

    fn target(x: [B, N]) = reshape(x, [B, columns, 1])
    fn predict(y, D)     = head: linear(y, 1)
    fn values(p)         = p
}

// clip: cubes of frames, rows and columns.
kind clip(channels, frames, height, breadth, cube) {
    input f32[channels, frames, height, breadth] as video

    let f      = frames / cube
    let h      = height / cube
    let w      = breadth / cube
    let length = f * h * w
    let width  = channels * cube * cube * cube

    fn target(x: [B, C, F, H, W]) =
        reshape(permute(reshape(x, [B, C, f, cube, h, cube, w, cube]), [0, 2, 4, 6, 3, 5, 7, 1]), [B, length, width])
    fn predict(y, D) = head: linear(y, width)
    fn values(p)     = p
}

// cloud: points in space.
kind cloud(points) {
    input f32[points, 3] as points

    let length = points
    let width  = 3

    fn target(x)     = x
    fn predict(y, D) = head: linear(y, 3)
    fn values(p)     = p
}

// overlapping: windows that share half of their samples, the last two left out.
kind overlapping(samples) {
    input f32[samples] as series

    let length = int(samples / 4) - 1
    let width  = 8

    fn target(x: [B, N]) {
        let parts = []
        for i in 0..length { parts = parts + [expand(x[:, 4 * i:4 * i + 8], 1)] }
        return concat(parts, 1)
    }
    fn predict(y, D) = head: linear(y, width)
    fn values(p)     = p
}

// zigzag: the rows of a picture, every second one backwards, by a table of positions.
kind zigzag(height, breadth) {
    input f32[height, breadth] as image

    let length = height * breadth
    let width  = 1
    let row    = floor((iota(length) + 0.5) / breadth)
    let column = iota(length) - row * breadth
    let odd    = row - 2 * floor(row / 2)
    let order  = int(table(row * breadth + where(odd == 1, breadth - 1 - column, column)))

    fn target(x: [B, H, W]) = gather(reshape(x, [B, length, 1]), broadcast(expand(order, 0), [B, length]))
    fn predict(y, D)        = head: linear(y, 1)
    fn values(p)            = p
}

// backwards: ids from the last to the first.
kind backwards(vocab, length) {
    input i32[length] < vocab

    let width = vocab

    fn turned(x: [B, L]) = gather(x, broadcast(expand(int(table(length - 1 - iota(length))), 0), [B, L]))
    fn target(x)         = one_hot(turned(x), vocab)
    fn predict(y, D)     = head: linear(y, vocab)
    fn values(p)         = softmax(p)
}

// named: the target is ids.
kind named(vocab, length) {
    input i32[length] < vocab

    let width = vocab

    fn target(x)     = x
    fn predict(y, D) = head: linear(y, vocab)
    fn values(p)     = p
}

// codons: three ids are one token of 64.
kind codons(bases) {
    input i32[bases] < 4 as none

    let length = bases / 3
    let width  = 64

    fn target(x: [B, N]) {
        let t = reshape(x, [B, length, 3])
        return one_hot(16 * t[:, :, 0] + 4 * t[:, :, 1] + t[:, :, 2], 64)
    }
    fn predict(y, D) = head: linear(y, 64)
    fn values(p)     = softmax(p)
}

// both: a series and a picture, each with its tokens.
kind both(samples, size) {
    input curve f32[samples] as series
    input picture f32[1, size, size] as image

    let length = samples + size
    let width  = 1

    fn target(x)     = [expand(x[0], 2), permute(x[1][:, 0], [0, 2, 1])]
    fn predict(y, D) = [(curve: linear(y[:, :samples], 1)), (picture: linear(y[:, samples:], size))]
    fn values(p)     = p
}

modality ecg_         = ecg(3, 8, 4)
modality ecg_by_time_ = ecg_by_time(3, 8, 4)
modality spectrum_    = spectrum(12, 4)
modality by_grid_     = spectrum_by_grid(2, 12, 3)
modality row_         = row(5)
modality clip_        = clip(2, 4, 4, 6, 2)
modality cloud_       = cloud(7)
modality overlapping_ = overlapping(18)
modality zigzag_      = zigzag(3, 4)
modality backwards_   = backwards(5, 6)
modality named_       = named(5, 6)
modality codons_      = codons(12)
modality both_        = both(6, 3)
modality series_      = series(2, 12, 3)
modality image_       = image(3, 4, 6, patch: [2, 3])
modality tokens_      = tokens(4, 7)
modality captions_    = image_text(1, 4, 4, patch: 2, vocab: 5, words: 3)

// small predicts all tokens from their places.
model small(m: modality) {
    set batch = 2

    param place [1, m.length, 4] = normal(0.02)

    fn guess() = m.values(m.predict(broadcast(place, [batch, m.length, 4]), 4))
    fn total(x) {
        if is_list(x) {
            let s = 0
            for i in 0..len(x) { s = s + sum(x[i]) }
            return s
        }
        return sum(x)
    }

    objective(x) { return total(guess()) }

    reconstruct(x) {
        expose target = m.target(x), reconstruction = guess()
        expose mask = uniform("noise", [batch, m.length]) < 0.5
    }
}
