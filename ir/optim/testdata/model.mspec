// What optimisers.py trains too: two tensors with gradients of different sizes, one whose gradient is zero, and one that no gradient reaches.
model t {
    param w [3, 2] = 0.5
    param b [5] = 1.0
    param zero [3] = 1.0
    param frozen [4] = 1.0

    objective() {
        let d = w * w * reshape(iota([6]) + 1, [3, 2]) - 1
        let c = b * (iota([5]) + 1) - 2
        return mean(d * d) + mean(c * c) + 0.1 * sum(w) * mean(b) + 0.0 * sum(zero) + 0.01 * sum(stop_gradient(frozen) * b[:4])
    }
}
