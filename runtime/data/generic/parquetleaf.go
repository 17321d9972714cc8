package generic

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"

	"mspecc/runtime/data"
	"mspecc/runtime/data/numpy"
)

// leaf is a column of values of a Parquet file.
type leaf struct {
	name    string                     // of the column as people call it, without the names that only make lists of it
	kind    string                     // type of an element
	depth   int                        // lists in lists: 0 for a single value
	present int                        // definition level from which on an element of the innermost list is there, if only as null
	number  func(v parquet.Value) cell // nil for texts
	tensor  *tensor                    // what the values of a list are, nil for nothing else
	refused string                     // why the column cannot be read, "" where it can
}

var errSchema = errors.New("has a schema that is damaged")

// maxDepth bounds how deep groups lie in each other.
const maxDepth = 64

// parquetLeaves walks the schema, a list of groups and leaves of which each group's come behind it.
func parquetLeaves(schema []format.SchemaElement) ([]*leaf, error) {
	w := &schemaWalk{rest: schema}
	if len(schema) == 0 || schema[0].Type.Valid {
		return nil, errSchema
	}
	root := w.next()
	for range root.NumChildren.V {
		if err := w.node("", leaf{}, 0, maxDepth); err != nil {
			return nil, err
		}
	}
	if len(w.rest) > 0 {
		return nil, errSchema
	}
	return w.leaves, nil
}

type schemaWalk struct {
	rest   []format.SchemaElement
	leaves []*leaf
}

func (w *schemaWalk) next() *format.SchemaElement {
	if len(w.rest) == 0 {
		return &format.SchemaElement{}
	}
	e := &w.rest[0]
	w.rest = w.rest[1:]
	return e
}

// node walks a node below others, whose names are prefix; level is the definition level of what it lies in.
func (w *schemaWalk) node(prefix string, of leaf, level, depth int) error {
	if len(w.rest) == 0 || depth == 0 {
		return errSchema
	}
	e := w.next()
	return w.element(e, strings.TrimPrefix(prefix+"."+e.Name, "."), of, level, depth)
}

// element walks a node whose name is known.
func (w *schemaWalk) element(e *format.SchemaElement, name string, of leaf, level, depth int) error {
	switch of.name = name; e.RepetitionType.V {
	case format.Optional:
		level++
	case format.Repeated:
		level++
		of.depth++
		of.present = level
	}
	if e.Type.Valid {
		of.kind, of.number = parquetKind(e)
		w.leaves = append(w.leaves, &of)
		return nil
	}
	if e.NumChildren.V == 1 && len(w.rest) > 0 && w.rest[0].RepetitionType.V == format.Repeated && (isListElement(e) || w.rest[0].Name == "list" || w.rest[0].Name == "bag") {
		return w.list(e, of, level, depth-1)
	}
	for range e.NumChildren.V {
		if err := w.node(name, of, level, depth-1); err != nil {
			return err
		}
	}
	return nil
}

func isListElement(e *format.SchemaElement) bool {
	if _, ok := e.LogicalType.Value.(*format.ListType); ok {
		return true
	}
	return e.ConvertedType.Valid && e.ConvertedType.V == deprecated.List
}

// list walks what lies in a list. By the format's rules for older files, the repeated node is the element itself where
// it is a value, has several children or is called array or NAME_tuple; otherwise its only child is. Neither
// has a name that counts.
func (w *schemaWalk) list(list *format.SchemaElement, of leaf, level, depth int) error {
	name := of.name
	repeated := w.next()
	if repeated.Type.Valid || repeated.NumChildren.V != 1 || repeated.Name == "array" || repeated.Name == list.Name+"_tuple" {
		return w.element(repeated, name, of, level, depth)
	}
	level++
	of.depth++
	of.present = level
	if len(w.rest) == 0 || depth == 0 {
		return errSchema
	}
	return w.element(w.next(), name, of, level, depth-1)
}

// units of times.
func timeUnit(u format.TimeUnit) string {
	switch u.Value.(type) {
	case *format.MilliSeconds:
		return "[ms]"
	case *format.MicroSeconds:
		return "[us]"
	}
	return "[ns]"
}

// parquetKind names the type of a leaf's elements, and gives what makes a number of a stored value; nil for texts.
func parquetKind(e *format.SchemaElement) (kind string, of func(v parquet.Value) cell) {
	switch t := e.LogicalType.Value.(type) {
	case *format.IntType:
		if !t.IsSigned {
			return fmt.Sprint("uint", t.BitWidth), unsigned
		}
		return fmt.Sprint("int", t.BitWidth), plainValue
	case *format.DecimalType:
		return "decimal", decimal(t.Scale)
	case *format.Float16Type:
		return "float16", half
	case *format.UUIDType:
		return "text", uuid
	case *format.DateType:
		return "date", plainValue
	case *format.TimeType:
		return "time" + timeUnit(t.Unit), plainValue
	case *format.TimestampType:
		return "timestamp" + timeUnit(t.Unit), plainValue
	}
	if e.ConvertedType.Valid { // of older files
		switch e.ConvertedType.V {
		case deprecated.Uint8, deprecated.Uint16, deprecated.Uint32, deprecated.Uint64:
			return fmt.Sprint("uint", 8<<(e.ConvertedType.V-deprecated.Uint8)), unsigned
		case deprecated.Int8, deprecated.Int16, deprecated.Int32, deprecated.Int64:
			return fmt.Sprint("int", 8<<(e.ConvertedType.V-deprecated.Int8)), plainValue
		case deprecated.Decimal:
			return "decimal", decimal(e.Scale.V)
		case deprecated.Date:
			return "date", plainValue
		case deprecated.TimeMillis:
			return "time[ms]", plainValue
		case deprecated.TimeMicros:
			return "time[us]", plainValue
		case deprecated.TimestampMillis:
			return "timestamp[ms]", plainValue
		case deprecated.TimestampMicros:
			return "timestamp[us]", plainValue
		}
	}
	switch e.Type.V {
	case format.Boolean:
		return "bool", plainValue
	case format.Int32:
		return "int32", plainValue
	case format.Int64:
		return "int64", plainValue
	case format.Int96:
		return "int96", nil
	case format.Float:
		return "float32", plainValue
	case format.Double:
		return "float64", plainValue
	}
	return "text", nil
}

// single is the cell of a floating number.
func single(v float64) cell { return cell{numbers: []float64{v}, single: true} }

// plainValue is a value whose stored form is the number.
func plainValue(v parquet.Value) cell {
	switch v.Kind() {
	case parquet.Boolean:
		if v.Boolean() {
			return single(1)
		}
		return single(0)
	case parquet.Int32:
		return single(float64(v.Int32()))
	case parquet.Int64:
		return number(nil, v.Int64())
	case parquet.Float:
		return single(float64(v.Float()))
	case parquet.Double:
		return single(v.Double())
	}
	return single(math.NaN()) // the file is damaged
}

func half(v parquet.Value) cell {
	if v.Kind() == parquet.FixedLenByteArray && len(v.ByteArray()) == 2 {
		return single(numpy.Half(binary.LittleEndian.Uint16(v.ByteArray())))
	}
	return single(math.NaN()) // the file is damaged
}

// uuid is an identifier as it is written.
func uuid(v parquet.Value) cell {
	b := v.ByteArray()
	if len(b) != 16 {
		return cell{text: []byte{}} // the file is damaged
	}
	return cell{text: fmt.Appendf(nil, "%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])}
}

func unsigned(v parquet.Value) cell {
	if v.Kind() == parquet.Int32 {
		return single(float64(v.Uint32()))
	}
	return unsignedNumber(nil, v.Uint64())
}

// decimal makes numbers of those that are stored without their decimal point. One that float64 does not hold stays
// as text.
func decimal(scale int32) func(v parquet.Value) cell {
	unit := math.Pow10(int(scale))
	return func(v parquet.Value) cell {
		var whole *big.Int
		switch v.Kind() {
		case parquet.Int32:
			return single(float64(v.Int32()) / unit)
		case parquet.Int64:
			whole = big.NewInt(v.Int64())
		case parquet.ByteArray, parquet.FixedLenByteArray:
			whole = bigEndian(v.ByteArray())
		default:
			return single(math.NaN()) // the file is damaged
		}
		if whole.IsInt64() && max(whole.Int64(), -whole.Int64()) <= data.MaxExact {
			return single(float64(whole.Int64()) / unit)
		}
		return cell{text: []byte(withPoint(whole.String(), int(scale)))}
	}
}

// withPoint puts the decimal point into a whole number.
func withPoint(digits string, scale int) string {
	if scale <= 0 {
		return digits + strings.Repeat("0", min(-scale, 1<<10))
	}
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	if n := len(digits); n <= scale {
		digits = strings.Repeat("0", min(scale-n+1, 1<<10)) + digits
	}
	at := max(0, len(digits)-scale)
	return sign + digits[:at] + "." + digits[at:]
}

// bigEndian is a whole number in two's complement, the first byte the highest.
func bigEndian(b []byte) *big.Int {
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n
}

// leafCell makes a cell of a row's values.
type leafCell struct {
	leaf    *leaf
	cell    cell
	values  int    // elements
	null    bool   // the row has no element: nothing, or an empty list
	message string // what is wrong
	size    []int  // of the list of each depth that is under way
	shape   []int  // of those that have ended, -1 before
}

func (c *leafCell) start(l *leaf) {
	*c = leafCell{leaf: l, cell: cell{numbers: c.cell.numbers[:0]}, size: slices.Grow(c.size[:0], l.depth)[:l.depth], shape: slices.Grow(c.shape[:0], l.depth)[:l.depth]}
	for i := range l.depth {
		c.size[i], c.shape[i] = 0, -1
	}
}

// add takes the next value of the row.
func (c *leafCell) add(v parquet.Value) error {
	there := !v.IsNull() || c.leaf.depth > 0 && v.DefinitionLevel() >= c.leaf.present
	if c.values > 0 && (!there || c.null) {
		c.message = errRagged.Error()
	}
	c.values++
	if !there {
		c.null = true
		return nil
	}
	c.nest(v.RepetitionLevel())
	switch {
	case v.IsNull():
		c.cell.numbers = append(c.cell.numbers, math.NaN())
	case c.leaf.number != nil:
		x := c.leaf.number(v)
		if c.leaf.depth == 0 && x.text != nil {
			c.cell.text = x.text
		} else if x.text != nil { // in a list, where numbers are values
			f, _ := strconv.ParseFloat(string(x.text), 64)
			c.cell.numbers = append(c.cell.numbers, f)
		} else {
			c.cell.numbers = append(c.cell.numbers, x.numbers[0])
		}
	case v.Kind() == parquet.ByteArray || v.Kind() == parquet.FixedLenByteArray:
		if c.cell.text = v.ByteArray(); c.cell.text == nil {
			c.cell.text = []byte{}
		}
	default:
		c.message = fmt.Sprintf("is of the type %v, expected numbers or texts", v.Kind())
	}
	if c.cell.text != nil && c.values > 1 {
		c.message = "has lists of texts, expected numbers or one text"
	}
	return nil
}

// nest counts an element, which begins new lists at the depths below the repetition level.
func (c *leafCell) nest(level int) {
	if c.leaf.depth == 0 || level > c.leaf.depth {
		return
	}
	if level == 0 {
		level = 1
	} else {
		c.end(level)
	}
	c.size[level-1]++
	for i := level; i < c.leaf.depth; i++ {
		c.size[i] = 1
	}
}

// end ends the lists deeper than some depth, which must be as long as those beside them.
func (c *leafCell) end(depth int) {
	for i := depth; i < c.leaf.depth; i++ {
		if c.shape[i] >= 0 && c.shape[i] != c.size[i] {
			c.message = errRagged.Error()
		}
		c.shape[i] = c.size[i]
	}
}

// Kinds of packed cells.
const (
	packedNothing = iota
	packedText
	packedNumber
	packedList   // and the number of axes, with their extents
	packedEmpty  // a list without an element
	packedFaulty // and the message
)

// finish appends the packed cell.
func (c *leafCell) finish(dst []byte) []byte {
	c.end(0)
	if t := c.leaf.tensor; t != nil && !c.null && c.message == "" {
		c.cell.numbers, c.message = t.take(c.cell.numbers)
		c.shape = append(c.shape[:0], t.shape...)
	}
	text := func(kind byte, text string) []byte {
		dst = binary.AppendUvarint(append(dst, kind), uint64(len(text)))
		return append(dst, text...)
	}
	switch {
	case c.message != "":
		return text(packedFaulty, c.message)
	case c.cell.text != nil:
		return text(packedText, string(c.cell.text))
	case c.null && c.leaf.depth > 0:
		return append(dst, packedEmpty)
	case c.null:
		return append(dst, packedNothing)
	case c.leaf.depth == 0:
		dst = append(dst, packedNumber)
	default:
		dst = binary.AppendUvarint(append(dst, packedList), uint64(len(c.shape)))
		for _, n := range c.shape {
			dst = binary.AppendUvarint(dst, uint64(n))
		}
	}
	for _, v := range c.cell.numbers {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
	}
	return dst
}

// decodeCells takes packed cells apart; texts are parts of b.
func decodeCells(cells []cell, b []byte) {
	length := func() int {
		v, n := binary.Uvarint(b)
		b = b[n:]
		return int(v)
	}
	for i := range cells {
		kind, numbers, shape := b[0], cells[i].numbers[:0], cells[i].shape[:0]
		b = b[1:]
		if cells[i] = (cell{}); numbers == nil {
			numbers = []float64{}
		}
		count := 0
		switch kind {
		case packedText, packedFaulty:
			n := length()
			if kind == packedFaulty {
				cells[i].fault = string(b[:n])
			} else {
				cells[i].text = b[:n:n]
			}
			b = b[n:]
			continue
		case packedEmpty:
			cells[i].numbers = numbers
			continue
		case packedNumber:
			count, cells[i].single = 1, true
		case packedList:
			count = 1
			for range length() {
				n := length()
				shape, count = append(shape, n), count*n
			}
			if len(shape) > 1 {
				cells[i].shape = shape
			}
		default:
			continue
		}
		for ; count > 0; count-- {
			numbers = append(numbers, math.Float64frombits(binary.LittleEndian.Uint64(b)))
			b = b[8:]
		}
		cells[i].numbers = numbers
	}
}
