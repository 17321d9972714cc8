package portable

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"

	"mspecc/ir/loop"
)

type printer struct {
	text    strings.Builder
	helpers map[string]bool
}

func (p *printer) linef(format string, args ...any) {
	fmt.Fprintf(&p.text, format+"\n", args...)
}

func (p *printer) kernel(k *loop.Kernel) error {
	if k.Lanes != 1 {
		return fmt.Errorf("it was lowered for %d lanes; portable code has one", k.Lanes)
	}
	if err := loop.Verify(k); err != nil {
		return err
	}
	p.linef("")
	for i, d := range k.Doc {
		if i == 0 {
			d = k.Name + " computes " + d
		}
		p.linef("// %s", d)
	}
	p.linef("func %s(a *runtime.Args) {\nm := a.Mem", k.Name)
	r := registers{map[string]bool{}, map[string]bool{}}
	r.block(k.Body)
	r.declare(p, "v", "float32")
	r.declare(p, "p", "int")
	r.declare(p, "n", "int")
	if err := p.block(k.Body); err != nil {
		return err
	}
	if unread := r.unread(); len(unread) > 0 {
		p.linef("%s = %s", strings.Repeat(", _", len(unread))[2:], strings.Join(unread, ", "))
	}
	p.linef("}")
	return nil
}

// registers collects the names a kernel sets and those it reads; Go refuses
// variables that are never read.
type registers struct{ set, read map[string]bool }

func (r registers) block(body []loop.Stmt) {
	for _, s := range body {
		switch s := s.(type) {
		case *loop.Instr:
			for _, a := range s.Args {
				if !a.Const {
					r.read[vec(a.V)] = true
				}
			}
			if s.Op == loop.OpPrefetch {
				continue
			}
			if s.Op.HasResult() {
				r.set[vec(s.Dst)] = true
			}
			switch s.Op {
			case loop.OpLoad, loop.OpBcast, loop.OpStore:
				r.read[ptr(s.Mem.P)] = true
			}
		case *loop.Scalar:
			if s.Op == loop.OpCount {
				r.set[cnt(s.N)] = true
				break
			}
			r.set[ptr(s.P)] = true
			if s.Op == loop.OpMove && s.P != s.From {
				r.read[ptr(s.From)] = true
			}
		case *loop.Loop:
			r.set[cnt(s.N)], r.read[cnt(s.N)] = true, true
			r.block(s.Body)
		case *loop.If:
			r.read[cnt(s.N)] = true
			r.block(s.Then)
			r.block(s.Else)
		}
	}
}

// names lists the members of a set whose name starts with class, v2 before
// v10.
func names(set map[string]bool, class string) []string {
	var list []string
	for n := range set {
		if strings.HasPrefix(n, class) {
			list = append(list, n)
		}
	}
	sort.Slice(list, func(i, j int) bool {
		if len(list[i]) != len(list[j]) {
			return len(list[i]) < len(list[j])
		}
		return list[i] < list[j]
	})
	return list
}

func (r registers) declare(p *printer, class, typ string) {
	if list := names(r.set, class); len(list) > 0 {
		p.linef("var %s %s", strings.Join(list, ", "), typ)
	}
}

func (r registers) unread() []string {
	var list []string
	for _, n := range names(r.set, "") {
		if !r.read[n] {
			list = append(list, n)
		}
	}
	return list
}

func vec(v loop.V) string { return "v" + strconv.Itoa(int(v)) }
func ptr(p loop.P) string { return "p" + strconv.Itoa(int(p)) }
func cnt(n loop.N) string { return "n" + strconv.Itoa(int(n)) }

func (p *printer) block(body []loop.Stmt) error {
	for _, s := range body {
		var err error
		switch s := s.(type) {
		case *loop.Comment:
			p.linef("// %s", s.Text)
		case *loop.Scalar:
			p.scalar(s)
		case *loop.Instr:
			err = p.instr(s)
		case *loop.Loop:
			n := cnt(s.N)
			if s.Down {
				p.linef("for ; %s >= %d; %s -= %d { // %s", n, s.Step, n, s.Step, s.Label)
			} else {
				p.linef("for %s = 0; %s < %d; %s += %d { // %s", n, n, s.Limit, n, s.Step, s.Label)
			}
			err = p.block(s.Body)
			p.linef("}")
		case *loop.If:
			err = p.branch(s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *printer) branch(s *loop.If) error {
	p.linef("if %s == %d { // %s", cnt(s.N), s.Equal, s.Label)
	if err := p.block(s.Then); err != nil {
		return err
	}
	if len(s.Else) > 0 {
		p.linef("} else {")
		if err := p.block(s.Else); err != nil {
			return err
		}
	}
	p.linef("}")
	return nil
}

func (p *printer) scalar(s *loop.Scalar) {
	switch {
	case s.Op == loop.OpCount && s.Less != 0:
		p.linef("%s = a.N[%d] - %d", cnt(s.N), s.Value, s.Less)
	case s.Op == loop.OpCount:
		p.linef("%s = a.N[%d]", cnt(s.N), s.Value)
	case s.Op == loop.OpBase:
		p.linef("%s = a.Off[%d]", ptr(s.P), s.Value)
	case s.P == s.From:
		p.linef("%s += %d", ptr(s.P), s.Value)
	case s.Value == 0:
		p.linef("%s = %s", ptr(s.P), ptr(s.From))
	default:
		p.linef("%s = %s + %d", ptr(s.P), ptr(s.From), s.Value)
	}
}

func element(m loop.Mem) string {
	s := "m[" + ptr(m.P)
	if m.Index != loop.NoIndex {
		s += "+" + cnt(m.Index)
	}
	if m.Off != 0 {
		s += fmt.Sprintf("%+d", m.Off)
	}
	return s + "]"
}

// formats are the Go forms of the instructions that are one expression. A
// conversion keeps the compiler from fusing a product with a sum, as it would on some processors
// and with some settings: the same kernel gives the same bits on all of them.
var formats = map[loop.Op]string{
	loop.OpMov: "%s", loop.OpIota: "%s", loop.OpHSum: "%s", loop.OpHMax: "%s",
	loop.OpAdd: "%s + %s", loop.OpSub: "%s - %s", loop.OpMul: "float32(%s * %s)", loop.OpDiv: "float32(%s / %s)", // by a power of two it is a product
	loop.OpFMA: "float32(%s*%s) + %s", loop.OpFNMA: "%[4]s - float32(%[2]s*%[3]s)", loop.OpFMS: "float32(%s*%s) - %s",
	loop.OpSqrt:  "float32(math.Sqrt(float64(%s)))",
	loop.OpFloor: "float32(math.Floor(float64(%s)))",
	loop.OpRound: "float32(math.RoundToEven(float64(%s)))",
	loop.OpTrunc: "float32(math.Trunc(float64(%s)))",
}

// calls are the instructions that are a helper function.
var calls = map[loop.Op]string{
	loop.OpNeg: "negate", loop.OpAbs: "magnitude", loop.OpCopySign: "copySign",
	loop.OpGetExp: "exponent", loop.OpGetMant: "mantissa", loop.OpScale: "scale",
	loop.OpDot: "dot", loop.OpPair: "pair", loop.OpFused: "fused",
}

var comparisons = map[loop.Op]string{
	loop.OpSelLt: "<", loop.OpSelLe: "<=", loop.OpSelEq: "==", loop.OpSelNe: "!=",
	loop.OpMax: ">", loop.OpMin: "<",
}

func (p *printer) instr(s *loop.Instr) error {
	args := make([]string, len(s.Args))
	for i, a := range s.Args {
		args[i] = value(a)
	}
	d := vec(s.Dst)
	if c, ok := comparisons[s.Op]; ok {
		if len(args) == 2 {
			args = append(args, args...)
		}
		p.choose(fmt.Sprintf("%s %s %s", args[0], c, args[1]), d, args[2], args[3])
		return nil
	}
	if h, ok := calls[s.Op]; ok {
		p.helpers[h] = true
		p.linef("%s = %s(%s)", d, h, strings.Join(args, ", "))
		return nil
	}
	if s.Op == loop.OpMov && args[0] == d {
		return nil
	}
	if f, ok := formats[s.Op]; ok {
		list := make([]any, len(args))
		for i := range args {
			list[i] = args[i]
		}
		p.linef("%[1]s = "+f, append([]any{d}, list...)...)
		return nil
	}
	return p.memory(s, d, args)
}

// choose sets d to x where the condition holds and to y elsewhere.
func (p *printer) choose(condition, d, x, y string) {
	if x == y { // also where both are d already
		if x != d {
			p.linef("%s = %s", d, x)
		}
		return
	}
	switch d {
	case x:
		p.linef("if !(%s) {\n%s = %s\n}", condition, d, y)
	case y:
		p.linef("if %s {\n%s = %s\n}", condition, d, x)
	default:
		p.linef("if %s {\n%s = %s\n} else {\n%s = %s\n}", condition, d, x, d, y)
	}
}

func (p *printer) memory(s *loop.Instr, d string, args []string) error {
	if s.Half {
		at := "2*" + ptr(s.Mem.P)
		if s.Mem.Index != loop.NoIndex {
			at += "+" + cnt(s.Mem.Index)
		}
		if s.Mem.Off != 0 {
			at += fmt.Sprintf("%+d", s.Mem.Off)
		}
		if s.Op == loop.OpLoad {
			p.helpers["loadHalf"] = true
			p.linef("%s = loadHalf(m, %s)", d, at)
		} else {
			p.helpers["storeHalf"] = true
			p.linef("storeHalf(m, %s, %s)", at, args[0])
		}
		return nil
	}
	switch s.Op {
	case loop.OpLoad, loop.OpBcast:
		if s.Int {
			p.linef("%s = float32(int32(math.Float32bits(%s)))", d, element(s.Mem))
		} else {
			p.linef("%s = %s", d, element(s.Mem))
		}
	case loop.OpStore:
		if s.Int {
			p.helpers["integer"] = true
			p.linef("%s = math.Float32frombits(integer(%s))", element(s.Mem), args[0])
		} else {
			p.linef("%s = %s", element(s.Mem), args[0])
		}
	case loop.OpTranspose, loop.OpPrefetch: // of one element; nothing that Go could say
	default:
		return fmt.Errorf("portable code has no instruction %s", s.Op)
	}
	return nil
}

// value prints an argument; constants are float32 exactly.
func value(a loop.Arg) string {
	if !a.Const {
		return vec(a.V)
	}
	x := float64(a.Imm)
	switch {
	case math.IsNaN(x):
		return "float32(math.NaN())"
	case math.IsInf(x, 0):
		return fmt.Sprintf("float32(math.Inf(%d))", int(math.Copysign(1, x)))
	case x == 0 && math.Signbit(x):
		return "float32(math.Copysign(0, -1))"
	}
	s := strconv.FormatFloat(x, 'g', -1, 32)
	if x < 0 {
		return "(" + s + ")"
	}
	return s
}
