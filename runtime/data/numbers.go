package data

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Numbers as text: how they are written where they name something, and the words for those that are not there.

// NoLabel are the numbers that stand for a label that is not there, where labels are classes: that of Hugging
// Face's data sets, and the index that PyTorch's losses leave out.
var NoLabel = []float64{-1, -100}

// MaxExact is up to where float64 holds every whole number.
const MaxExact = 1 << 53

// missingTexts are what tables write where a value is missing, in lower case: the words of pandas, R, SQL and C.
var missingTexts = map[string]bool{"": true, "na": true, "n/a": true, "nan": true, "-nan": true, "null": true, "none": true, "?": true, "-": true, "<na>": true, "#n/a": true,
	"#na": true, "#n/a n/a": true, "1.#qnan": true, "-1.#qnan": true, "1.#ind": true, "-1.#ind": true, "\\n": true}

// MissingText says whether a text stands for a missing value.
func MissingText(text []byte) bool {
	text = bytes.TrimSpace(text)
	if n := len(text); n > 8 || n > 0 && '0' <= text[0] && text[0] <= '9' && bytes.IndexByte(text, '#') < 0 {
		return false // most are numbers
	}
	return missingTexts[strings.ToLower(string(text))]
}

// ParseNumber reads a number of 32 or 64 bits as tables have it. Go's source text has more, such as 1_0 and 0x1p3: in data those are names.
func ParseNumber(text string, bits int) (float64, error) {
	for i := range len(text) {
		if c := text[i]; c >= 'X' && (c == '_' || c == 'x' || c == 'X') { // one comparison for most
			return 0, strconv.ErrSyntax
		}
	}
	return strconv.ParseFloat(text, bits)
}

// FormatNumber writes whole numbers as such, as long as they are exact.
func FormatNumber(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) <= MaxExact {
		return strconv.FormatInt(int64(v), 10)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// PlainNumber is a whole number that was written with a decimal point, 7.0, without it. pandas writes them so
// where a column had missing values; other texts stay as they are.
func PlainNumber(text string) string {
	whole, zeros, ok := strings.Cut(text, ".")
	if !ok || zeros == "" || strings.Trim(zeros, "0") != "" || strings.Trim(strings.TrimPrefix(whole, "-"), "0123456789") != "" || whole == "" || whole == "-" {
		return text
	}
	return whole
}

// isNoLabel says whether a label is a number that stands for none.
func isNoLabel(name string) bool {
	return slices.ContainsFunc(NoLabel, func(v float64) bool { return Canonical(name) == FormatNumber(v) })
}

// Canonical is a number as FormatNumber writes it, however it was written; whole numbers keep all digits. Other
// texts stay as they are.
func Canonical(name string) string {
	text := PlainNumber(name)
	if digits, negative := strings.CutPrefix(text, "-"); digits != "" && strings.Trim(digits, "0123456789") == "" {
		if digits = strings.TrimLeft(digits, "0"); digits == "" {
			return "0"
		} else if negative {
			return "-" + digits
		}
		return digits
	}
	if v, err := ParseNumber(text, 64); err == nil && v-v == 0 {
		return FormatNumber(v)
	}
	return name
}

// isNumber says whether a text is a finite number.
func isNumber(name string) bool {
	v, err := ParseNumber(name, 64)
	return err == nil && v-v == 0
}
