package torch

import (
	"archive/zip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"

	"mspecc/runtime/ckpt"
)

// alignment of the storages in the archive, so that they can be mapped into memory.
const alignment = 64

// classes are torch's storage classes by element type.
var classes = map[string]string{}

func init() {
	for c, dtype := range dtypes {
		classes[dtype] = c
	}
}

// Write writes what torch.save writes: a state dict, an OrderedDict of tensors by name, which
// lies under key in a dictionary where key is not empty. There metadata, values as JSON has
// them, lie beside it, under the key "metadata"; a state dict alone has no room for them. torch.load reads
// it also with weights_only=True. The same content gives the same bytes.
func Write(w io.Writer, key string, tensors []ckpt.Tensor, metadata map[string]any) error {
	if len(metadata) > 0 && (key == "" || key == metadataKey) {
		return fmt.Errorf("there is no room for the metadata beside the key %q", key)
	}
	pickle, err := stateDict(key, tensors, metadata)
	if err != nil {
		return err
	}
	a := &archive{w: &counter{w: w}}
	a.z = zip.NewWriter(a.w)
	a.add("data.pkl", pickle)
	a.add("byteorder", []byte("little"))
	for i, t := range tensors {
		a.add("data/"+strconv.Itoa(i), t.Data)
	}
	a.add("version", []byte("3\n"))
	return errors.Join(a.err, a.z.Close())
}

// archive writes records that are not compressed.
type archive struct {
	w   *counter
	z   *zip.Writer
	err error
}

// add writes one record; its contents begin at a multiple of the alignment.
func (a *archive) add(name string, data []byte) {
	if a.err != nil {
		return
	}
	if a.err = a.z.Flush(); a.err != nil {
		return
	}
	h := &zip.FileHeader{Name: "archive/" + name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(data),
		CompressedSize64: uint64(len(data)), UncompressedSize64: uint64(len(data))}
	const header, extra = 30, 4 // bytes of a record's header, and of an extra field's
	start := a.w.n + header + int64(len(h.Name)) + extra
	fill := int(-start & (alignment - 1))
	h.Extra = append([]byte("FB"), byte(fill), byte(fill>>8))
	h.Extra = append(h.Extra, make([]byte, fill)...)
	var w io.Writer
	if w, a.err = a.z.CreateRaw(h); a.err == nil {
		_, a.err = w.Write(data)
	}
}

// counter counts what passes through.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// pickler writes a pickle of protocol 2.
type pickler struct{ b []byte }

func (p *pickler) text(s string) {
	p.b = binary.LittleEndian.AppendUint32(append(p.b, 'X'), uint32(len(s)))
	p.b = append(p.b, s...)
}

func (p *pickler) class(module, name string) { p.b = append(p.b, "c"+module+"\n"+name+"\n"...) }

func (p *pickler) integer(n int) {
	switch {
	case n < 1<<8:
		p.b = append(p.b, 'K', byte(n))
	case n < 1<<31:
		p.b = binary.LittleEndian.AppendUint32(append(p.b, 'J'), uint32(n))
	default:
		p.b = append(p.b, 0x8a, 8)
		p.b = binary.LittleEndian.AppendUint64(p.b, uint64(n))
	}
}

// value writes what JSON has: nil, bool, float64, string, []any or map[string]any. Whole numbers are
// integers, as they are in Python's own JSON.
func (p *pickler) value(v any) error {
	switch v := v.(type) {
	case nil:
		p.b = append(p.b, 'N')
	case bool:
		p.b = append(p.b, 0x89)
		if v {
			p.b[len(p.b)-1] = 0x88
		}
	case string:
		p.text(v)
	case float64:
		p.b = binary.BigEndian.AppendUint64(append(p.b, 'G'), math.Float64bits(v))
	case json.Number:
		if n, err := v.Int64(); err == nil && n >= 0 {
			p.integer(int(n))
			return nil
		}
		f, err := v.Float64()
		if err != nil {
			return err
		}
		return p.value(f)
	case []any:
		p.b = append(p.b, ']', '(')
		for _, x := range v {
			if err := p.value(x); err != nil {
				return err
			}
		}
		p.b = append(p.b, 'e')
	case map[string]any:
		p.b = append(p.b, '}', '(')
		for _, k := range slices.Sorted(maps.Keys(v)) {
			p.text(k)
			if err := p.value(v[k]); err != nil {
				return err
			}
		}
		p.b = append(p.b, 'u')
	default:
		return fmt.Errorf("metadata of the type %T", v)
	}
	return nil
}

func (p *pickler) extents(shape []int) {
	p.b = append(p.b, '(')
	for _, n := range shape {
		p.integer(n)
	}
	p.b = append(p.b, 't')
}

// ordered is an empty OrderedDict.
func (p *pickler) ordered() {
	p.class("collections", "OrderedDict")
	p.b = append(p.b, ')', 'R')
}

// stateDict is the pickle of {key: OrderedDict(name: tensor, ...), "metadata": {...}}, or of the OrderedDict alone.
func stateDict(key string, tensors []ckpt.Tensor, metadata map[string]any) ([]byte, error) {
	p := &pickler{b: []byte{0x80, 2}}
	if key != "" {
		p.b = append(p.b, '}')
		p.text(key)
	}
	p.ordered()
	p.b = append(p.b, '(')
	for i, t := range tensors {
		class, ok := classes[t.DType]
		if !ok {
			return nil, fmt.Errorf("tensor %q has elements of type %s, which PyTorch has no storage for", t.Name, t.DType)
		}
		n, err := count(t.Shape)
		if err != nil || n*sizes[t.DType] != len(t.Data) {
			return nil, fmt.Errorf("tensor %q, %v, has %d bytes", t.Name, t.Shape, len(t.Data))
		}
		p.text(t.Name)
		p.class("torch._utils", "_rebuild_tensor_v2")
		p.b = append(p.b, '(', '(')
		p.text("storage")
		p.class("torch", class)
		p.text(strconv.Itoa(i))
		p.text("cpu")
		p.integer(n)
		p.b = append(p.b, 't', 'Q')
		p.integer(0)
		p.extents(t.Shape)
		p.extents(contiguous(t.Shape))
		p.b = append(p.b, 0x89)
		p.ordered()
		p.b = append(p.b, 't', 'R')
	}
	p.b = append(p.b, 'u')
	if key != "" {
		p.b = append(p.b, 's')
	}
	if len(metadata) > 0 {
		p.text(metadataKey)
		if err := p.value(metadata); err != nil {
			return nil, err
		}
		p.b = append(p.b, 's')
	}
	return append(p.b, '.'), nil
}
