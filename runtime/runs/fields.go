package runs

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// Wrong is a value of run.json that cannot be used: it is not of its type, out of its bounds, or
// missing. The manifest has 0 in its place, or nothing.
type Wrong struct {
	Path string // such as options.keep
	Why  string // such as: is -3, expected at least 0
}

// String is one line.
func (w Wrong) String() string { return w.Path + " " + w.Why }

// Wrongs is a list of them on one line, which is not longer than people read.
func Wrongs(list []Wrong) string {
	const most = 5
	var parts []string
	for _, w := range list[:min(len(list), most)] {
		parts = append(parts, w.String())
	}
	if n := len(list) - most; n > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(parts, "; ")
}

// fields reads an object into a struct, field by field: what is wrong with one says nothing of the
// others. An option whose tag does not say omitempty must be there: 0 would be another choice. What the
// struct does not know, or lacks because an older trainer has written it, is passed over.
func fields(raw json.RawMessage, into reflect.Value, path string, wrong *[]Wrong) {
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &members); err != nil || members == nil {
		*wrong = append(*wrong, Wrong{strings.TrimSuffix(path, "."), "is " + excerpt(raw) + ", expected an object"})
		return
	}
	for i := range into.NumField() {
		f := into.Type().Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "" || name == "-" {
			continue
		}
		raw, there := members[name]
		switch {
		case there:
			value(raw, into.Field(i), path+name, wrong)
		case strings.HasPrefix(path+name, "options") && !strings.Contains(options, "omit"):
			*wrong = append(*wrong, Wrong{path + name, "is missing"})
		}
	}
}

// value reads one value.
func value(raw json.RawMessage, into reflect.Value, path string, wrong *[]Wrong) {
	_, text := into.Addr().Interface().(encoding.TextUnmarshaler)
	switch {
	case into.Kind() == reflect.Struct && !text:
		fields(raw, into, path+".", wrong)
		return
	case into.Kind() == reflect.Slice && into.Type().Elem().Kind() == reflect.Struct:
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) == nil {
			into.Set(reflect.MakeSlice(into.Type(), len(list), len(list)))
			for i, x := range list {
				value(x, into.Index(i), fmt.Sprintf("%s[%d]", path, i), wrong)
			}
			return
		}
	}
	err := json.Unmarshal(raw, into.Addr().Interface())
	empty := into.Kind() == reflect.Slice || into.Kind() == reflect.Map || into.Kind() == reflect.Pointer
	if err != nil || bytes.Equal(raw, []byte("null")) && !empty {
		into.SetZero()
		*wrong = append(*wrong, Wrong{path, "is " + excerpt(raw) + ", expected " + kindOf(into.Type())})
	}
}

// excerpt is the beginning of a value, for messages.
func excerpt(raw json.RawMessage) string {
	if len(raw) > 40 {
		return string(raw[:40]) + "..."
	}
	return string(raw)
}

// kindOf says what a value should have been.
func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Float64:
		return "a number"
	case reflect.Int, reflect.Uint64:
		return "a whole number"
	case reflect.Slice:
		return "a list"
	}
	if t == reflect.TypeFor[Duration]() {
		return "a duration such as 10m0s"
	}
	return "a time such as 2006-01-02T15:04:05Z"
}
