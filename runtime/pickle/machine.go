// Package pickle reads Python's pickles without Python. A class is a name and nothing else: it
// is never looked up, and calling it makes an object that only remembers what it was called
// with, unless the package's user says what it stands for. So no pickle can run anything.
package pickle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// The values that a pickle is made of, beside nil, bool, int64, *big.Int, float64, string and
// []byte. Values may be shared, and a list or dict may hold itself.
type (
	// Tuple is a Python tuple.
	Tuple []any
	// List is a list or a set.
	List struct{ Items []any }
	// Dict is a dictionary, its entries in the order of the pickle.
	Dict struct{ Keys, Values []any }
	// Class is the name of a class or function.
	Class struct{ Module, Name string }
	// Object is what a class that Machine.Call does not know was called to make.
	Object struct {
		Class Class
		Args  Tuple
		List       // what was appended
		Dict  Dict // what was set by key
		State any  // what was given to __setstate__
	}
	// Stateful is a value made by Machine.Call that takes its __setstate__.
	Stateful interface{ SetState(state any) error }
)

// String is the class's full name.
func (c Class) String() string { return c.Module + "." + c.Name }

// Get is the value of a key that is a text, or bytes (the texts of Python 2); nil where the
// dictionary lacks it.
func (d *Dict) Get(key string) any {
	for i := len(d.Keys) - 1; i >= 0; i-- {
		switch k := d.Keys[i].(type) {
		case string:
			if k == key {
				return d.Values[i]
			}
		case []byte:
			if string(k) == key {
				return d.Values[i]
			}
		}
	}
	return nil
}

// Items are the elements of a tuple, a list, or an object made from one (such as a subclass of tuple).
func Items(v any) []any {
	switch v := v.(type) {
	case Tuple:
		return v
	case *List:
		return v.Items
	case *Object:
		if len(v.Args) == 1 {
			switch inner := v.Args[0].(type) {
			case Tuple:
				return inner
			case *List:
				return inner.Items
			}
		}
	}
	return nil
}

// mark is what the opcode MARK puts on the stack.
type mark struct{}

// Machine runs the pickle machine (Python's pickletools.py is its description) as far as
// torch.save, pandas and NumPy use it, and a little beyond.
type Machine struct {
	// Data holds one pickle after the other. Values of type []byte are parts of it.
	Data []byte
	// Persistent resolves a persistent id; nil refuses all.
	Persistent func(id any) (any, error)
	// Call makes what a class called with arguments stands for; false for an inert object. Nil knows no class.
	Call func(c Class, args Tuple) (any, bool, error)

	at    int
	stack []any
	memo  map[uint32]any
}

// ErrEnd says that a pickle goes on behind the end of the data.
var ErrEnd = errors.New("the pickle ends too early: it was cut off")

// Load reads one pickle and gives its value; the next call reads the one behind it.
func (u *Machine) Load() (v any, err error) {
	u.stack, u.memo = nil, map[uint32]any{}
	for {
		start := u.at
		op, err := u.byte()
		if err != nil {
			return nil, err
		}
		if op == '.' {
			return u.pop()
		}
		run, ok := opcodes[op]
		if !ok {
			return nil, fmt.Errorf("the pickle has the unknown opcode %q at byte %d", op, start)
		}
		if err := run(u); err != nil {
			return nil, fmt.Errorf("the pickle is damaged at byte %d (opcode %q): %w", start, op, err)
		}
	}
}

func (u *Machine) byte() (byte, error) {
	b, err := u.Take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// At is the number of bytes that were read.
func (u *Machine) At() int { return u.at }

// Take gives the next n bytes behind what was read.
func (u *Machine) Take(n uint64) ([]byte, error) {
	if n > uint64(len(u.Data)-u.at) {
		return nil, ErrEnd
	}
	b := u.Data[u.at : u.at+int(n)]
	u.at += int(n)
	return b, nil
}

// number reads an unsigned number of so many bytes.
func (u *Machine) number(size int) (uint64, error) {
	b, err := u.Take(uint64(size))
	if err != nil {
		return 0, err
	}
	var word [8]byte
	copy(word[:], b)
	return binary.LittleEndian.Uint64(word[:]), nil
}

func (u *Machine) line() (string, error) {
	n := bytes.IndexByte(u.Data[u.at:], '\n')
	if n < 0 {
		return "", ErrEnd
	}
	s := string(u.Data[u.at : u.at+n])
	u.at += n + 1
	return s, nil
}

func (u *Machine) push(v any) error {
	u.stack = append(u.stack, v)
	return nil
}

var errEmpty = errors.New("the stack is empty")

func (u *Machine) pop() (any, error) {
	if len(u.stack) == 0 {
		return nil, errEmpty
	}
	v := u.stack[len(u.stack)-1]
	u.stack = u.stack[:len(u.stack)-1]
	if _, bad := v.(mark); bad {
		return nil, errors.New("a value was expected, there is a mark")
	}
	return v, nil
}

func (u *Machine) top() (any, error) {
	v, err := u.pop()
	if err == nil {
		err = u.push(v)
	}
	return v, err
}

// popMark takes everything above the last mark, and the mark.
func (u *Machine) popMark() ([]any, error) {
	for i := len(u.stack) - 1; i >= 0; i-- {
		if _, ok := u.stack[i].(mark); ok {
			items := append([]any(nil), u.stack[i+1:]...)
			u.stack = u.stack[:i]
			return items, nil
		}
	}
	return nil, errors.New("there is no mark")
}
