package loop

import "fmt"

// Verify checks that instructions are well formed and that every register is
// set before it is used.
func Verify(k *Kernel) error {
	c := &verifier{k: k, v: map[V]bool{}, p: map[P]bool{}, n: map[N]bool{}}
	if err := c.block(k.Body); err != nil {
		return fmt.Errorf("kernel %s: %w", k.Name, err)
	}
	return nil
}

type verifier struct {
	k *Kernel
	v map[V]bool
	p map[P]bool
	n map[N]bool
}

func (c *verifier) block(body []Stmt) error {
	for _, s := range body {
		var err error
		switch s := s.(type) {
		case *Instr:
			err = c.instr(s)
		case *Scalar:
			err = c.scalar(s)
		case *Loop:
			err = c.loop(s)
		case *If:
			err = c.branch(s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *verifier) loop(s *Loop) error {
	if s.Step <= 0 || !s.Down && (s.Limit < s.Step || s.Limit%s.Step != 0) {
		return fmt.Errorf("loop %s: limit %d, step %d", s.Label, s.Limit, s.Step)
	}
	if s.Down && !c.n[s.N] {
		return fmt.Errorf("loop %s: n%d is not set", s.Label, s.N)
	}
	c.n[s.N] = true
	return c.block(s.Body)
}

func (c *verifier) branch(s *If) error {
	if !c.n[s.N] {
		return fmt.Errorf("if %s: n%d is not set", s.Label, s.N)
	}
	before := copySet(c.v)
	if err := c.block(s.Then); err != nil {
		return err
	}
	then := c.v
	c.v = before
	if err := c.block(s.Else); err != nil {
		return err
	}
	for v := range c.v {
		if !then[v] {
			delete(c.v, v)
		}
	}
	return nil
}

func copySet(m map[V]bool) map[V]bool {
	c := make(map[V]bool, len(m))
	for v := range m {
		c[v] = true
	}
	return c
}

func (c *verifier) scalar(s *Scalar) error {
	switch s.Op {
	case OpBase:
		if s.Value < 0 || s.Value >= len(c.k.Operands) {
			return fmt.Errorf("base of operand %d; there are %d", s.Value, len(c.k.Operands))
		}
		c.p[s.P] = true
	case OpMove:
		if !c.p[s.From] {
			return fmt.Errorf("p%d is not set", s.From)
		}
		c.p[s.P] = true
	case OpCount:
		if s.Value < 0 || s.Value >= len(c.k.Counts) {
			return fmt.Errorf("count %d; there are %d", s.Value, len(c.k.Counts))
		}
		c.n[s.N] = true
	default:
		return fmt.Errorf("unknown instruction %s", s.Op)
	}
	return nil
}

// vectorArgs is the number of arguments of the instructions that are not
// elementwise.
var vectorArgs = map[Op]int{
	OpLoad: 0, OpBcast: 0, OpStore: 1, OpPrefetch: 0, OpHSum: 1, OpHMax: 1, OpIota: 1, OpTail: 2, OpTranspose: 0, OpFMALane: 3,
}

func (c *verifier) instr(s *Instr) error {
	want, _, ok := Elementwise(s.Op)
	if !ok {
		if want, ok = vectorArgs[s.Op]; !ok {
			return fmt.Errorf("unknown instruction %s", s.Op)
		}
	}
	if len(s.Args) != want {
		return fmt.Errorf("%s has %d arguments instead of %d", s.Op, len(s.Args), want)
	}
	if s.Lanes < 0 || s.Lanes >= c.k.Lanes && s.Lanes > 0 {
		return fmt.Errorf("%s: %d of %d lanes", s.Op, s.Lanes, c.k.Lanes)
	}
	if s.Lane < 0 || s.Lane >= c.k.Lanes || s.Lane > 0 && s.Op != OpFMALane {
		return fmt.Errorf("%s: lane %d of %d", s.Op, s.Lane, c.k.Lanes)
	}
	if s.Half && (s.Op != OpLoad && s.Op != OpStore || s.Stride != 1 || s.Int) {
		return fmt.Errorf("%s: only loads and stores of stride 1 take bf16", s.Op)
	}
	if s.Op == OpTranspose && len(s.Block) != c.k.Lanes {
		return fmt.Errorf("transpose of %d registers instead of %d", len(s.Block), c.k.Lanes)
	}
	for _, v := range s.reads() {
		if !c.v[v] {
			return fmt.Errorf("%s: v%d is not set", s.Op, v)
		}
	}
	if usesMem(s.Op) {
		if !c.p[s.Mem.P] {
			return fmt.Errorf("%s: p%d is not set", s.Op, s.Mem.P)
		}
		if s.Mem.Index != NoIndex && !c.n[s.Mem.Index] {
			return fmt.Errorf("%s: n%d is not set", s.Op, s.Mem.Index)
		}
	}
	for _, v := range s.writes() {
		c.v[v] = true
	}
	return nil
}
