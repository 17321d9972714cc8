package pickle

import (
	"testing"

	"mspecc/internal/fuzzing"
)

// Whatever the bytes are, the machine ends with a value or an error.
func FuzzLoad(f *testing.F) {
	f.Add([]byte("\x80\x02]q\x00(K\x01K\x02e."))
	f.Add([]byte("\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01a\x94C\x02xys."))
	f.Add([]byte("cmodule\nClass\n)R}b."))
	f.Add([]byte("(i__main__\nA\n(dS'x'\nI1\nsb."))
	fuzzing.Bound(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := &Machine{Data: raw}
		for range 4 {
			if _, err := m.Load(); err != nil {
				return
			}
		}
	})
}

func TestValues(t *testing.T) {
	m := &Machine{Data: []byte("(i__main__\nA\n(dS'x'\nI1\nsb.")}
	v, err := m.Load()
	if err != nil {
		t.Fatal(err)
	}
	o, ok := v.(*Object)
	if !ok || o.Class.String() != "__main__.A" {
		t.Fatalf("got %#v", v)
	}
	state, ok := o.State.(*Dict)
	if !ok || state.Get("x") != int64(1) || state.Get("y") != nil {
		t.Fatalf("state %#v", o.State)
	}
	if _, err := m.Load(); err == nil {
		t.Fatal("a pickle behind the last one")
	}
	if _, err := (&Machine{Data: []byte("I1\nQ.")}).Load(); err == nil {
		t.Fatal("a persistent id was resolved by nobody")
	}
}
