package spec

import (
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Dump writes the syntax tree, one node or field a line, indented. Places are written once
// per node as LINE:COL.
func Dump(w io.Writer, f *File) {
	fmt.Fprintf(w, "file %s\n", f.Name)
	dumpFields(w, reflect.ValueOf(f).Elem(), 1)
}

var rangeType = reflect.TypeFor[Range]()

func dumpFields(w io.Writer, v reflect.Value, depth int) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.Type == rangeType || field.Name == "Name" && field.Type.Kind() == reflect.String && depth == 1 {
			continue
		}
		dumpValue(w, strings.ToLower(field.Name), v.Field(i), depth)
	}
}

func dumpValue(w io.Writer, name string, v reflect.Value, depth int) {
	indent := strings.Repeat("  ", depth)
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if !v.IsNil() {
			dumpValue(w, name, v.Elem(), depth)
		}
	case reflect.Slice:
		for i := range v.Len() {
			dumpValue(w, name, v.Index(i), depth)
		}
	case reflect.Struct:
		if n, ok := v.Interface().(Name); ok {
			fmt.Fprintf(w, "%s%s %s\n", indent, name, n.Text)
			return
		}
		r := v.FieldByName("Range").Interface().(Range)
		fmt.Fprintf(w, "%s%s: %s @%d:%d\n", indent, name, strings.ToLower(v.Type().Name()), r.Pos.Line, r.Pos.Col)
		dumpFields(w, v, depth+1)
	default:
		if !v.IsZero() || v.Kind() == reflect.Float64 {
			fmt.Fprintf(w, "%s%s %v\n", indent, name, v.Interface())
		}
	}
}
