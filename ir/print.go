package ir

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The text form. One value a line, then the outputs:
//
//	%0: f32[4,8] = param {name: "encoder.0.w", init: "normal", a: 0, b: 0.02}
//	%7: f32[4] = sum %3 {axes: [1]}  // metamae.mspec:42:5 encoder.0 backward
//	output "loss" = %7
//
// The comment is position, label and phase, each left out where it says nothing. Parse
// reads this form back.

// field is one attribute in the text form. Exactly one of the pointers is set.
type field struct {
	key   string
	ints  *[]int
	int   *int
	float *float64
	text  *string
	table *[]float64
}

// fields lists the attributes that an operation uses, in the order they are printed.
func fields(op Op, a *Attr) []field {
	switch op {
	case OpConst:
		return []field{{key: "value", float: &a.Const}}
	case OpTable:
		return []field{{key: "values", table: &a.Table}}
	case OpParam:
		return []field{{key: "name", text: &a.Name}, {key: "init", text: &a.Init.Kind}, {key: "a", float: &a.Init.A},
			{key: "b", float: &a.Init.B}, {key: "fan_in", int: &a.Init.FanIn}, {key: "fan_out", int: &a.Init.FanOut}}
	case OpInput, OpUniform:
		return []field{{key: "name", text: &a.Name}}
	case OpIota, OpConcat:
		return []field{{key: "axis", int: &a.Axis}}
	case OpSum, OpMax:
		return []field{{key: "axes", ints: &a.Axes}}
	case OpTranspose:
		return []field{{key: "perm", ints: &a.Axes}}
	case OpSlice, OpPad:
		return []field{{key: "lo", ints: &a.Lo}, {key: "hi", ints: &a.Hi}, {key: "step", ints: &a.Step}}
	case OpGather:
		return []field{{key: "batch", int: &a.Batch}}
	case OpScatterAdd:
		return []field{{key: "batch", int: &a.Batch}, {key: "rows", int: &a.Rows}}
	}
	return nil
}

// optional fields are left out at their zero value.
func (f *field) optional() bool {
	switch f.key {
	case "init", "a", "b", "fan_in", "fan_out":
		return true
	}
	return false
}

// write prints the field's value; a table of more than limit elements is cut short.
func (f *field) write(s *strings.Builder, limit int) {
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	switch {
	case f.ints != nil:
		s.WriteString(strings.ReplaceAll(fmt.Sprint(*f.ints), " ", ", "))
	case f.int != nil:
		s.WriteString(strconv.Itoa(*f.int))
	case f.float != nil:
		s.WriteString(number(*f.float))
	case f.text != nil:
		s.WriteString(strconv.Quote(*f.text))
	default:
		s.WriteByte('[')
		for i, x := range *f.table {
			if i > 0 {
				s.WriteString(", ")
			}
			if i >= limit {
				fmt.Fprintf(s, "... %d more", len(*f.table)-i)
				break
			}
			s.WriteString(number(x))
		}
		s.WriteByte(']')
	}
}

func (f *field) zero() bool {
	switch {
	case f.int != nil:
		return *f.int == 0
	case f.float != nil:
		return *f.float == 0
	case f.text != nil:
		return *f.text == ""
	}
	return false
}

// String is the value's line in the text form, with long tables cut short.
func (v *Value) String() string { return v.Expr(8) + v.comment() }

// Expr is the value's line without position, label and phase; tables of more than limit
// elements are cut short.
func (v *Value) Expr(limit int) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%%%d: %s = %s", v.ID, v.Type, v.Op)
	for _, a := range v.Args {
		fmt.Fprintf(&s, " %%%d", a.ID)
	}
	attr := v.Attr // fields points into it
	sep := " {"
	for _, f := range fields(v.Op, &attr) {
		if f.optional() && f.zero() {
			continue
		}
		s.WriteString(sep + f.key + ": ")
		f.write(&s, limit)
		sep = ", "
	}
	if sep == ", " {
		s.WriteByte('}')
	}
	return s.String()
}

func (v *Value) comment() string {
	s := ""
	if v.Pos.Line > 0 {
		file := v.Pos.File
		if quoted := strconv.Quote(file); quoted != `"`+file+`"` { // would end the line, or is no text
			file = quoted
		}
		s += fmt.Sprintf(" %s:%d:%d", file, v.Pos.Line, v.Pos.Col)
	}
	if l := v.Label; l != "" {
		if strings.ContainsAny(l, " \":\\\n\t\r") { // would be taken for something else
			l = strconv.Quote(l)
		}
		s += " " + l
	}
	if v.Phase != Forward || s != "" {
		s += " " + v.Phase.String()
	}
	if s == "" {
		return ""
	}
	return "  //" + s
}

// Print writes what the outputs need, in full, so that Parse gives the program back.
func Print(w io.Writer, p *Program) error { return p.write(w, int(^uint(0)>>1)) }

// Dump is Print with long tables cut short, for reading.
func Dump(w io.Writer, p *Program) error { return p.write(w, 8) }

// String is the program in full, as Print writes it.
func (p *Program) String() string {
	var s strings.Builder
	_ = Print(&s, p) // a strings.Builder takes everything
	return s.String()
}

func (p *Program) write(w io.Writer, limit int) error {
	out := bufio.NewWriter(w)
	for _, v := range p.Live() {
		fmt.Fprintf(out, "%s%s\n", v.Expr(limit), v.comment())
	}
	for _, o := range p.Outputs {
		fmt.Fprintf(out, "output %q = %%%d\n", o.Name, o.Value.ID)
	}
	return out.Flush()
}
