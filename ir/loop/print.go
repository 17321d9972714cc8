package loop

import (
	"fmt"
	"strconv"
	"strings"
)

// String is the text form of a kernel; Parse reads it back.
//
//	kernel scale lanes 16
//	operands "x" "y"
//	counts "rows"
//	// y = 2 x
//	p0 = base 0
//	p1 = base 1
//	n0 = count 0
//	loop row down n0 step 1 {
//		v0 = load [p0 + 32] lanes 5
//		v0 = mul v0, 2
//		store v0, [p1] lanes 5
//		p0 = move p0 + 16
//	}
func (k *Kernel) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "kernel %s lanes %d", k.Name, k.Lanes)
	if k.Scratch > 0 {
		fmt.Fprintf(&b, " scratch %d", k.Scratch)
	}
	b.WriteString("\noperands" + quoted(k.Operands) + "\ncounts" + quoted(k.Counts) + "\n")
	for _, d := range k.Doc {
		b.WriteString("// " + d + "\n")
	}
	printBlock(&b, k.Body, "")
	return b.String()
}

func quoted(names []string) string {
	var b strings.Builder
	for _, n := range names {
		b.WriteString(" " + strconv.Quote(n))
	}
	return b.String()
}

func printBlock(b *strings.Builder, body []Stmt, indent string) {
	for _, s := range body {
		b.WriteString(indent)
		switch s := s.(type) {
		case *Comment:
			fmt.Fprintf(b, "# %s\n", s.Text)
		case *Scalar:
			b.WriteString(s.String() + "\n")
		case *Instr:
			b.WriteString(s.String() + "\n")
		case *Loop:
			if s.Down {
				fmt.Fprintf(b, "loop %s down n%d step %d {\n", s.Label, s.N, s.Step)
			} else {
				fmt.Fprintf(b, "loop %s up n%d limit %d step %d {\n", s.Label, s.N, s.Limit, s.Step)
			}
			printBlock(b, s.Body, indent+"\t")
			b.WriteString(indent + "}\n")
		case *If:
			fmt.Fprintf(b, "if %s n%d == %d {\n", s.Label, s.N, s.Equal)
			printBlock(b, s.Then, indent+"\t")
			if len(s.Else) > 0 {
				b.WriteString(indent + "} else {\n")
				printBlock(b, s.Else, indent+"\t")
			}
			b.WriteString(indent + "}\n")
		}
	}
}

// String is one line of the text form.
func (s *Scalar) String() string {
	switch s.Op {
	case OpMove:
		return fmt.Sprintf("p%d = move p%d + %d", s.P, s.From, s.Value)
	case OpCount:
		if s.Less != 0 {
			return fmt.Sprintf("n%d = count %d - %d", s.N, s.Value, s.Less)
		}
		return fmt.Sprintf("n%d = count %d", s.N, s.Value)
	}
	return fmt.Sprintf("p%d = %s %d", s.P, s.Op, s.Value)
}

// String is one line of the text form.
func (s *Instr) String() string {
	var b strings.Builder
	if s.Op.HasResult() {
		fmt.Fprintf(&b, "v%d = ", s.Dst)
	}
	b.WriteString(string(s.Op))
	sep := " "
	for _, a := range s.Args {
		b.WriteString(sep + a.String())
		sep = ", "
	}
	for _, v := range s.Block {
		fmt.Fprintf(&b, "%sv%d", sep, v)
		sep = ", "
	}
	if usesMem(s.Op) {
		b.WriteString(sep + s.Mem.String())
		if s.Stride != 1 && (s.Op == OpLoad || s.Op == OpStore) {
			fmt.Fprintf(&b, " stride %d", s.Stride)
		}
	}
	if s.Int {
		b.WriteString(" i32")
	}
	if s.Half {
		b.WriteString(" bf16")
	}
	if s.Lanes > 0 {
		fmt.Fprintf(&b, " lanes %d", s.Lanes)
	}
	if s.Op == OpFMALane {
		fmt.Fprintf(&b, " lane %d", s.Lane)
	}
	return b.String()
}

// String is the register or the constant.
func (a Arg) String() string {
	if a.Const {
		return strconv.FormatFloat(float64(a.Imm), 'g', -1, 32)
	}
	return fmt.Sprintf("v%d", a.V)
}

// String is the address in brackets.
func (m Mem) String() string {
	s := fmt.Sprintf("[p%d", m.P)
	if m.Index != NoIndex {
		s += fmt.Sprintf(" + n%d", m.Index)
	}
	if m.Off != 0 {
		s += fmt.Sprintf(" + %d", m.Off)
	}
	return s + "]"
}
