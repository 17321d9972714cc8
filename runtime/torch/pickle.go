package torch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// The values that a pickle is made of, beside nil, bool, int64, *big.Int, float64, string and
// []byte. A class is a name and nothing else: it is never looked up, and calling it makes an
// object that only remembers what it was called with. So no pickle can run anything.
type (
	tuple []any
	list  struct{ items []any }
	dict  struct{ keys, values []any }
	class struct{ module, name string }
	// object is what a class that means nothing here was called to make.
	object struct {
		class class
		args  tuple
		list       // what was appended
		dict  dict // what was set by key
		state any  // what was given to __setstate__
	}
)

func (c class) String() string { return c.module + "." + c.name }

// mark is what the opcode MARK puts on the stack.
type mark struct{}

// unpickler runs the pickle machine (Python's pickletools.py is its description) as far as
// torch.save uses it, and a little beyond.
type unpickler struct {
	data  []byte
	at    int
	stack []any
	memo  map[uint32]any
	// persistent resolves a persistent id: torch's storages.
	persistent func(id any) (any, error)
	// call makes what a class called with arguments stands for; false for an inert object.
	call func(c class, args tuple) (any, bool, error)
}

var errEnd = errors.New("the pickle ends too early: it was cut off")

// load reads one pickle and gives its value; u.at is then behind it.
func (u *unpickler) load() (v any, err error) {
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

func (u *unpickler) byte() (byte, error) {
	b, err := u.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

func (u *unpickler) take(n uint64) ([]byte, error) {
	if n > uint64(len(u.data)-u.at) {
		return nil, errEnd
	}
	b := u.data[u.at : u.at+int(n)]
	u.at += int(n)
	return b, nil
}

// number reads an unsigned number of so many bytes.
func (u *unpickler) number(size int) (uint64, error) {
	b, err := u.take(uint64(size))
	if err != nil {
		return 0, err
	}
	var word [8]byte
	copy(word[:], b)
	return binary.LittleEndian.Uint64(word[:]), nil
}

func (u *unpickler) line() (string, error) {
	n := bytes.IndexByte(u.data[u.at:], '\n')
	if n < 0 {
		return "", errEnd
	}
	s := string(u.data[u.at : u.at+n])
	u.at += n + 1
	return s, nil
}

func (u *unpickler) push(v any) error {
	u.stack = append(u.stack, v)
	return nil
}

var errEmpty = errors.New("the stack is empty")

func (u *unpickler) pop() (any, error) {
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

func (u *unpickler) top() (any, error) {
	v, err := u.pop()
	if err == nil {
		err = u.push(v)
	}
	return v, err
}

// popMark takes everything above the last mark, and the mark.
func (u *unpickler) popMark() ([]any, error) {
	for i := len(u.stack) - 1; i >= 0; i-- {
		if _, ok := u.stack[i].(mark); ok {
			items := append([]any(nil), u.stack[i+1:]...)
			u.stack = u.stack[:i]
			return items, nil
		}
	}
	return nil, errors.New("there is no mark")
}
