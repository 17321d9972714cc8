package report

import (
	"encoding/json"
	"math"
)

// Errors are a measure on visible and on hidden tokens: NaN where there are none, and null in JSON.
type Errors [2]float64

// MarshalJSON writes [visible, hidden].
func (e Errors) MarshalJSON() ([]byte, error) {
	var list [2]*float64
	for i := range e {
		if e[i]-e[i] == 0 {
			list[i] = &e[i]
		}
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads it.
func (e *Errors) UnmarshalJSON(text []byte) error {
	var list [2]*float64
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	for i, v := range list {
		if e[i] = math.NaN(); v != nil {
			e[i] = *v
		}
	}
	return nil
}
