// Hidden rows are one row, looked up and joined to the others, as in a masked auto-encoder; the joined
// rows themselves are adapted, and only the hidden ones are read in the end.
import "std/nn"

model joined {
    set n = 3, seen = 2, hidden = 4, d = 4, lr = 0.5

    fn decode(z, order) = dec: linear(gather((norm: layernorm(z)), order), d)

    objective() {
        param mask [1, d] = normal(0.5)
        let x      = uniform("x", [n, seen, d]) - 0.5
        let filled = gather(mask, int(uniform("which", [n * hidden]) * 0))
        let z      = concat([x, reshape(filled, [n, hidden, d])], 1)
        let order  = argsort(uniform("order", [n, seen + hidden]))
        let target = uniform("target", [n, seen + hidden, d])
        let e      = decode(z, order) - target
        let g      = grad(n * mean(e * e), z)
        let o      = gather(decode(z - lr * g, order) - target, order[:, seen:])
        expose g = g
        return mean(o * o)
    }
}
