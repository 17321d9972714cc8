model line {
    set points = 16
    param w [4, 2] = normal(0.5)
    objective() {
        let x = uniform("x", [points, 4])
        let d = x @ w - x[:, :2]
        report spread = sum(d * d)
        return mean(d * d)
    }
}
train { optimizer adam(lr: 1e-2)  steps 20 }
