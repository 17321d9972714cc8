package avx512

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"mspecc/ir/loop"
)

// Neither avo nor Go's assembler knows the instructions of AVX512_BF16. They go through avo
// as instructions with virtual registers; when registers are allocated, Encode writes them
// as bytes.

// bf16Opcodes are the instructions of the form EVEX.512.<pp>.0F38.W0 <op> /r.
var bf16Opcodes = map[string]struct{ pp, op byte }{
	dot:             {2, 0x52}, // dst += the products of the halves of both sources
	"VCVTNEPS2BF16": {2, 0x72}, // dst (256 bits) = src rounded
}

// Dot emits the sum of products of pairs, dst += x y.
func Dot(c *build.Context, x, y, dst operand.Op) { bf16(c, dot, []operand.Op{y, x}, dst) }

const dot = "VDPBF16PS"

// bf16 emits an instruction. Sources are in the order of Go's assembler; VDPBF16PS also reads
// dst.
func bf16(c *build.Context, opcode string, src []operand.Op, dst operand.Op) {
	in := src
	if opcode == dot {
		in = append(in, dst)
	}
	c.Instruction(&ir.Instruction{Opcode: opcode, ISA: []string{"AVX512BF16"},
		Operands: append(src[:len(src):len(src)], dst), Inputs: in, Outputs: []operand.Op{dst}})
}

// dot adds to the destination; an addend that lies elsewhere is moved there first.
func (e *vectors) dot(s *loop.Instr) {
	d, x, y := e.V(s.Dst), e.In(s.Args[0]), e.In(s.Args[1])
	if z := s.Args[2]; z.Const || z.V != s.Dst {
		t := e.C.ZMM() // x and y may be the destination
		e.C.VMOVAPS(e.In(z), t)
		Dot(e.C, x, y, t)
		e.C.VMOVAPS(t, d)
		return
	}
	Dot(e.C, x, y, d)
}

// Encode replaces the instructions by their bytes, with the text in a comment.
func Encode(f *ir.File) error {
	for _, fn := range f.Functions() {
		for _, n := range fn.Nodes {
			i, ok := n.(*ir.Instruction)
			if !ok {
				continue
			}
			code, ok := bf16Opcodes[i.Opcode]
			if !ok {
				continue
			}
			var id []byte
			var text []string
			for _, o := range i.Operands {
				r, ok := o.(reg.Physical)
				if !ok {
					return fmt.Errorf("%s: %v is no register", i.Opcode, o)
				}
				id, text = append(id, byte(r.PhysicalIndex())), append(text, o.Asm())
			}
			if len(id) == 2 { // no second source: vvvv is 1111
				id = []byte{id[0], 0, id[1]}
			}
			b := evex(code.pp, code.op, id[0], id[1], id[2])
			i.Opcode = fmt.Sprintf("LONG $0x%08x; WORD $0x%04x // %s %s", binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint16(b[4:]), i.Opcode, strings.Join(text, ", "))
			i.Operands, i.Inputs, i.Outputs = nil, nil, nil
		}
	}
	return nil
}

// evex encodes registers: rm is the last source, v the one before it, r the destination
// (Intel SDM volume 2, section 2.7).
func evex(pp, op, rm, v, r byte) []byte {
	inv := func(bit byte) byte { return bit&1 ^ 1 }
	return []byte{
		0x62,
		inv(r>>3)<<7 | inv(rm>>4)<<6 | inv(rm>>3)<<5 | inv(r>>4)<<4 | 2, // R X B R', map 0F38
		(^v&15)<<3 | 1<<2 | pp, // W0
		2<<5 | inv(v>>4)<<3,    // 512 bits, no mask
		op,
		0xc0 | r&7<<3 | rm&7,
	}
}
