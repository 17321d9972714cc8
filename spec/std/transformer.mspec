// The pre-norm transformer block.

import "std/nn"

// attention of every row to every row: softmax(q k^T / sqrt(d)) v for each head.
fn attention(x: [B, N, W], heads, dropout_rate = 0) {
    require W % heads == 0, "a width of {W} does not divide into {heads} heads"
    let d     = W / heads
    let rows  = qkv: linear(x, 3 * W, bias: false)
    let parts = permute(reshape(rows, [B, N, 3, heads, d]), [2, 0, 3, 1, 4])
    let q     = parts[0]
    let k     = parts[1]
    let v     = parts[2]
    let share = softmax(q @ transpose(k) / sqrt(d))
    let mixed = reshape(permute(share @ v, [0, 2, 1, 3]), [B, N, W])
    let out   = proj: linear(mixed, W)
    return dropout(out, dropout_rate)
}

// mlp: two linear layers with a GELU between them.
fn mlp(x: [..., W], hidden, dropout_rate = 0) {
    let h = fc1: linear(x, hidden)
    h = dropout(gelu(h), dropout_rate)
    h = fc2: linear(h, W)
    return dropout(h, dropout_rate)
}

// block: attention and an MLP of ratio times the width, each on normalised input and added.
fn block(x: [B, N, W], heads, ratio, dropout_rate = 0) {
    let a = norm1: layernorm(x)
    x = x + attn: attention(a, heads, dropout_rate)
    let b = norm2: layernorm(x)
    return x + mlp: mlp(b, int(ratio * W), dropout_rate)
}
