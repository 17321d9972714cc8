package embed

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
)

// safetensors writes the features as they come, then ids and labels.
type safetensors struct {
	w           io.Writer
	info        Info
	ids, labels []byte
	buffer      []byte
}

func newSafetensors(w io.Writer, info Info) (format, error) {
	type entry struct {
		DType   string `json:"dtype"`
		Shape   []int  `json:"shape"`
		Offsets [2]int `json:"data_offsets"`
	}
	end := 0
	next := func(dtype string, size int, shape ...int) entry {
		n := size
		for _, d := range shape {
			n *= d
		}
		e := entry{dtype, shape, [2]int{end, end + n}}
		end += n
		return e
	}
	meta := map[string]string{"classes": strconv.Itoa(info.Classes)}
	for k, v := range info.Meta {
		meta[k] = v
	}
	header := map[string]any{"__metadata__": meta}
	header["features"] = next("F32", 4, info.Rows, info.Width)
	header["ids"] = next("I64", 8, info.Rows)
	switch info.Classes {
	case 0:
	case 1:
		header["labels"] = next("F64", 8, info.Rows)
	default:
		header["labels"] = next("I64", 8, info.Rows)
	}
	text, err := json.Marshal(header)
	if err != nil {
		return nil, fmt.Errorf("the header: %w", err)
	}
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	_, err = w.Write(append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...))
	return &safetensors{w: w, info: info}, err
}

func (s *safetensors) add(first int, x []float32, y []float64) error {
	s.buffer = appendFloats(s.buffer[:0], x)
	s.ids, s.labels = appendIDs(s.ids, first, len(y)), appendLabels(s.labels, y, s.info.Classes)
	_, err := s.w.Write(s.buffer)
	return err
}

func (s *safetensors) close() error {
	if _, err := s.w.Write(s.ids); err != nil {
		return err
	}
	_, err := s.w.Write(s.labels)
	return err
}
