// Weights from which one gradient step on a few points fits a new line.

model linear {
    set points = 16, inner_lr = 0.5

    param w [4, 2] = normal(0.5)

    fn error(w: [4, 2], x, y) {
        let d = x @ w - y
        return mean(d * d)
    }

    objective() {
        let x    = uniform("x", [points, 4])
        let line = uniform("line", [4, 2])
        let y    = x @ line
        let g    = grad(error(w, x, y), w)
        return error(w - inner_lr * g, x, y)
    }
}

train {
    optimizer adam(lr: 1e-2)
    steps 100
}
