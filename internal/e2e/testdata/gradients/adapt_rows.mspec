// A latent is adapted by the loss of some of its rows; the rows are picked after tanh and a linear
// layer that could be worked out on the picked rows alone, where the latent is not.
import "std/nn"

model rows {
    set n = 10, d = 6, k = 4, lr = 0.5

    objective() {
        let x     = uniform("x", [n, d]) - 0.5
        let t     = uniform("t", [n, d])
        let z     = tanh((enc: linear(x, d)))
        let seen  = argsort(uniform("mask", [n]))[:k]
        let e     = gather(z, seen) - gather(t, seen)
        let inner = mean(e * e) + 0.1 * mean(z * z)
        let a     = z - lr * n * grad(inner, z)
        let o     = a - t
        report inner = inner
        return mean(o * o)
    }
}
