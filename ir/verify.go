package ir

import (
	"errors"
	"fmt"
	"math"
	"reflect"
)

// Verify checks all that the compiler relies on: values are numbered in topological order
// and belong to the program's builder, types follow from the arguments, attributes are
// those the operation uses, names are unique. The error names the first value that does
// not hold.
func Verify(p *Program) error {
	names := map[string]*Value{}
	for i, v := range p.B.vals {
		if err := verifyValue(p.B, i, v); err != nil {
			return fmt.Errorf("%s: %w", v, err)
		}
		if n := v.Attr.Name; n != "" {
			key := v.Op.String() + " " + n
			if names[key] != nil {
				return fmt.Errorf("%s: %%%d is the %s too", v, names[key].ID, key)
			}
			names[key] = v
		}
	}
	seen := map[string]bool{}
	for _, o := range p.Outputs {
		switch {
		case o.Value == nil || !p.B.owns(o.Value):
			return fmt.Errorf("output %q is not a value of this graph", o.Name)
		case o.Name == "" || seen[o.Name]:
			return fmt.Errorf("output %q = %%%d: output names must be unique and not empty", o.Name, o.Value.ID)
		}
		seen[o.Name] = true
	}
	return nil
}

func (b *Builder) owns(v *Value) bool { return v.ID >= 0 && v.ID < len(b.vals) && b.vals[v.ID] == v }

func verifyValue(b *Builder, i int, v *Value) error {
	if v.ID != i {
		return fmt.Errorf("stands at place %d", i)
	}
	if v.Phase >= Phases {
		return fmt.Errorf("phase %d does not exist", v.Phase)
	}
	for _, a := range v.Args {
		if !b.owns(a) || a.ID >= i {
			return fmt.Errorf("argument %%%d is not an earlier value of this graph", a.ID)
		}
	}
	attr := v.Attr
	t, err := typeOf(v.Op, v.Type, &attr, v.Args)
	if err != nil {
		return err
	}
	if !t.Equal(v.Type) {
		return fmt.Errorf("the arguments give %s", t)
	}
	// What the operation does not use must be unset, or equal values would differ.
	for _, f := range fields(v.Op, &attr) {
		f.clear()
	}
	if !reflect.DeepEqual(attr, Attr{}) {
		return fmt.Errorf("attributes that %s does not use: %+v", v.Op, attr)
	}
	return nil
}

func (f *field) clear() {
	switch {
	case f.ints != nil:
		*f.ints = nil
	case f.int != nil:
		*f.int = 0
	case f.float != nil:
		*f.float = 0
	case f.text != nil:
		*f.text = ""
	default:
		*f.table = nil
	}
}

// typeOf gives the type of an operation on args. Leaves, reshape and broadcast choose
// their type; for them t is that choice, and is checked.
func typeOf(op Op, t Type, attr *Attr, args []*Value) (Type, error) {
	if op == opInvalid || op >= opCount {
		return Type{}, errors.New("no such operation")
	}
	in := op.Info()
	if in.Args >= 0 && len(args) != in.Args {
		return Type{}, fmt.Errorf("%s takes %d arguments, not %d", in.Name, in.Args, len(args))
	}
	if in.infer != nil {
		u, err := in.infer(args, attr)
		if err == nil {
			err = checkShape(u)
		}
		return u, err
	}
	if err := checkShape(t); err != nil {
		return Type{}, err
	}
	return t, checkChosen(op, t, attr, args)
}

func checkShape(t Type) error {
	n := 1
	for _, d := range t.Shape {
		if d < 0 || d > 0 && n > math.MaxInt32*64/d {
			return fmt.Errorf("the shape of %s has a negative extent or too many elements", t)
		}
		n *= d
	}
	return nil
}

// checkChosen checks the type t that a leaf, reshape or broadcast has by itself.
func checkChosen(op Op, t Type, attr *Attr, args []*Value) error {
	switch op {
	case OpConst:
		if t.DType == I32 && attr.Const != math.Trunc(attr.Const) {
			return fmt.Errorf("%v is no integer", attr.Const)
		}
	case OpTable:
		if len(attr.Table) != t.Len() {
			return fmt.Errorf("%d elements for %s", len(attr.Table), t)
		}
	case OpIota:
		if t.DType != F32 || attr.Axis < 0 || attr.Axis >= len(t.Shape) {
			return fmt.Errorf("axis %d of %s", attr.Axis, t)
		}
	case OpInput, OpParam, OpUniform:
		if attr.Name == "" || op != OpInput && t.DType != F32 {
			return errors.New("needs a name, and f32 unless it is an input")
		}
	case OpReshape:
		if x := args[0].Type; x.DType != t.DType || x.Len() != t.Len() {
			return fmt.Errorf("%s does not reshape to %s", x, t)
		}
	case OpBroadcast:
		x := args[0].Type
		bad := x.DType != t.DType || len(x.Shape) != len(t.Shape)
		for i := 0; !bad && i < len(t.Shape); i++ {
			bad = x.Shape[i] != 1 && x.Shape[i] != t.Shape[i]
		}
		if bad {
			return fmt.Errorf("%s does not broadcast to %s with the same number of axes", x, t)
		}
	}
	return nil
}
