package onnx

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"mspecc/runtime/ckpt"
)

// fields splits a message into its fields.
func fields(t *testing.T, m []byte) map[protowire.Number][][]byte {
	t.Helper()
	all := map[protowire.Number][][]byte{}
	for len(m) > 0 {
		num, kind, n := protowire.ConsumeTag(m)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		m = m[n:]
		var value []byte
		if kind == protowire.BytesType {
			value, n = protowire.ConsumeBytes(m)
		} else {
			n = protowire.ConsumeFieldValue(num, kind, m)
			if n > 0 {
				value = m[:n]
			}
		}
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		all[num] = append(all[num], value)
		m = m[n:]
	}
	return all
}

func TestWrite(t *testing.T) {
	graph := text(nil, 2, "features")
	a, b := ckpt.Floats("a.weight", []int{2, 3}, []float32{1, 2, 3, 4, 5, 6}), ckpt.Floats("b", []int{}, []float32{7})
	var out bytes.Buffer
	if err := Write(&out, graph, []ckpt.Tensor{a, b}, map[string]string{"step": "12", "model": "m"}); err != nil {
		t.Fatal(err)
	}
	m := fields(t, out.Bytes())
	g := fields(t, m[modelGraph][0])
	if len(m[modelMetadata]) != 2 || len(m[modelOpset]) != 1 || string(g[2][0]) != "features" || len(g[graphInitializer]) != 2 {
		t.Fatalf("model %v, graph %v", m, g)
	}
	first := fields(t, g[graphInitializer][0])
	if string(first[tensorName][0]) != "a.weight" || !bytes.Equal(first[tensorRaw][0], a.Data) || len(first[tensorDims]) != 2 || first[tensorType][0][0] != float {
		t.Errorf("initializer %v", first)
	}
	if second := fields(t, g[graphInitializer][1]); len(second[tensorDims]) != 0 || !bytes.Equal(second[tensorRaw][0], b.Data) {
		t.Errorf("initializer %v", second)
	}
}

type full struct{ left int }

func (f *full) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errors.New("disk full")
	}
	return len(p), nil
}

func TestWriteRefuses(t *testing.T) {
	big := make([]byte, 1<<30) // never touched
	large := ckpt.Tensor{Name: "big", DType: "F32", Shape: []int{1 << 28}, Data: big}
	if err := Write(io.Discard, nil, []ckpt.Tensor{large, large}, nil); err == nil || !strings.Contains(err.Error(), "at most 2 GiB") {
		t.Errorf("error %v", err)
	}
	if err := Write(io.Discard, nil, []ckpt.Tensor{ckpt.Ints("i", []int{1}, []int32{1})}, nil); err == nil || !strings.Contains(err.Error(), "i is I32") {
		t.Errorf("error %v", err)
	}
	a := ckpt.Floats("a", []int{2}, []float32{1, 2})
	var whole bytes.Buffer
	if err := Write(&whole, nil, []ckpt.Tensor{a}, nil); err != nil {
		t.Fatal(err)
	}
	for n := range whole.Len() {
		if err := Write(&full{left: n}, nil, []ckpt.Tensor{a}, nil); err == nil || !strings.Contains(err.Error(), "disk full") {
			t.Errorf("with room for %d bytes: error %v", n, err)
		}
	}
}
