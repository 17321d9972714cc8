// Package elab elaborates a checked syntax tree into tensor IR: it runs the program with
// static shapes, so that loops, conditions and functions vanish and only tensor operations
// are left.
package elab

import (
	"fmt"
	"strconv"
	"strings"

	"mspecc/ir"
	"mspecc/spec"
)

// value is what an expression can be at compile time:
//
//	int, float64, bool, string   constants
//	*ir.Value                    a tensor
//	list                         a list of values
//	*function, *builtin          something to call
//	*instance                    a modality: a kind with its arguments
//	*kindOf                      a kind, which a call makes an instance of
//	initial                      how a parameter is initialised
//	poison                       the result of something that failed and was reported
type value any

type list []value

// function is a function of the spec with the scope it was declared in.
type function struct {
	decl   *spec.Func
	env    *scope
	labels []label   // of the modality that it was taken from
	of     *instance // that modality; nil: it is called by name
}

// instance is a kind with its arguments: what a model sees as its modality.
type instance struct {
	env    *scope
	kind   *spec.Kind
	labels []label // parameters of its functions are named below
}

// kindOf is a kind with the file that declares it.
type kindOf struct {
	decl *spec.Kind
	from *source
}

// initial is an initialisation; fans that are 0 follow from the parameter's shape.
type initial struct {
	ir.Init
	fanIn bool // uniform within +-1/sqrt(fan in)
}

type poison struct{}

// describe names a value's type for messages.
func describe(v value) string {
	switch v := v.(type) {
	case int:
		return "the whole number " + strconv.Itoa(v)
	case float64:
		return "the number " + text(v)
	case bool:
		return text(v)
	case string:
		return "the string " + strconv.Quote(v)
	case *ir.Value:
		return "a tensor " + v.Type.String()
	case list:
		return fmt.Sprintf("a list of %d", len(v))
	case *function, *builtin:
		return "a function"
	case *instance:
		return "a modality"
	case *kindOf:
		return "a kind"
	case initial:
		return "an initialisation"
	}
	return "nothing"
}

// text writes a constant as in a spec.
func text(v value) string {
	switch v := v.(type) {
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case list:
		parts := make([]string, len(v))
		for i, x := range v {
			parts[i] = text(x)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case *ir.Value:
		return v.Type.String()
	case int, bool, string:
		return fmt.Sprint(v)
	}
	return describe(v)
}

// number gives a constant as float64.
func number(v value) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// variable is a name with its value.
type variable struct {
	val     value
	pos     spec.Pos
	setting *Setting // not nil for a setting of the model
}

// scope maps names to values; an unknown name is looked up in the parent, a file's names
// last.
type scope struct {
	vars   map[string]*variable
	parent *scope
	file   *source
}

func newScope(parent *scope) *scope {
	return &scope{vars: map[string]*variable{}, parent: parent, file: parent.file}
}

func (s *scope) find(name string) *variable {
	for t := s; t != nil; t = t.parent {
		if v, ok := t.vars[name]; ok {
			return v
		}
	}
	return nil
}

func (s *scope) set(name string, v value, pos spec.Pos) {
	s.vars[name] = &variable{val: v, pos: pos}
}

// names lists every variable that can be seen.
func (s *scope) names() []string {
	var out []string
	for t := s; t != nil; t = t.parent {
		for n := range t.vars {
			out = append(out, n)
		}
	}
	return out
}
