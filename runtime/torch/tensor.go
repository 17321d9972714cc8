// Package torch reads and writes PyTorch's checkpoint files without PyTorch: the zip archives
// that torch.save writes since version 1.6, and the older stream of pickles. Nothing a file
// contains is ever run: its pickle is read by a machine that knows tensors, dictionaries and
// plain values, and for which every other class is just a name.
package torch

import (
	"errors"
	"fmt"
	"slices"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/pickle"
)

// Tensor is a tensor of a file, whose elements are read when they are asked for.
type Tensor struct {
	Name   string // where it stands, such as model.encoder.0.norm1.weight
	DType  string // as in safetensors: F32, BF16, I64, ...
	Shape  []int
	stride []int // in elements
	offset int   // of the first element in the storage
	from   *storage
	minus  bool   // every element is the negative of what the storage holds
	odd    string // why it cannot be loaded, "" where it can
}

// storage is a run of elements that tensors share.
type storage struct {
	dtype string
	numel int
	read  func() ([]byte, error) // all bytes, numel times the size of an element
	bytes []byte
}

// elements are the storage's bytes, read once.
func (s *storage) elements() ([]byte, error) {
	if s.bytes == nil {
		if err := runtime.CheckMemory(float64(s.numel) * float64(sizes[s.dtype])); err != nil {
			return nil, fmt.Errorf("its storage has %d elements: %w", s.numel, err)
		}
		b, err := s.read()
		if err != nil {
			return nil, err
		}
		if want := s.numel * sizes[s.dtype]; len(b) != want {
			return nil, fmt.Errorf("its storage has %d bytes, expected %d", len(b), want)
		}
		s.bytes = b
	}
	return s.bytes, nil
}

// sizes are the bytes of an element.
var sizes = map[string]int{"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}

// dtypes names the element types of torch's storage classes.
var dtypes = map[string]string{
	"DoubleStorage": "F64", "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16",
	"LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8", "ByteStorage": "U8", "BoolStorage": "BOOL",
}

// otherSizes are those of storage classes whose elements are not read, but which may lie between others.
var otherSizes = map[string]int{"torch.ComplexFloatStorage": 8, "torch.ComplexDoubleStorage": 16, "torch.QInt8Storage": 1, "torch.QUInt8Storage": 1,
	"torch.QInt32Storage": 4, "torch.QUInt4x2Storage": 1, "torch.QUInt2x4Storage": 1, "torch.storage.UntypedStorage": 1, "torch.UntypedStorage": 1}

// maxElements bounds what a tensor may announce; a larger one is a damaged file.
const maxElements = 1 << 40

// count multiplies a shape out.
func count(shape []int) (int, error) {
	n := 1
	for _, d := range shape {
		if d < 0 || d > 0 && n > maxElements/d {
			return 0, fmt.Errorf("the impossible shape %v", shape)
		}
		n *= d
	}
	return n, nil
}

// check refuses a view that reaches beyond its storage.
func (t *Tensor) check() error {
	n, err := count(t.Shape)
	if err != nil {
		return err
	}
	if len(t.stride) != len(t.Shape) {
		return fmt.Errorf("%d strides for the shape %v", len(t.stride), t.Shape)
	}
	if n == 0 {
		return nil
	}
	last := t.offset
	for i, d := range t.Shape {
		if t.stride[i] < 0 || t.stride[i] > maxElements || d > 1 && t.stride[i] > 0 && (d-1) > maxElements/t.stride[i] {
			return fmt.Errorf("the impossible strides %v", t.stride)
		}
		last += (d - 1) * t.stride[i]
	}
	if t.offset < 0 || last >= t.from.numel {
		return fmt.Errorf("elements %d to %d of a storage of %d", t.offset, last, t.from.numel)
	}
	return nil
}

// Load reads the elements, in row-major order whatever the strides are. The shape says
// how much memory that takes.
func (t *Tensor) Load() (ckpt.Tensor, error) {
	out := ckpt.Tensor{Name: t.Name, DType: t.DType, Shape: t.Shape}
	size := sizes[t.DType]
	if t.odd != "" {
		return out, fmt.Errorf("tensor %q %s, which is not read", t.Name, t.odd)
	}
	if size == 0 || t.from == nil {
		return out, fmt.Errorf("tensor %q has elements of type %s, which are not supported", t.Name, t.DType)
	}
	n, err := count(t.Shape)
	if err != nil {
		return out, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	if n == 0 {
		return out, nil
	}
	all, err := t.from.elements()
	if err != nil {
		return out, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	if slices.Equal(t.stride, contiguous(t.Shape)) && !t.minus {
		out.Data = all[t.offset*size : (t.offset+n)*size : (t.offset+n)*size]
		return out, nil
	}
	out.Data = make([]byte, 0, n*size)
	var walk func(axis, at int)
	walk = func(axis, at int) {
		if axis == len(t.Shape) {
			out.Data = append(out.Data, all[at*size:(at+1)*size]...)
			return
		}
		for i := range t.Shape[axis] {
			walk(axis+1, at+i*t.stride[axis])
		}
	}
	walk(0, t.offset)
	if t.minus {
		return out, negate(out)
	}
	return out, nil
}

// negate turns the signs of a tensor's elements.
func negate(t ckpt.Tensor) error {
	size := sizes[t.DType]
	switch t.DType {
	case "F64", "F32", "F16", "BF16":
		for i := size - 1; i < len(t.Data); i += size {
			t.Data[i] ^= 0x80
		}
		return nil
	case "I64", "I32", "I16", "I8":
		for i := 0; i < len(t.Data); i += size {
			carry := true
			for k, b := range t.Data[i : i+size] {
				if b = ^b; carry {
					b++
					carry = b == 0
				}
				t.Data[i+k] = b
			}
		}
		return nil
	}
	return fmt.Errorf("tensor %q is negated, which elements of type %s cannot be", t.Name, t.DType)
}

// contiguous are the strides of row-major elements.
func contiguous(shape []int) []int {
	s := make([]int, len(shape))
	n := 1
	for i := len(shape) - 1; i >= 0; i-- {
		s[i] = n
		n *= shape[i]
	}
	return s
}

// rebuild makes what torch's functions for loading make; false for any other class.
func rebuild(c pickle.Class, args pickle.Tuple) (any, bool, error) {
	switch c.String() {
	case "collections.OrderedDict":
		d := &pickle.Dict{}
		if len(args) == 1 { // older Pythons: a list of pairs
			if pairs, ok := args[0].(*pickle.List); ok {
				for _, p := range pairs.Items {
					if kv := pickle.Items(p); len(kv) == 2 {
						d.Keys, d.Values = append(d.Keys, kv[0]), append(d.Values, kv[1])
					}
				}
			}
		}
		return d, true, nil
	case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2":
		t, err := view(args)
		if err == nil && len(args) > 6 {
			t.describe(args[6])
		}
		return t, true, err
	case "torch._utils._rebuild_device_tensor_from_cpu_tensor":
		if len(args) > 0 {
			if t, ok := args[0].(*Tensor); ok {
				return t, true, nil
			}
		}
		return nil, true, errForm
	case "torch._utils._rebuild_sparse_tensor":
		return &Tensor{odd: "is sparse (save x.to_dense())"}, true, nil
	case "torch._utils._rebuild_qtensor":
		return &Tensor{odd: "is quantized (save x.dequantize())"}, true, nil
	case "torch._utils._rebuild_nested_tensor", "torch._utils._rebuild_wrapper_subclass", "torch._utils._rebuild_meta_tensor_no_storage",
		"torch._utils._rebuild_device_tensor_from_numpy", "torch._utils._rebuild_xla_tensor":
		return &Tensor{odd: "is of a kind that " + c.Name + " makes"}, true, nil
	case "torch._utils._rebuild_tensor_v3": // for element types that have no storage class, such as float8
		if len(args) < 7 {
			return nil, true, errForm
		}
		dtype, _ := args[6].(pickle.Class)
		shape, err := extents(args[2])
		return &Tensor{DType: dtype.String(), Shape: shape}, true, err
	case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state", "torch._tensor._rebuild_from_type_v2":
		for _, a := range args { // the tensor itself, or what makes it
			if t, ok := a.(*Tensor); ok {
				return t, true, nil
			}
			if inner, ok := a.(pickle.Tuple); ok && c.Name == "_rebuild_from_type_v2" && len(args) > 0 {
				if f, ok := args[0].(pickle.Class); ok {
					return rebuild(f, inner)
				}
			}
		}
		return nil, true, errors.New("a parameter without a tensor")
	}
	return nil, false, nil
}

// describe takes what PyTorch says of a tensor beside its elements: whether signs are yet to be turned.
func (t *Tensor) describe(metadata any) {
	d, ok := metadata.(*pickle.Dict)
	if !ok {
		if metadata != nil {
			t.odd = "has properties of an unknown form"
		}
		return
	}
	for i, k := range d.Keys {
		switch set := d.Values[i]; {
		case set == false:
		case k == "neg" && set == true:
			t.minus = true
		case k == "conj" && set == true: // real numbers are their own conjugates, others are not read anyhow
		default:
			t.odd = fmt.Sprintf("has the property %s", plain(k))
		}
	}
}

var errForm = errors.New("a tensor of an unknown form")

// view makes a tensor of (storage, offset, shape, strides, ...).
func view(args pickle.Tuple) (*Tensor, error) {
	if len(args) < 4 {
		return nil, errForm
	}
	s, okS := args[0].(*storage)
	offset, okO := args[1].(int64)
	shape, errShape := extents(args[2])
	stride, errStride := extents(args[3])
	if !okS || !okO || errShape != nil || errStride != nil || offset < 0 || offset > maxElements {
		return nil, errForm
	}
	t := &Tensor{DType: s.dtype, Shape: shape, stride: stride, offset: int(offset), from: s}
	return t, t.check()
}

func extents(v any) ([]int, error) {
	out := []int{}
	for _, x := range pickle.Items(v) {
		n, ok := x.(int64)
		if !ok || n < 0 || n > maxElements {
			return nil, fmt.Errorf("the extent %s", plain(x))
		}
		out = append(out, int(n))
	}
	return out, nil
}
