package dabs

import (
	"fmt"
	"math"
	"strings"

	"mspecc/runtime/data"
)

// pythonBytes takes the quotes off a text that Python wrote as bytes: b'ACGT'.
func pythonBytes(field []byte) []byte {
	if n := len(field); n >= 3 && field[0] == 'b' && (field[1] == '\'' || field[1] == '"') && field[n-1] == field[1] {
		return field[2 : n-1]
	}
	return field
}

// pythonNumbers reads a number, or the numbers of a Python list such as [0, 2, 1]; what is missing is NaN.
func pythonNumbers(dst []float64, field []byte) ([]float64, error) {
	text := strings.TrimSpace(string(field))
	if inner, ok := strings.CutPrefix(text, "["); ok {
		if text, ok = strings.CutSuffix(inner, "]"); !ok {
			return nil, fmt.Errorf("a list without its end")
		}
	}
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' }) {
		v, err := data.ParseNumber(part, 64)
		if data.MissingText([]byte(part)) {
			dst = append(dst, math.NaN())
			continue
		}
		if err != nil || v-v != 0 {
			return nil, fmt.Errorf("%.24q is no finite number", part)
		}
		dst = append(dst, v)
	}
	if len(dst) == 0 {
		dst = append(dst, math.NaN())
	}
	return dst, nil
}
