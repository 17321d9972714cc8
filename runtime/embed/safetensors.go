package embed

import (
	"encoding/binary"
	"encoding/json"
	"strconv"
)

// safetensors writes the features as they come, then labels and texts. A text is a row of bytes, UTF-8 and zeros behind
// it, as NumPy's type S has it.
type safetensors struct {
	w      *file
	info   Info
	labels []byte
	texts  *spool // ids, and then the other columns
	row    []string
	buffer []byte
	head   int // bytes of the header
}

func newSafetensors(w *file, info Info) (format, error) {
	texts, err := newSpool(1 + len(info.texts()))
	if err != nil {
		return nil, err
	}
	s := &safetensors{w: w, info: info, texts: texts}
	head, err := s.header(info.Rows)
	if err != nil {
		return nil, err
	}
	s.head = len(head) + 64*(2+texts.columns) // room for the texts' lengths
	s.head += -s.head & 7
	_, err = w.Write(make([]byte, 8+s.head))
	return s, err
}

// names are those of the tensors of texts.
func (s *safetensors) names() []string {
	names := []string{"ids"}
	for _, c := range s.info.texts() {
		if !Taken(c) {
			c = "column." + c
		}
		names = append(names, c)
	}
	return names
}

func (s *safetensors) header(rows int) ([]byte, error) {
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
	meta := map[string]string{"classes": strconv.Itoa(s.info.Classes)}
	for k, v := range s.info.Meta {
		meta[k] = v
	}
	header := map[string]any{"__metadata__": meta}
	header["features"] = next("F32", 4, rows, s.info.Width)
	switch s.info.Classes {
	case 0:
	case 1:
		header["labels"] = next("F64", 8, rows)
	default:
		header["labels"] = next("I64", 8, rows)
	}
	for i, name := range s.names() {
		header[name] = next("U8", 1, rows, max(1, s.texts.bytes[i]))
	}
	return json.Marshal(header)
}

func (s *safetensors) add(b *Batch) error {
	s.buffer, s.labels = appendFloats(s.buffer[:0], b.X), appendLabels(s.labels, b.Y, s.info.Classes)
	for i := range b.Y {
		s.row = s.info.row(append(s.row[:0], b.IDs[i]), b, i)
		if err := s.texts.add(s.row); err != nil {
			return err
		}
	}
	_, err := s.w.Write(s.buffer)
	return err
}

// Close gives the texts back.
func (s *safetensors) Close() error { return s.texts.Close() }

func (s *safetensors) close(rows int) error {
	if _, err := s.w.Write(s.labels); err != nil {
		return err
	}
	for i := range s.texts.columns {
		buf := make([]byte, max(1, s.texts.bytes[i]))
		err := s.texts.each(func(texts []string) error {
			clear(buf[copy(buf, texts[i]):])
			_, err := s.w.Write(buf)
			return err
		})
		if err != nil {
			return err
		}
	}
	head, err := s.header(rows)
	if err != nil {
		return err
	}
	for len(head) < s.head {
		head = append(head, ' ')
	}
	return s.w.again(append(binary.LittleEndian.AppendUint64(nil, uint64(len(head))), head...))
}
