// What the gradient is taken by is looked up: more rows (9) than the table has (2).
model t {
    param w [9, 3] = normal(0.5)

    objective() {
        let t = uniform("t", [2, 3]) - 0.5
        let z = gather(t, int(uniform("i", [9]) * 2)) * 1.5
        let g = grad(sum(tanh(z)) + sum(z * w), z)
        expose g = g
        return sum(g * g * w)
    }
}
