package data

import (
	"fmt"
	"slices"
	"strings"
)

// Schema says what the records of a data set consist of. It belongs to the data set, not to one of
// its files: it is made from all of them, and each is held against it. Checkpoints keep that of the
// training data, and data that the model is used on later are read by it: columns are found by name,
// in its order.
type Schema struct {
	Columns []Column `json:"columns,omitempty"` // of an example, in its order
	Chosen  string   `json:"chosen,omitempty"`  // the option that chose them; "" for all that have no other use
	Window  int      `json:"window,omitempty"`  // records of an example; 0: one
	Layout  string   `json:"layout,omitempty"`  // of the axes of a record's values, such as NTC; "" as the model's
	Scale   float64  `json:"scale,omitempty"`   // that values are multiplied with; 0: 1
	Label   *Column  `json:"label,omitempty"`   // nil without labels
	Classes []string `json:"classes,omitempty"` // names of the classes that were found, in order

	Rate     int    `json:"rate,omitempty"`     // of recordings, samples per second; 0: not the same in all, or none
	Pictures string `json:"pictures,omitempty"` // what the samples of pictures are: ScaledSamples or StoredSamples; "" for no pictures
}

// What the samples of pictures are.
const (
	ScaledSamples = "scaled" // 0 to 1, from black to white
	StoredSamples = "stored" // numbers as the files have them, such as heights
)

// Column is what is known of a column.
type Column struct {
	Name    string   `json:"name"`
	Type    string   `json:"type,omitempty"`    // of an element, such as int64 or timestamp[us]; number or text where files do not say
	Shape   []int    `json:"shape,omitempty"`   // of the values of a record; none for a single one
	Missing int      `json:"missing,omitempty"` // records in which a value is missing
	Marks   []string `json:"marks,omitempty"`   // what stands for a missing value, a few of them
}

// Size is the number of values of a record.
func (c *Column) Size() int {
	n := 1
	for _, d := range c.Shape {
		n *= d
	}
	return n
}

// String is the column as messages name it, such as x float32[3,8].
func (c *Column) String() string {
	text := strings.TrimSpace(c.Name + " " + c.Type)
	if len(c.Shape) > 0 {
		text += strings.ReplaceAll(fmt.Sprint(c.Shape), " ", ",")
	}
	return text
}

// Names are those of the columns.
func (s *Schema) Names() []string {
	var names []string
	for _, c := range s.Columns {
		names = append(names, c.Name)
	}
	return names
}

// Types of elements that files do not tell more exactly.
const (
	NumberType = "number"
	TextType   = "text"
)

// numeric says whether elements of a type are numbers that mean the same whatever their width.
func numeric(kind string) bool {
	switch kind {
	case NumberType, "bool", "decimal":
		return true
	}
	for _, p := range []string{"int", "uint", "float"} {
		if rest, ok := strings.CutPrefix(kind, p); ok && strings.Trim(rest, "0123456789") == "" {
			return true
		}
	}
	return false
}

// Fits says why the elements of a column of another file cannot be those of this one, "" where they can. Whole
// numbers and floating ones of any width can; not so texts and numbers, times of different units, or bytes
// 0 to 255 and floating numbers, of which arrays are mostly scaled in another way.
func (c *Column) Fits(other Column) (message string) {
	a, b := c.Type, other.Type
	bytes := func(kind string) bool { return kind == "uint8" || kind == "int8" }
	floats := func(kind string) bool { return strings.HasPrefix(kind, "float") }
	switch {
	case a == "" || b == "" || a == b:
		return ""
	case !numeric(a) || !numeric(b):
	case (len(c.Shape) > 0 || len(other.Shape) > 0) && (bytes(a) && floats(b) || floats(a) && bytes(b)):
	default:
		return ""
	}
	return fmt.Sprintf("the column %s is of the type %s, expected %s", c.Name, b, a)
}

// Merge takes in what another file says of the same column, which fits.
func (c *Column) Merge(other Column) {
	switch {
	case c.Type == "":
		c.Type = other.Type
	case other.Type != "" && other.Type != c.Type:
		c.Type = NumberType // of several types
	}
}

// maxMarks is how many marks of missing values are kept.
const maxMarks = 8

// Mark notes what stood for a missing value.
func (c *Column) Mark(text string) {
	if len(c.Marks) < maxMarks && !slices.Contains(c.Marks, text) {
		c.Marks = append(c.Marks, strings.Clone(text))
	}
}

// SchemaOf is what the records of a data set consist of, nil where its reader does not say. A Dataset says so by a
// method Schema() *Schema.
func SchemaOf(set Dataset) *Schema {
	if s, ok := innermost[interface{ Schema() *Schema }](set); ok {
		return s.Schema()
	}
	return nil
}
