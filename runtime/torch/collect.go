package torch

import (
	"fmt"
	"strings"

	"mspecc/runtime/pickle"
)

// maxDepth bounds how deep the dictionaries and lists of tensors lie inside each other, maxReach how deep others do.
const (
	maxDepth = 64
	maxReach = 10000
)

// maxVisits bounds how many values that hold tensors are looked at: they may be shared, so that a small pickle
// can stand for a huge tree.
const maxVisits = 1 << 20

// maxName bounds the name that a tensor gets from the way to it.
const maxName = 1024

// collector walks through a value and keeps the tensors it meets. What holds none, such as the order of a sampler or the
// history of a loss, may be of any size.
type collector struct {
	file   *File
	holds  map[any]bool // whether there are tensors in values that hold others
	within map[any]bool // dictionaries and lists on the way here: one that holds itself ends there
	visits int
}

// collect finds the tensors of a value.
func (f *File) collect(v any) error {
	c := &collector{file: f, holds: map[any]bool{}, within: map[any]bool{}}
	if _, err := c.search(v, 0); err != nil {
		return err
	}
	if err := c.walk(v, "", 0); err != nil {
		return err
	}
	if d, ok := v.(*pickle.Dict); ok {
		left := maxVisits
		f.Metadata, _ = plainValue(d.Get(metadataKey), 0, &left).(map[string]any)
	}
	return nil
}

// metadataKey is the key of what a file says beside its tensors.
const metadataKey = "metadata"

// plainValue is a value as JSON has it, of at most so many values; nil for another one.
func plainValue(v any, depth int, left *int) any {
	if *left--; *left < 0 || depth > maxDepth {
		return nil
	}
	switch v := v.(type) {
	case string, bool, int64, float64:
		return v
	case pickle.Tuple:
		return plainList(v, depth, left)
	case *pickle.List:
		return plainList(v.Items, depth, left)
	case *pickle.Dict:
		m := map[string]any{}
		for i, k := range v.Keys {
			name, ok := k.(string)
			if m[name] = plainValue(v.Values[i], depth+1, left); !ok || m[name] == nil {
				return nil
			}
		}
		return m
	}
	return nil
}

func plainList(values []any, depth int, left *int) any {
	list := []any{}
	for _, x := range values {
		y := plainValue(x, depth+1, left)
		if y == nil {
			return nil
		}
		list = append(list, y)
	}
	return list
}

// parts are the values in a value, nil for one that holds none.
func parts(v any) [][]any {
	switch v := v.(type) {
	case pickle.Tuple:
		return [][]any{v}
	case *pickle.List:
		return [][]any{v.Items}
	case *pickle.Dict:
		return [][]any{v.Values}
	case *pickle.Object:
		return [][]any{v.Dict.Values, v.Items, {v.State}}
	}
	return nil
}

// identity is what tells a value that holds others from all others, nil for an empty one.
func identity(v any) any {
	if t, ok := v.(pickle.Tuple); ok {
		if len(t) == 0 {
			return nil
		}
		return &t[0]
	}
	return v
}

// search finds out whether a value holds tensors; every value is looked at once, however often it is shared.
func (c *collector) search(v any, depth int) (bool, error) {
	if _, ok := v.(*Tensor); ok {
		return true, nil
	}
	key, all := identity(v), parts(v)
	if all == nil || key == nil {
		return false, nil
	}
	if found, known := c.holds[key]; known {
		return found, nil
	}
	if depth > maxReach {
		return false, fmt.Errorf("values lie more than %d deep inside each other", maxReach)
	}
	found, nested := false, false
	for _, values := range all {
		for _, x := range values {
			if _, tensor := x.(*Tensor); !tensor && parts(x) == nil {
				continue
			}
			if !nested {
				nested, c.holds[key] = true, false // one that holds itself ends there
			}
			in, err := c.search(x, depth+1)
			if err != nil {
				return false, err
			}
			found = found || in
		}
	}
	if nested {
		c.holds[key] = found
	}
	return found, nil
}

func (c *collector) walk(v any, name string, depth int) error {
	if t, ok := v.(*Tensor); ok {
		if len(name) > maxName {
			return fmt.Errorf("a name has more than %d bytes", maxName)
		}
		named := *t
		named.Name = name
		c.file.Tensors = append(c.file.Tensors, &named)
		return nil
	}
	key := identity(v)
	if parts(v) == nil || key == nil || !c.holds[key] || c.within[key] {
		return nil
	}
	switch c.visits++; {
	case c.visits > maxVisits:
		return fmt.Errorf("it holds more than %d dictionaries and lists of tensors", maxVisits)
	case depth > maxDepth:
		return fmt.Errorf("tensors lie more than %d deep inside dictionaries and lists", maxDepth)
	case len(name) > maxName:
		return fmt.Errorf("a name has more than %d bytes", maxName)
	}
	c.within[key] = true
	defer delete(c.within, key)
	switch v := v.(type) {
	case pickle.Tuple:
		return c.each(v, name, depth)
	case *pickle.List:
		return c.each(v.Items, name, depth)
	case *pickle.Dict:
		return c.entries(v, name, depth)
	case *pickle.Object:
		if err := c.entries(&v.Dict, name, depth); err != nil {
			return err
		}
		if err := c.each(v.Items, name, depth); err != nil {
			return err
		}
		return c.walk(v.State, name, depth+1)
	}
	return nil
}

func (c *collector) each(values []any, name string, depth int) error {
	for i, x := range values {
		if err := c.walk(x, join(name, int64(i)), depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (c *collector) entries(d *pickle.Dict, name string, depth int) error {
	for i, k := range d.Keys {
		below := join(name, k)
		if k == "_modules" || k == "_parameters" || k == "_buffers" {
			below = name // where a module that was saved whole keeps what its state dict names
		}
		if err := c.walk(d.Values[i], below, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// join appends a key to a name.
func join(name string, key any) string {
	k := plain(key)
	if name == "" {
		return k
	}
	return name + "." + k
}

// plain is a value as text, for anything but numbers and texts only its kind.
func plain(v any) string {
	switch v := v.(type) {
	case string, int64, bool, float64, nil:
		return fmt.Sprint(v)
	case pickle.Class:
		return v.String()
	}
	kind := fmt.Sprintf("%T", v)
	return strings.ToLower(kind[strings.LastIndexByte(kind, '.')+1:])
}
