// MAML on sine waves (Finn et al., ICML 2017): weights from which two gradient steps on ten
// points fit a new wave. The tasks are drawn in the spec, so that no data is needed.

import "std/nn"

model maml {
    set tasks = 25, points = 10, hidden = 40
    set inner_lr = 0.01, inner_steps = 2, first_order = false

    param w1 [1, hidden] = normal(1.0)
    param b1 [hidden] = 0
    param w2 [hidden, hidden] = normal(1 / sqrt(hidden))
    param b2 [hidden] = 0
    param w3 [hidden, 1] = normal(1 / sqrt(hidden))
    param b3 [1] = 0

    // net: a network of two hidden layers, with a set of weights w for each task.
    fn net(w, x: [T, N, 1]) {
        let h = relu(x @ w[0] + w[1])
        h = relu(h @ w[2] + w[3])
        return h @ w[4] + w[5]
    }

    // each: one copy of a weight per task; biases are rows.
    fn each(w) = broadcast(rank(w) == 1 ? expand(w, 0) : w, [tasks, rank(w) == 1 ? 1 : dim(w, 0), dim(w, -1)])

    // error: squared error of each task, summed over the tasks.
    fn error(w, x, y) {
        let d = net(w, x) - y
        return sum(mean(d * d, [1, 2]))
    }

    objective() {
        let amplitude = 0.1 + 4.9 * uniform("amplitude", [tasks, 1, 1])
        let phase     = pi * uniform("phase", [tasks, 1, 1])
        let x_train   = 10 * uniform("train_points", [tasks, points, 1]) - 5
        let x_test    = 10 * uniform("test_points", [tasks, points, 1]) - 5
        let y_train   = amplitude * sin(x_train - phase)
        let y_test    = amplitude * sin(x_test - phase)

        let w = [each(w1), each(b1), each(w2), each(b2), each(w3), each(b3)]
        report before = error(w, x_test, y_test) / tasks
        for i in 0..inner_steps {
            let g = grad(error(w, x_train, y_train), w)
            for j in 0..len(w) {
                w[j] = w[j] - inner_lr * (first_order ? stop_gradient(g[j]) : g[j])
            }
        }
        return error(w, x_test, y_test) / tasks
    }
}

train {
    optimizer adam(lr: 1e-3, weight_decay: 0)
    steps 10000
    checkpoint every 1000
}
