package pickle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
)

// opcodes are what each byte does.
var opcodes map[byte]func(u *Machine) error

func init() {
	opcodes = map[byte]func(u *Machine) error{}
	for _, family := range []map[byte]func(u *Machine) error{structureOps, scalarOps, textOps, containerOps, classOps, memoOps} {
		for op, f := range family {
			opcodes[op] = f
		}
	}
}

func skip(n uint64) func(u *Machine) error {
	return func(u *Machine) error {
		_, err := u.Take(n)
		return err
	}
}

var structureOps = map[byte]func(u *Machine) error{
	0x80: skip(1), // PROTO
	0x95: skip(8), // FRAME
	'(':  func(u *Machine) error { return u.push(mark{}) },
	'0': func(u *Machine) error {
		if len(u.stack) == 0 {
			return errEmpty
		}
		u.stack = u.stack[:len(u.stack)-1]
		return nil
	},
	'1': func(u *Machine) error {
		_, err := u.popMark()
		return err
	},
	'2': func(u *Machine) error {
		v, err := u.top()
		if err != nil {
			return err
		}
		return u.push(v)
	},
}

func constant(v any) func(u *Machine) error {
	return func(u *Machine) error { return u.push(v) }
}

func unsigned(size int) func(u *Machine) error {
	return func(u *Machine) error {
		n, err := u.number(size)
		if err != nil {
			return err
		}
		return u.push(int64(n))
	}
}

// long reads a number in two's complement whose length stands before it.
func long(size int) func(u *Machine) error {
	return counted(size, func(b []byte) any {
		big := make([]byte, len(b))
		for i, x := range b {
			big[len(b)-1-i] = x
		}
		return integer(big)
	})
}

// integer is a big-endian number in two's complement, as an int64 if it fits.
func integer(b []byte) any {
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	if n.IsInt64() {
		return n.Int64()
	}
	return n
}

// decimal reads a number written as text.
func decimal(u *Machine) error {
	s, err := u.line()
	if err != nil {
		return err
	}
	switch s {
	case "00":
		return u.push(false)
	case "01":
		return u.push(true)
	}
	if n := len(s); n > 0 && s[n-1] == 'L' {
		s = s[:n-1]
	}
	if len(s) > 4096 { // converting a decimal takes quadratic time
		return errors.New("a number of more than 4096 digits")
	}
	n, ok := new(big.Int).SetString(s, 10)
	if !ok {
		return fmt.Errorf("%q is no number", s)
	}
	if n.IsInt64() {
		return u.push(n.Int64())
	}
	return u.push(n)
}

var scalarOps = map[byte]func(u *Machine) error{
	'N':  constant(nil),
	0x88: constant(true),
	0x89: constant(false),
	'K':  unsigned(1),
	'M':  unsigned(2),
	'J': func(u *Machine) error {
		n, err := u.number(4)
		if err != nil {
			return err
		}
		return u.push(int64(int32(n)))
	},
	0x8a: long(1),
	0x8b: long(4),
	'I':  decimal,
	'L':  decimal,
	'G': func(u *Machine) error {
		b, err := u.Take(8)
		if err != nil {
			return err
		}
		return u.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
	},
	'F': func(u *Machine) error {
		s, err := u.line()
		if err != nil {
			return err
		}
		v, err := strconv.ParseFloat(s, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return fmt.Errorf("%q is no number", s)
		}
		return u.push(v)
	},
}

// counted reads a value whose length in bytes, a number of so many bytes, stands before it.
func counted(size int, value func(b []byte) any) func(u *Machine) error {
	return func(u *Machine) error {
		n, err := u.number(size)
		if err != nil {
			return err
		}
		b, err := u.Take(n)
		if err != nil {
			return err
		}
		return u.push(value(b))
	}
}

func text(size int) func(u *Machine) error {
	return counted(size, func(b []byte) any { return string(b) })
}

func raw(size int) func(u *Machine) error {
	return counted(size, func(b []byte) any { return b[:len(b):len(b)] })
}

// quoted reads a line that holds a string; what it looks like inside does not matter here.
func quoted(u *Machine) error {
	s, err := u.line()
	if err != nil {
		return err
	}
	if n := len(s); n >= 2 && (s[0] == '\'' || s[0] == '"') && s[n-1] == s[0] {
		s = s[1 : n-1]
	}
	return u.push(s)
}

var textOps = map[byte]func(u *Machine) error{
	'S': quoted, 'V': quoted,
	'T': text(4), 'U': text(1), 'X': text(4), 0x8c: text(1), 0x8d: text(8),
	'B': raw(4), 'C': raw(1), 0x8e: raw(8), 0x96: raw(8),
}

// tupleOf makes a tuple of the last n values.
func tupleOf(n int) func(u *Machine) error {
	return func(u *Machine) error {
		t := make(Tuple, n)
		for i := n - 1; i >= 0; i-- {
			v, err := u.pop()
			if err != nil {
				return err
			}
			t[i] = v
		}
		return u.push(t)
	}
}

// fromMark makes a value of everything above the last mark.
func fromMark(f func(items []any) (any, error)) func(u *Machine) error {
	return func(u *Machine) error {
		items, err := u.popMark()
		if err != nil {
			return err
		}
		v, err := f(items)
		if err != nil {
			return err
		}
		return u.push(v)
	}
}

func (d *Dict) set(pairs []any) error {
	if len(pairs)%2 != 0 {
		return errors.New("a key without a value")
	}
	for i := 0; i < len(pairs); i += 2 {
		d.Keys, d.Values = append(d.Keys, pairs[i]), append(d.Values, pairs[i+1])
	}
	return nil
}

// setItems adds keys with their values to the dict, or the object that acts as one, on top.
func (u *Machine) setItems(pairs []any) error {
	target, err := u.top()
	if err != nil {
		return err
	}
	switch t := target.(type) {
	case *Dict:
		return t.set(pairs)
	case *Object:
		return t.Dict.set(pairs)
	}
	return fmt.Errorf("keys are set in a %T", target)
}

// append adds items to the list, or the object that acts as one, on top.
func (u *Machine) append(items []any) error {
	target, err := u.top()
	if err != nil {
		return err
	}
	switch t := target.(type) {
	case *List:
		t.Items = append(t.Items, items...)
	case *Object:
		t.Items = append(t.Items, items...)
	default:
		return fmt.Errorf("items are appended to a %T", target)
	}
	return nil
}

var containerOps = map[byte]func(u *Machine) error{
	')':  func(u *Machine) error { return u.push(Tuple{}) },
	0x85: tupleOf(1), 0x86: tupleOf(2), 0x87: tupleOf(3),
	't':  fromMark(func(items []any) (any, error) { return Tuple(items), nil }),
	']':  func(u *Machine) error { return u.push(&List{}) },
	'l':  fromMark(func(items []any) (any, error) { return &List{items}, nil }),
	0x8f: func(u *Machine) error { return u.push(&List{}) }, // EMPTY_SET
	0x91: fromMark(func(items []any) (any, error) { return &List{items}, nil }),
	'}':  func(u *Machine) error { return u.push(&Dict{}) },
	'd': fromMark(func(items []any) (any, error) {
		d := &Dict{}
		return d, d.set(items)
	}),
	's': func(u *Machine) error {
		value, err := u.pop()
		if err != nil {
			return err
		}
		key, err := u.pop()
		if err != nil {
			return err
		}
		return u.setItems([]any{key, value})
	},
	'u': func(u *Machine) error {
		items, err := u.popMark()
		if err != nil {
			return err
		}
		return u.setItems(items)
	},
	'a': func(u *Machine) error {
		v, err := u.pop()
		if err != nil {
			return err
		}
		return u.append([]any{v})
	},
	'e':  appendFromMark,
	0x90: appendFromMark,
}

func appendFromMark(u *Machine) error {
	items, err := u.popMark()
	if err != nil {
		return err
	}
	return u.append(items)
}

// apply calls a class: what it makes is known, or an inert object.
func (u *Machine) apply(callee any, args Tuple) error {
	c, ok := callee.(Class)
	if !ok {
		return fmt.Errorf("a %T is called", callee)
	}
	var v any
	known := false
	if u.Call != nil {
		var err error
		if v, known, err = u.Call(c, args); err != nil {
			return err
		}
	}
	if !known {
		v = &Object{Class: c, Args: args}
	}
	return u.push(v)
}

// applyTop calls the class below the arguments on top; drop more values lie above them.
func applyTop(drop int) func(u *Machine) error {
	return func(u *Machine) error {
		for range drop {
			if _, err := u.pop(); err != nil {
				return err
			}
		}
		args, err := u.pop()
		if err != nil {
			return err
		}
		callee, err := u.pop()
		if err != nil {
			return err
		}
		t, ok := args.(Tuple)
		if !ok {
			return fmt.Errorf("the arguments of a call are a %T", args)
		}
		return u.apply(callee, t)
	}
}

var classOps = map[byte]func(u *Machine) error{
	'c': func(u *Machine) error {
		module, err := u.line()
		if err != nil {
			return err
		}
		name, err := u.line()
		if err != nil {
			return err
		}
		return u.push(Class{module, name})
	},
	0x93: func(u *Machine) error {
		name, err := u.pop()
		if err != nil {
			return err
		}
		module, err := u.pop()
		if err != nil {
			return err
		}
		m, okM := module.(string)
		n, okN := name.(string)
		if !okM || !okN {
			return errors.New("the name of a class is no text")
		}
		return u.push(Class{m, n})
	},
	'R': applyTop(0), 0x81: applyTop(0), 0x92: applyTop(1),
	'i': func(u *Machine) error {
		module, err := u.line()
		if err != nil {
			return err
		}
		name, err := u.line()
		if err != nil {
			return err
		}
		args, err := u.popMark()
		if err != nil {
			return err
		}
		return u.apply(Class{module, name}, args)
	},
	'o': func(u *Machine) error {
		items, err := u.popMark()
		if err != nil {
			return err
		}
		if len(items) == 0 {
			return errors.New("a call of nothing")
		}
		return u.apply(items[0], items[1:])
	},
	'b': func(u *Machine) error { // BUILD
		state, err := u.pop()
		if err != nil {
			return err
		}
		target, err := u.top()
		switch t := target.(type) {
		case *Object:
			t.State = state
		case Stateful:
			return t.SetState(state)
		}
		return err
	},
	'Q': func(u *Machine) error {
		id, err := u.pop()
		if err != nil {
			return err
		}
		if u.Persistent == nil {
			return errors.New("a persistent id")
		}
		v, err := u.Persistent(id)
		if err != nil {
			return err
		}
		return u.push(v)
	},
}

func (u *Machine) remember(key uint32) error {
	v, err := u.top()
	u.memo[key] = v
	return err
}

func (u *Machine) recall(key uint32) error {
	v, ok := u.memo[key]
	if !ok {
		return fmt.Errorf("memo %d is empty", key)
	}
	return u.push(v)
}

// memoOp reads a key of so many bytes; 0 stands for a line of text.
func memoOp(size int, f func(u *Machine, key uint32) error) func(u *Machine) error {
	return func(u *Machine) error {
		if size > 0 {
			key, err := u.number(size)
			if err != nil {
				return err
			}
			return f(u, uint32(key))
		}
		s, err := u.line()
		if err != nil {
			return err
		}
		key, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return fmt.Errorf("%q is no key of the memo", s)
		}
		return f(u, uint32(key))
	}
}

var memoOps = map[byte]func(u *Machine) error{
	'p': memoOp(0, (*Machine).remember), 'q': memoOp(1, (*Machine).remember), 'r': memoOp(4, (*Machine).remember),
	'g': memoOp(0, (*Machine).recall), 'h': memoOp(1, (*Machine).recall), 'j': memoOp(4, (*Machine).recall),
	0x94: func(u *Machine) error { return u.remember(uint32(len(u.memo))) },
}
