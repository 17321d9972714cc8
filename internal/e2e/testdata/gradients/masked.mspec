// A masked latent, adapted where the mask is, to third order.
model masked {
    set n = 6, d = 5

    objective() {
        param w [d, d] = xavier_uniform
        let x     = uniform("x", [n, d]) - 0.5
        let m     = expand(uniform("m", [n]) < 0.5, 1)
        let z     = tanh(x @ w) * m
        let rows  = argsort(uniform("rows", [n]))[1:4]
        let inner = sum(gather(sin(z @ w), rows) * gather(x, rows)) + sum(z * z * z)
        let g     = grad(inner, z)
        let gg    = grad(sum(g * g * m), z)
        expose g = g, gg = gg
        return sum(gg * gg) + sum(sin(z - g))
    }
}
