// Package ckpt reads and writes checkpoints. A checkpoint is a safetensors file: parameters
// under their own names, optimiser state under "STATE/NAME", and what else a run needs to go
// on as text in the metadata. Any safetensors reader can open it.
package ckpt

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"slices"

	"mspecc/runtime"
	"mspecc/runtime/data/filetype"
	"mspecc/runtime/files"
)

// Tensor is one named tensor of a file, elements row-major and little-endian.
type Tensor struct {
	Name  string
	DType string // safetensors' name: F32, I32, ...
	Shape []int
	Data  []byte
}

// File is the content of a safetensors file.
type File struct {
	Name     string            // path, for messages
	Metadata map[string]string // free text
	Tensors  []Tensor          // in order of their data
}

// bits are the bits per element of the types that the format knows (safetensors 0.8.0). A file may also hold others: types that
// came later are nothing to those who ask for other tensors.
var bits = map[string]int{"F64": 64, "I64": 64, "U64": 64, "C64": 64, "F32": 32, "I32": 32, "U32": 32,
	"F16": 16, "BF16": 16, "I16": 16, "U16": 16, "I8": 8, "U8": 8, "BOOL": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
	"F6_E2M3": 6, "F6_E3M2": 6, "F4": 4}

// maxHeader is the format's own limit on the header's bytes.
const maxHeader = 100 << 20

// Floats makes a float32 tensor.
func Floats(name string, shape []int, values []float32) Tensor {
	data := make([]byte, 4*len(values))
	for i, v := range values {
		binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(v))
	}
	return Tensor{name, "F32", shape, data}
}

// Ints makes an int32 tensor.
func Ints(name string, shape []int, values []int32) Tensor {
	data := make([]byte, 4*len(values))
	for i, v := range values {
		binary.LittleEndian.PutUint32(data[4*i:], uint32(v))
	}
	return Tensor{name, "I32", shape, data}
}

// Take makes a file's tensor from one in a machine's arena, under another name.
func Take(m *runtime.Machine, t runtime.Tensor, name string) Tensor {
	if t.DType == runtime.I32 {
		return Ints(name, t.Shape, m.Ints(t))
	}
	return Floats(name, t.Shape, m.Floats(t))
}

// Find looks a tensor up by name.
func (f *File) Find(name string) (Tensor, bool) {
	for _, t := range f.Tensors {
		if t.Name == name {
			return t, true
		}
	}
	return Tensor{}, false
}

// Put copies a file's tensor into a machine's arena. The element type and the shape must be
// those of t.
func (f *File) Put(m *runtime.Machine, src Tensor, t runtime.Tensor) error {
	want := map[runtime.DType]string{runtime.F32: "F32", runtime.I32: "I32"}[t.DType]
	if src.DType != want || !slices.Equal(src.Shape, t.Shape) {
		return fmt.Errorf("%s: tensor %q is %s%v, the program expects %s%v", f.Name, src.Name, src.DType, src.Shape, want, t.Shape)
	}
	if t.DType == runtime.I32 {
		for i, dst := 0, m.Ints(t); i < len(dst); i++ {
			dst[i] = int32(binary.LittleEndian.Uint32(src.Data[4*i:]))
		}
		return nil
	}
	for i, dst := 0, m.Floats(t); i < len(dst); i++ {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src.Data[4*i:]))
	}
	return nil
}

// ReadFile reads and checks a safetensors file. Its kind, and that its size is the one its header
// speaks of, are looked at before its tensors are read; what no memory can hold is an error.
func ReadFile(name string) (*File, error) {
	h, err := openHead(name)
	if err != nil {
		return nil, err
	}
	defer h.in.Close()
	if err := runtime.CheckMemory(float64(h.size)); err != nil {
		return nil, fmt.Errorf("%s: cannot allocate %.2f GiB of memory for the file: %w", name, float64(h.size)/(1<<30), err)
	}
	raw := append(h.raw, make([]byte, h.size-int64(len(h.raw)))...)
	if _, err := io.ReadFull(h.in, raw[len(h.raw):]); err != nil {
		return nil, unreadable(name, err)
	}
	return h.fill(raw, len(h.raw), h.entries)
}

// Verify checks a checkpoint of a run as ReadFile does, however large it is; other safetensors files
// are no such checkpoints.
func Verify(name string) error {
	h, err := openHead(name)
	if err != nil {
		return err
	}
	defer h.in.Close()
	if err := h.Owned(); err != nil {
		return err
	}
	var failed error // of the file, which is no damage
	err = h.verify(h.raw, func(w io.Writer) {
		_, failed = io.Copy(w, h.in)
	})
	switch {
	case failed != nil:
		return unreadable(name, failed)
	case err != nil:
		return &DamagedError{name, err.Error()}
	}
	return nil
}

// head is an open file whose header is read, and fits its size.
type head struct {
	File
	in      io.ReadCloser // at the first tensor
	size    int64
	raw     []byte // up to the first tensor
	entries []entry
}

// openHead opens a file; the caller closes it.
func openHead(name string) (h *head, err error) {
	in, info, err := files.Open(name)
	if err != nil {
		return nil, unreadable(name, err)
	}
	defer func() {
		if err != nil {
			in.Close()
		}
	}()
	h = &head{File: File{Name: name}, in: in, size: info.Size()}
	first := make([]byte, min(filetype.HeadSize, h.size))
	if _, err := in.ReadAt(first, 0); err != nil {
		return nil, unreadable(name, err)
	}
	n, why := headerLength(first, h.size)
	if why != "" {
		return nil, &DamagedError{name, why}
	}
	h.raw = make([]byte, 8+n)
	if _, err := io.ReadFull(in, h.raw); err != nil {
		return nil, unreadable(name, err)
	}
	if h.entries, err = h.header(h.raw[8:], h.size-int64(len(h.raw))); err != nil {
		return nil, &DamagedError{name, err.Error()}
	}
	return h, nil
}

// unreadable is the error of a file that cannot be read.
func unreadable(name string, err error) error {
	var kind *files.KindError
	if errors.As(err, &kind) {
		return kind
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("%s: cannot be read: %w", name, err)
}

// headerLength is the length of the header that the first bytes of a file of some size speak of, or
// what is wrong with it.
func headerLength(first []byte, size int64) (n int, why string) {
	if len(first) < 8 {
		return 0, fmt.Sprintf("%d bytes long, expected at least 8: it is truncated", len(first))
	}
	length := binary.LittleEndian.Uint64(first)
	if length > maxHeader {
		if t, ok := filetype.Of(first); ok {
			return 0, fmt.Sprintf("it is %s; %s", t.Name, t.Fix)
		}
		return 0, fmt.Sprintf("its header would be %d bytes, the limit is %d: it is another kind of file", length, maxHeader)
	}
	if length > uint64(size-8) {
		return 0, fmt.Sprintf("its header is %d bytes but only %d follow: it is truncated", length, size-8)
	}
	return int(length), ""
}

// Parse checks the bytes of a safetensors file, also against its checksum where it has one. The
// tensors share raw's memory. Bytes that are not sound are a *DamagedError.
func Parse(name string, raw []byte) (*File, error) {
	n, why := headerLength(raw[:min(filetype.HeadSize, len(raw))], int64(len(raw)))
	if why != "" {
		return nil, &DamagedError{name, why}
	}
	f := &File{Name: name}
	entries, err := f.header(raw[8:8+n], int64(len(raw)-8-n))
	if err != nil {
		return nil, &DamagedError{name, err.Error()}
	}
	return f.fill(raw, 8+n, entries)
}

// fill takes the tensors out of the bytes of a file, behind a head of so many, and verifies those.
func (f *File) fill(raw []byte, head int, entries []entry) (*File, error) {
	data := raw[head:]
	for _, e := range entries {
		lo, hi := e.Offsets[0], e.Offsets[1]
		f.Tensors = append(f.Tensors, Tensor{e.name, e.DType, e.Shape, data[lo:hi:hi]})
	}
	if err := f.verify(raw[:head], func(w io.Writer) { _, _ = w.Write(data) }); err != nil { // a hash takes everything
		return nil, &DamagedError{f.Name, err.Error()}
	}
	return f, nil
}

// header decodes the JSON text, and gives the tensors in the order of their data, which must fill
// exactly so many bytes.
func (f *File) header(text []byte, room int64) ([]entry, error) {
	entries, err := f.entries(text)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.Offsets[0], b.Offsets[0]), cmp.Compare(a.Offsets[1], b.Offsets[1]))
	})
	end := 0
	for _, e := range entries {
		size, known, err := e.size()
		lo, hi := e.Offsets[0], e.Offsets[1]
		switch {
		case err != nil:
			return nil, fmt.Errorf("tensor %q %w", e.name, err)
		case lo < 0 || hi < lo || known && hi-lo != size:
			return nil, fmt.Errorf("tensor %q, %s%v, needs %d bytes but spans %d to %d", e.name, e.DType, e.Shape, size, lo, hi)
		case lo < end:
			return nil, fmt.Errorf("tensor %q overlaps the one before it", e.name)
		case lo > end:
			return nil, fmt.Errorf("%d unused bytes before tensor %q", lo-end, e.name)
		case int64(hi) > room:
			return nil, fmt.Errorf("tensor %q ends at byte %d of %d: the file is truncated", e.name, hi, room)
		}
		end = hi
	}
	if int64(end) != room {
		return nil, fmt.Errorf("%d bytes follow the last tensor", room-int64(end))
	}
	return entries, nil
}

// DamagedError says that the bytes of a file are not those of a sound safetensors file.
type DamagedError struct{ Name, Why string }

// Error names the file and what is wrong.
func (e *DamagedError) Error() string { return e.Name + ": not a sound safetensors file: " + e.Why }

// entry is a tensor's line of the header.
type entry struct {
	name    string
	DType   string `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets []int  `json:"data_offsets"`
}

// size is the number of bytes the tensor's data must have, where the size of its elements is known.
func (e entry) size() (n int, known bool, err error) {
	width, known := bits[e.DType]
	n = 1
	for _, d := range e.Shape {
		if d < 0 || d > 0 && n > math.MaxInt/64/d {
			return 0, false, fmt.Errorf("has the impossible shape %v", e.Shape)
		}
		n *= d
	}
	if n *= width; n%8 != 0 {
		return 0, false, fmt.Errorf("has %d elements of %d bits, which fill no whole bytes", n/width, width)
	}
	return n / 8, known, nil
}

// entries decodes the JSON text, entry by entry because a plain decoding would hide duplicates.
func (f *File) entries(text []byte) ([]entry, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("its header is not a JSON object: it is damaged or another kind of file")
	}
	var entries []entry
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, fmt.Errorf("its header is damaged at byte %d", d.InputOffset())
		}
		if seen[name] {
			return nil, fmt.Errorf("the name %q appears twice", name)
		}
		seen[name] = true
		if name == "__metadata__" {
			if err := d.Decode(&f.Metadata); err != nil {
				return nil, fmt.Errorf("its metadata are not an object of texts (%v)", err)
			}
			continue
		}
		e := entry{name: name}
		if err := d.Decode(&e); err != nil {
			return nil, fmt.Errorf("the header's entry of tensor %q is wrong (%v)", name, err)
		}
		if len(e.Offsets) != 2 || e.Shape == nil {
			return nil, fmt.Errorf("the header's entry of tensor %q lacks shape or data_offsets", name)
		}
		entries = append(entries, e)
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("its header is damaged at byte %d", d.InputOffset())
	}
	if rest := bytes.TrimSpace(text[d.InputOffset():]); len(rest) > 0 {
		return nil, errors.New("text follows the header's object")
	}
	return entries, nil
}

// Write writes the file, with a checksum: the same content gives the same bytes.
func (f *File) Write(w io.Writer) error {
	var b bytes.Buffer
	put := func(key string, value any) error {
		k, err := json.Marshal(key)
		if err != nil {
			return err
		}
		v, err := json.Marshal(value) // maps come sorted by key
		if err != nil {
			return err
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.Write(k)
		b.WriteByte(':')
		b.Write(v)
		return nil
	}
	meta := map[string]string{checksumKey: noChecksum}
	maps.Copy(meta, f.Metadata)
	if err := put("__metadata__", meta); err != nil {
		return err
	}
	end := 0
	for _, t := range f.Tensors {
		shape := t.Shape
		if shape == nil {
			shape = []int{}
		}
		if err := put(t.Name, entry{DType: t.DType, Shape: shape, Offsets: []int{end, end + len(t.Data)}}); err != nil {
			return err
		}
		end += len(t.Data)
	}
	text := append(append([]byte{'{'}, b.Bytes()...), '}')
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	head := append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)
	f.seal(head)
	if _, err := w.Write(head); err != nil {
		return err
	}
	for _, t := range f.Tensors {
		if _, err := w.Write(t.Data); err != nil {
			return err
		}
	}
	return nil
}

// WriteFile writes the file whole or not at all; see Atomic.
func (f *File) WriteFile(name string) error { return Atomic(name, f.Write) }
