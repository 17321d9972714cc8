// Features that depend on the batch's size in a number: their model is for one batch.

kind rows(columns) {
    input f32[columns]
    let grid  = [columns]
    let patch = 1
}

modality numbers = rows(6)

model coupled(m: modality) {
    set batch = 4
    param w [6, 3] = normal(0.5)

    objective(x) {
        let z = x @ w
        return sum(z * z)
    }

    features(x) {
        let z = x @ w
        return z - mean(z, 0, keep: true)
    }
}
