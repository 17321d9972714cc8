// A quantised latent: the nearest of three codes is looked up, the gradient passes straight through,
// and the looked up codes are adapted by a step of the reconstruction.
import "std/nn"

model codebook {
    set n = 8, d = 4, codes = 3, lr = 0.3

    fn decode(z) = dec: linear(tanh(z), d)

    objective() {
        param book [codes, d] = normal(1.0)
        let x      = uniform("x", [n, d]) - 0.5
        let z      = enc: linear(x, d)
        let near   = argsort(uniform("near", [n, codes]))[:, 0]
        let q      = gather(book, near)
        let st     = z + stop_gradient(q - z)
        let e      = decode(st) - x
        let commit = mean((q - stop_gradient(z)) * (q - stop_gradient(z)))
        let g      = grad(sum(e * e) + commit, q) + grad(sum(e * e), z)
        let o      = decode(q - lr * g) - x
        expose g = g
        return mean(o * o) + commit
    }
}
