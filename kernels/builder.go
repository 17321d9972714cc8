package kernels

import "mspecc/ir/loop"

// builder writes a kernel's loop IR; to what loop.Builder knows it adds the expansion of functions (expand.go).
type builder struct{ *loop.Builder }

func newBuilder(t loop.Machine, operands, counts []string) *builder {
	return &builder{loop.NewBuilder(t, operands, counts)}
}
