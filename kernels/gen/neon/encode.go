package neon

import "fmt"

// form says which operands an instruction has, and how they are written.
type form int

const (
	three   form = iota // d = n op m, lane by lane
	two                 // d = op n
	zero                // d = n op 0.0
	widen               // d = the lower 4 halves of n, in the upper halves of lanes
	element             // d = d op n times a lane of m
	address             // d at address n + m, which are general registers
)

// encoding is an instruction on 4 lanes of f32 that Go's assembler does not know.
type encoding struct {
	word uint32 // without registers
	form form
}

// encodings lists these instructions under the names that GNU as has for them.
var encodings = map[string]encoding{
	"fadd":   {0x4e20d400, three},
	"fsub":   {0x4ea0d400, three},
	"fmul":   {0x6e20dc00, three},
	"fdiv":   {0x6e20fc00, three},
	"fmax":   {0x4e20f400, three},
	"fmin":   {0x4ea0f400, three},
	"fcmgt":  {0x6ea0e400, three},
	"fcmge":  {0x6e20e400, three},
	"fcmeq":  {0x4e20e400, three},
	"facgt":  {0x6ea0ec00, three},
	"bic":    {0x4e601c00, three},
	"fabs":   {0x4ea0f800, two},
	"fneg":   {0x6ea0f800, two},
	"fsqrt":  {0x6ea1f800, two},
	"frintn": {0x4e218800, two},
	"frintm": {0x4e219800, two},
	"frintz": {0x4ea19800, two},
	"scvtf":  {0x4e21d800, two},
	"fcvtzs": {0x4ea1b800, two},
	"fcmeq0": {0x4ea0d800, zero},
	"shll":   {0x2e613800, widen},
	"fmla":   {0x4f801000, element},
	"ldr":    {0x3ce06800, address},
	"str":    {0x3ca06800, address},
}

// encode returns an instruction's word and its text for GNU as. Registers are numbers below 32; m and
// lane are 0 where the form has none.
func encode(name string, d, n, m, lane int) (word uint32, text string) {
	e, ok := encodings[name]
	if !ok {
		panic("no encoding of " + name)
	}
	word = e.word | uint32(m)<<16 | uint32(n)<<5 | uint32(d)
	switch e.form {
	case three:
		arrangement := "4s"
		if name == "bic" {
			arrangement = "16b"
		}
		text = fmt.Sprintf("%s v%d.%[3]s, v%[4]d.%[3]s, v%[5]d.%[3]s", name, d, arrangement, n, m)
	case two:
		text = fmt.Sprintf("%s v%d.4s, v%d.4s", name, d, n)
	case zero:
		text = fmt.Sprintf("fcmeq v%d.4s, v%d.4s, #0.0", d, n)
	case widen:
		text = fmt.Sprintf("%s v%d.4s, v%d.4h, #16", name, d, n)
	case element:
		word |= uint32(lane&1)<<21 | uint32(lane>>1)<<11
		text = fmt.Sprintf("%s v%d.4s, v%d.4s, v%d.s[%d]", name, d, n, m, lane)
	case address:
		text = fmt.Sprintf("%s q%d, [x%d, x%d]", name, d, n, m)
	}
	return word, text
}
