// Small programs of every family of kernels, with extents a to d as settings: TestOnes compiles each
// with every choice of extents that are 1, and of one that is 0.

import "std/transformer"

model small {
    set program = "conv", batch = 2, a = 2, b = 3, c = 5, d = 4

    // data are numbers of magnitudes between 0.5 and 1.
    fn data(name, shape) {
        let u = uniform(name, shape)
        return where(u < 0.5, u - 1, u)
    }

    // im2col: the windows of x [B, C, H, W], k x k with stride s and p zeros around: [B, C, k k, h, w].
    fn im2col(x: [B, C, H, W], k, s, p) {
        let y = pad(pad(x, 2, p, p), 3, p, p)
        let h = int((H + 2 * p - k) / s) + 1
        let w = int((W + 2 * p - k) / s) + 1
        let parts = []
        for i in 0..k {
            for j in 0..k { parts = parts + [expand(y[:, :, i:i + (h - 1) * s + 1:s, j:j + (w - 1) * s + 1:s], 2)] }
        }
        return concat(parts, 2)
    }

    fn conv(x: [B, C, H, W], out, k, s, p) {
        param weight [out, C, k, k] = normal(0.5)
        param bias [out] = normal(0.5)
        let windows = im2col(x, k, s, p)
        let h = dim(windows, 3)
        let w = dim(windows, 4)
        let y = reshape(weight, [out, C * k * k]) @ reshape(windows, [B, C * k * k, h * w])
        return reshape(y, [B, out, h, w]) + reshape(bias, [out, 1, 1])
    }

    // depthwise: a window of its own for each channel.
    fn depthwise(x: [B, C, H, W], k, s, p) {
        param weight [C, k * k, 1, 1] = normal(0.5)
        return sum(im2col(x, k, s, p) * weight, 2)
    }

    fn scaled(x: [..., K]) {
        param weight [K] = normal(0.5)
        return x * weight
    }

    // each: a weight for each channel of [B, C, H, W].
    fn each(x: [B, C, H, W]) {
        param weight [C, 1, 1] = normal(0.5)
        return x * weight
    }

    fn weights(shape) {
        param weight [shape[0], shape[1]] = normal(0.5)
        return weight
    }

    // stepped: the squared loss after a gradient step on z.
    fn stepped(z, f) {
        let g = grad(f, z)
        return mean(g * g) + f
    }

    objective() {
        if program == "conv" { // examples, channels, height, width
            let x = channels: each(data("x", [a, b, c, d]))
            let h = one: conv(x, 3, 3, 2, 1)
            h = two: conv(tanh(h), 1, 1, 1, 0)
            return sum(h * h)
        }
        if program == "depthwise" {
            let x = data("x", [a, b, c, d])
            let h = one: depthwise(x, 3, 1, 1)
            h = two: depthwise(tanh(h), 1, 1, 0)
            let y = permute(h, [0, 2, 3, 1])
            y = norm: batchnorm(reshape(y, [a * c * d, b]), 1e-2)
            return sum(y * y * y) + sum(maximum(im2col(x, 1, 1, 0), 2) * h)
        }
        if program == "block" { // examples, rows, heads, width of a head
            let x = scale: scaled(data("x", [a, b, c * d]))
            let y = block: block(x, c, 2)
            return stepped(x, mean(y * y))
        }
        if program == "tokens" { // examples, length, vocabulary, width
            let ids   = int(uniform("ids", [a, b]) * c)
            let table = embed: weights([c, d])
            let h     = embedding(table, ids)
            let y     = head: linear(tanh(h), d)
            let loss  = mean(cross_entropy(y @ transpose(table), ids))
            return loss
        }
        if program == "rows" { // examples, rows, rows picked, width
            let x    = scale: scaled(data("x", [a, b, d]))
            let pick = int(uniform("pick", [a, c]) * b)
            let some = gather(x, pick)
            let into = int(uniform("put", [a, c]) * b)
            let put  = scatter_add(some * some, into, b)
            let turn = gather(x, argsort(uniform("order", [a, b])))
            return sum(put * turn) + sum(softmax(some) * some)
        }
        if program == "products" {
            let x = data("x", [a, b, c])
            let y = data("y", [a, c, d])
            let w = w: weights([b, c])
            let v = v: weights([c, d])
            let p = x @ y
            let q = (x * w) @ v
            let r = transpose(p) @ q
            let s = (w @ v) @ transpose(p)
            return sum(tanh(r) * r) + mean(s * s)
        }
        if program == "reductions" {
            let x = scale: scaled(data("x", [a, b, c, d]))
            let y = sum(x, 0) + sum(x, 1)[0]
            let z = mean(x, [0, 2], keep: true) * sum(x, 3, keep: true)
            let m = maximum(x, 1) + minimum(x, [1, 3], keep: true)[:, 0]
            return stepped(x, sum(y * y) + sum(tanh(z)) + sum(m * m) + sum(logsumexp(x)) + sum(unit(x)[:, 0]))
        }
        if program == "views" {
            let x = scale: scaled(data("x", [a, b, c, d]))
            let y = permute(x, [3, 1, 0, 2])
            let z = concat([x, x * x, x[:, :, :, :1] + x], axis: 1)
            let p = pad(pad(x, 1, 1, 0), 3, 0, 2)
            let r = reshape(y, [d * b, a * c])
            return sum(y * y * 0.5) + sum(tanh(z[:, ::2])) + sum(p * p) + sum(r[:, 0]) + sum(where(x > 0, x, x * x))
        }
        if program == "empty" { // rows of each kind, any of which may be none
            let w    = w: weights([3, 4])
            let x    = data("x", [2, 3]) @ w
            let none = gather(x, int(uniform("pick", [a]) * 2), batch: 0)
            let put  = scatter_add(none * none, int(uniform("put", [a]) * 3), 3)
            let y    = concat([x[:, :b], tanh(x[:, b:])], axis: 1)
            let p    = x[:, :b] @ transpose(y[:, :b])
            let r    = reshape(broadcast(expand(x, 0), [c, 2, 4]), [c * 2, 4]) * 0.5
            let m    = data("m", [c, d]) @ data("n", [d, 4])
            return stepped(w, sum(none) + sum(put * put) + sum(p * p) + sum(r, [0, 1]) + sum(m * r[:c]) + sum(pad(y, 0, d, 0)))
        }
        return 0
    }
}
