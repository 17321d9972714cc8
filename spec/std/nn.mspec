// Small building blocks: layers, activations, norms and losses.

// linear maps the last axis to width: x W^T + b.
fn linear(x: [..., K], width, bias = true, init = xavier_uniform, bias_init = 0) {
    param weight [width, K] = init
    let y = x @ transpose(weight)
    if bias {
        param bias [width] = bias_init
        y = y + bias
    }
    return y
}

// embedding picks one row of a table [V, D] for each token id.
fn embedding(table: [V, D], ids) =
    reshape(gather(table, reshape(ids, [size(ids)])), shape(ids) + [D])

// layernorm standardises the last axis, then scales and shifts it.
fn layernorm(x: [..., K], eps = 1e-5) {
    param weight [K] = 1
    param bias [K] = 0
    let centred  = x - mean(x, -1, keep: true)
    let variance = mean(centred * centred, -1, keep: true)
    return centred / sqrt(variance + eps) * weight + bias
}

// batchnorm standardises each column over the batch, then scales and shifts it.
fn batchnorm(x: [N, K], eps = 1e-5) {
    param weight [K] = 1
    param bias [K] = 0
    let centred  = x - mean(x, 0, keep: true)
    let variance = mean(centred * centred, 0, keep: true)
    return centred / sqrt(variance + eps) * weight + bias
}

// relu is x where it is positive and 0 elsewhere; its slope at 0 is 0.
fn relu(x) = where(x <= 0, 0, x)

// sigmoid is 1 / (1 + e^-x), by e^-|x|, which does not overflow.
fn sigmoid(x) {
    let e = exp(where(x < 0, x, -x))
    return where(x < 0, e, 1) / (1 + e)
}

// gelu is x times the normal distribution function of x, exactly.
fn gelu(x) = 0.5 * x * (1 + erf(x / sqrt(2)))

// dropout zeroes elements with probability p and scales the rest, while training only.
fn dropout(x, p) {
    if !training || p == 0 { return x }
    return x * (uniform(shape(x)) >= p) / (1 - p)
}

// logsumexp is log(sum(exp(x))) over the last axis; of infinities it is the larger.
fn logsumexp(x) {
    let top     = stop_gradient(maximum(x, -1, keep: true))
    let largest = squeeze(top, -1)
    let finite  = abs(largest) <= 3.4028234663852886e38
    return where(finite, log(sum(exp(x - top), -1)) + largest, largest)
}

// one_hot is 1 at each id and 0 elsewhere: [...] -> [..., count].
fn one_hot(ids, count) = float(reshape(ids, shape(ids) + [1])) == iota(count)

// cross_entropy of logits [..., V] against ids [...]: [...]. Other classes may have a logit of
// minus infinity.
fn cross_entropy(logits: [..., V], ids) =
    logsumexp(logits) - sum(where(one_hot(ids, V), logits, 0), -1)

// unit scales the last axis to length 1; zeros stay zeros, and so does what flows back through them.
fn unit(x) = x / sqrt(max(sum(x * x, -1, keep: true), 1e-24))
