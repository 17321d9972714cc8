package generic

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// A Parquet file that Arrow wrote keeps Arrow's schema beside its own: a FlatBuffer in base64. It alone says that a
// column of lists is one of tensors (Arrow Columnar Format, "Canonical Extension Types"), and in which unit durations are.

// tensor is how the values of a list are those of an array: in its own order of axes, the logical one.
type tensor struct {
	shape  []int // of the array
	stored []int // the axes of what is stored, and which of them is each of the array's; nil: in order
	axes   []int
	from   []int // where the values are in the list, once it is known that there are so many
}

// arrowType is what Arrow's schema alone says of a column.
type arrowType struct {
	tensor  *tensor // nil for nothing else
	kind    string  // type of an element, "" where Parquet says it
	refused string  // why the column cannot be read, "" where it can
}

// Types of Arrow's schema (Schema.fbs, the union Type).
const (
	arrowList      = 12
	arrowStruct    = 13
	arrowFixedList = 16
	arrowDuration  = 18
	arrowLargeList = 21
)

// maxArrowFields bounds the fields that are looked at: a FlatBuffer may have the same one in many places.
const maxArrowFields = 1 << 16

// arrowTypes are those of a file's columns, by the names that parquetLeaves gives them.
func arrowTypes(schema string) map[string]arrowType {
	raw, err := base64.StdEncoding.DecodeString(schema)
	if err != nil || len(raw) < 8 {
		return nil
	}
	if binary.LittleEndian.Uint32(raw) == 1<<32-1 { // since Arrow 0.15 this stands before the length
		raw = raw[4:]
	}
	out, left := map[string]arrowType{}, maxArrowFields
	var walk func(name string, field flat, depth int)
	walk = func(name string, field flat, depth int) {
		if left--; left < 0 || depth == 0 {
			return
		}
		if t, ok := arrowExtension(field); ok {
			out[name] = t
			return
		}
		switch field.byte(2) {
		case arrowDuration:
			out[name] = arrowType{kind: "duration" + field.table(3).unit(0)}
		case arrowStruct:
			for _, child := range field.tables(5) {
				walk(name+"."+child.text(0), child, depth-1)
			}
		case arrowList, arrowFixedList, arrowLargeList: // the element's name does not count
			for _, child := range field.tables(5) {
				walk(name, child, depth-1)
			}
		}
	}
	for _, field := range flatRoot(raw[4:]).table(2).tables(1) { // the header, which is a schema; its fields
		walk(field.text(0), field, maxDepth)
	}
	return out
}

// arrowExtension is the type of a field that Arrow's own types do not have; ok is false for others, and for those that are read as what they are stored as.
func arrowExtension(field flat) (t arrowType, ok bool) {
	kind, metadata := "", ""
	for _, kv := range field.tables(6) { // custom_metadata
		switch kv.text(0) {
		case "ARROW:extension:name":
			kind = kv.text(1)
		case "ARROW:extension:metadata":
			metadata = kv.text(1)
		}
	}
	switch kind {
	case "arrow.fixed_shape_tensor":
		var err error
		if t.tensor, err = newTensor(metadata); err != nil {
			t.refused = err.Error()
		}
		return t, true
	case "arrow.variable_shape_tensor":
		return arrowType{refused: "is of Arrow's type variable_shape_tensor, which is not read; write tensors of one shape as fixed_shape_tensor"}, true
	}
	return arrowType{}, false
}

// newTensor reads the metadata of the type. A permutation p says that axis i of the array is axis p[i] of what is
// stored. pyarrow (26.0.1) writes its inverse, which is another where three axes go round, so that such a file may mean either.
func newTensor(metadata string) (*tensor, error) {
	var m struct {
		Shape       []int `json:"shape"`
		Permutation []int `json:"permutation"`
	}
	if err := json.Unmarshal([]byte(metadata), &m); err != nil || len(m.Shape) == 0 || len(m.Shape) > 32 {
		return nil, errors.New("is a tensor without a shape")
	}
	size := 1
	for _, d := range m.Shape {
		if d < 1 || size > maxTensor/d {
			return nil, fmt.Errorf("is a tensor of the shape %v, which is impossible", m.Shape)
		}
		size *= d
	}
	p := m.Permutation
	if len(p) == 0 {
		return &tensor{shape: m.Shape}, nil
	}
	sorted, own := slices.Sorted(slices.Values(p)), len(p) == len(m.Shape)
	for i, axis := range sorted {
		own = own && axis == i
	}
	if !own {
		return nil, fmt.Errorf("is a tensor of the shape %v with the permutation %v, which is none of its axes", m.Shape, p)
	}
	if slices.IsSorted(p) {
		return &tensor{shape: m.Shape}, nil
	}
	for i, axis := range p {
		if p[axis] != i {
			return nil, fmt.Errorf("is a tensor with the permutation %v of its axes, which pyarrow writes in another sense than Arrow's specification reads; write it in C's order (numpy.ascontiguousarray)", p)
		}
	}
	t := &tensor{stored: m.Shape, axes: p}
	for _, axis := range p {
		t.shape = append(t.shape, m.Shape[axis])
	}
	return t, nil
}

// maxTensor bounds the values of a tensor.
const maxTensor = 1 << 26

// places are where the values of the array are in what is stored in C's order.
func (t *tensor) places() []int {
	steps := make([]int, len(t.stored))
	for i, step := len(t.stored)-1, 1; i >= 0; i-- {
		steps[i] = step
		step *= t.stored[i]
	}
	from := []int{0}
	for _, axis := range t.axes {
		var next []int
		for _, at := range from {
			for k := range t.stored[axis] {
				next = append(next, at+k*steps[axis])
			}
		}
		from = next
	}
	return from
}

// take puts the values of a list into the array's order; the message says what is wrong with them.
func (t *tensor) take(values []float64) (ordered []float64, message string) {
	n := 1
	for _, d := range t.shape {
		n *= d
	}
	if len(values) != n {
		return values, fmt.Sprintf("has %d values, expected %d of a tensor %v", len(values), n, t.shape)
	}
	if t.stored == nil {
		return values, ""
	}
	if t.from == nil {
		t.from = t.places()
	}
	stored := slices.Clone(values)
	for i, at := range t.from {
		values[i] = stored[at]
	}
	return values, ""
}

// flat is a table of a FlatBuffer at some place of its bytes; -1 for none. Whatever does not fit is as if it were not there.
type flat struct {
	b  []byte
	at int
}

// flatRoot is the table that a FlatBuffer begins with.
func flatRoot(b []byte) flat { return flat{b, 0}.follow(0) }

// u32 is the number at a place, -1 outside of the bytes.
func (f flat) u32(at int) int {
	if at < 0 || at > len(f.b)-4 {
		return -1
	}
	return int(binary.LittleEndian.Uint32(f.b[at:]))
}

// follow is the table, text or list that the offset at a place leads to.
func (f flat) follow(at int) flat {
	offset := f.u32(at)
	if offset < 0 || offset > len(f.b)-4-at {
		return flat{f.b, -1}
	}
	return flat{f.b, at + offset}
}

// field is the place of a table's field, -1 where it has none.
func (f flat) field(number int) int {
	up := f.u32(f.at) // to the table's list of places, a signed distance back
	if f.at < 0 || up < 0 {
		return -1
	}
	list := f.at - int(int32(up))
	slot := list + 4 + 2*number
	if list < 0 || list > len(f.b)-4 || slot+2 > min(len(f.b), list+int(binary.LittleEndian.Uint16(f.b[list:]))) {
		return -1
	}
	if place := int(binary.LittleEndian.Uint16(f.b[slot:])); place > 0 {
		return f.at + place
	}
	return -1
}

// byte is the number that a field has, 0 where it is missing.
func (f flat) byte(number int) byte {
	if at := f.field(number); at >= 0 && at < len(f.b) {
		return f.b[at]
	}
	return 0
}

// unit is the unit of time that a field has.
func (f flat) unit(number int) string {
	units := []string{"[s]", "[ms]", "[us]", "[ns]"}
	if f.field(number) < 0 { // what is preset is not written
		return units[1]
	}
	return units[f.byte(number)%4]
}

// table is the table that a field leads to.
func (f flat) table(number int) flat { return f.follow(f.field(number)) }

// tables are those of a field's list.
func (f flat) tables(number int) []flat {
	list := f.table(number)
	n := f.u32(list.at)
	if list.at < 0 || n < 0 || n > (len(f.b)-list.at)/4 {
		return nil
	}
	all := make([]flat, n)
	for i := range all {
		all[i] = f.follow(list.at + 4 + 4*i)
	}
	return all
}

// text is that of a field.
func (f flat) text(number int) string {
	s := f.table(number)
	n := f.u32(s.at)
	if s.at < 0 || n < 0 || n > len(f.b)-s.at-4 {
		return ""
	}
	return string(f.b[s.at+4:][:n])
}
