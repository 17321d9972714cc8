package main

import "mspecc/internal/refcase"

// productFLOPs is the number of operations in the matrix products of one training step, two
// for a multiply-add, as a framework performs them: nothing is left out because nobody reads
// it. It is exactly what PyTorch's FlopCounterMode counts for the peer (--check compares).
//
// A product of the forward pass has two in the backward pass. Those behind the inner gradient
// are differentiated twice: per inner step a linear layer takes 6 products (forward, input
// gradient, and four for the derivatives of the two), an attention 9 (forward, two gradients,
// six for the derivatives of the three); with first order 2 and 3.
func productFLOPs(c *refcase.Case) float64 {
	linear, attention := 3, 3
	if meta := c.Objective; meta.Name == "metamae" {
		steps := max(meta.InnerSteps, 1)
		if meta.FirstOrder {
			linear, attention = linear+2*steps, attention+3*steps
		} else {
			linear, attention = linear+6*steps, attention+9*steps
		}
	}
	batch, length, seen := c.Batch, c.Tokens(), c.Keep()+1
	wide, narrow := c.Encoder.Width, c.Decoder.Width
	encLinear, encAttention := blockFLOPs(c.Encoder, seen)
	decLinear, decAttention := blockFLOPs(c.Decoder, length+1)

	total := 3 * batch * (encLinear + encAttention)
	total += batch * (linear*decLinear + attention*decAttention)
	total += linear * 2 * batch * seen * wide * narrow // decoder_embed
	if c.Input.Kind == "tokens" {
		total += linear * 2 * batch * length * (narrow*wide + wide*c.Input.Shape[0]) // head, then the embedding table
	} else {
		values := c.Input.Shape[0]
		for _, p := range c.Input.Patch {
			values *= p
		}
		total += linear * 2 * batch * length * narrow * values // head
		total += 2 * 2 * batch * length * values * wide        // patch_embed; its input has no gradient
	}
	if c.Objective.Name == "metamae" {
		total += 3 * 2 * 2 * batch * (wide*4*wide + 4*wide*128) // projector of both latents
		total += 3 * 2 * (2 * batch) * (2 * batch) * 128        // similarities
	}
	return float64(total)
}

// blockFLOPs is one forward pass of the blocks of a network over one example of rows rows:
// operations of its linear layers, and of its attention.
func blockFLOPs(n refcase.Net, rows int) (linear, attention int) {
	linear = n.Layers * 2 * rows * (4 + 2*n.MLPRatio) * n.Width * n.Width
	return linear, n.Layers * 2 * 2 * rows * rows * n.Width
}

// innerActivations is the size in bytes of what the decoder's blocks compute in the forward
// pass of one inner step: per row and layer 8 + 2 mlp_ratio values of the width (norms, qkv,
// heads, residuals, the MLP before and after its GELU) and the attention of every head.
func innerActivations(c *refcase.Case) float64 {
	rows, n := c.Tokens()+1, c.Decoder
	return 4 * float64(c.Batch*rows*n.Layers) * float64((8+2*n.MLPRatio)*n.Width+n.Heads*rows)
}
