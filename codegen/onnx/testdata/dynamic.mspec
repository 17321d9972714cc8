// Features in which the batch turns up wherever it can: counted, padded, cut, sorted, in
// reshaped axes, in indices, and behind gradients.

kind rows(columns) {
    input f32[columns]
    let grid  = [columns]
    let patch = 1
}

modality numbers = rows(6)

model dynamic(m: modality) {
    set batch = 4
    param w [6, 3] = normal(0.5)

    fn error(z: [B, 3], x) {
        let picked = gather(z, argsort(x[:, :3])[:, :2])
        return sum(picked * picked) + sum(z[:, 1:] * x[:, 1:3])
    }

    objective(x) {
        let z = x @ w
        return sum(z * z)
    }

    features(x) {
        let z      = x @ w
        let g      = grad(error(z, x), z)
        let n      = iota([dim(x, 0), 3], 0) * 0.1
        let padded = pad(z, 0, 1, 2)[1:dim(x, 0) + 1]
        let flat   = reshape(transpose(z), [3 * dim(x, 0)])
        let back   = transpose(reshape(flat, [3, dim(x, 0)]))
        return concat([z, g, n, padded, back], axis: 1)
    }
}
