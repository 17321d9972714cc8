// A layer norm, a product and one inner gradient step.

model small {
    set rows = 32, width = 16, inner_lr = 0.5

    param w [width, width] = normal(0.1)

    fn error(z: [rows, width], x) {
        let m = mean(z, 1)
        let c = z - reshape(m, [rows, 1])
        let y = c / sqrt(reshape(mean(c * c, 1), [rows, 1]) + 1e-5)
        let d = y @ w - x
        return mean(d * d)
    }

    objective() {
        let x = uniform("x", [rows, width])
        let z = x @ transpose(w)
        let g = grad(error(z, x), z)
        return error(z - inner_lr * g, x)
    }
}

train { optimizer adamw(lr: 1e-3)  steps 10 }
