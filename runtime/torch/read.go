package torch

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"path"
	"strings"

	"mspecc/runtime/files"
	"mspecc/runtime/pickle"
)

// File is an opened checkpoint.
type File struct {
	Name    string
	Tensors []*Tensor // in the order in which the file names them
	// Metadata are the plain values below the key "metadata" of the outermost dictionary, as JSON would
	// have them; nil where there is no such dictionary of nothing but plain values.
	Metadata map[string]any
	closer   io.Closer
}

// Close gives the file back; tensors that were not loaded can then be no more.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// maxPickle bounds a pickle, which holds names and shapes but no elements.
const maxPickle = 256 << 20

// legacyMagic is the number that the older format's first pickle holds.
var legacyMagic, _ = new(big.Int).SetString("1950a86a20f9469cfc6c", 16)

// Is says whether a file's first bytes are those of a checkpoint of PyTorch.
func Is(head []byte) bool {
	return bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"))
}

// IsFile says whether a file is a checkpoint of PyTorch; one that cannot be read is none.
func IsFile(name string) bool {
	f, _, err := files.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	var head [14]byte
	n, _ := io.ReadFull(f, head[:])
	return Is(head[:n])
}

// Open reads a checkpoint's names, shapes and element types. Tensors are found in nested
// dictionaries, lists and objects' attributes, and named by the way to them.
func Open(name string) (*File, error) {
	f, info, err := files.Open(name)
	var kind *files.KindError
	if errors.As(err, &kind) {
		return nil, err
	}
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return nil, fmt.Errorf("%s: cannot be read: %w", name, err)
	}
	out := &File{Name: name, closer: f}
	if err := out.read(f, info.Size()); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: not a sound PyTorch checkpoint: %w", name, err)
	}
	return out, nil
}

func (f *File) read(file *os.File, size int64) error {
	var head [14]byte
	n, err := file.ReadAt(head[:], 0)
	if err != nil && err != io.EOF {
		return err
	}
	switch {
	case bytes.HasPrefix(head[:n], []byte("PK\x03\x04")):
		return f.readZip(file, size)
	case Is(head[:n]):
		return f.readLegacy(file, size)
	}
	return errors.New("it is another kind of file; expected what torch.save writes")
}

// readZip reads an archive of torch.save: data.pkl, and data/KEY for each storage.
func (f *File) readZip(r io.ReaderAt, size int64) error {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return fmt.Errorf("the archive is damaged: %w", err)
	}
	records := map[string]*zip.File{}
	root := ""
	for _, x := range z.File {
		records[x.Name] = x
		if path.Base(x.Name) == "data.pkl" && records[root+"data.pkl"] == nil {
			root = strings.TrimSuffix(x.Name, "data.pkl")
		}
	}
	switch {
	case records[root+"constants.pkl"] != nil:
		return errors.New("it is a TorchScript program, not a checkpoint; save the model's state_dict with torch.save")
	case records[root+"data.pkl"] == nil:
		return errors.New("the archive has no data.pkl")
	}
	if order := records[root+"byteorder"]; order != nil {
		text, err := record(order, 16)
		if err != nil {
			return err
		}
		if string(text) != "little" {
			return fmt.Errorf("its byte order is %q, expected little", text)
		}
	}
	stream, err := record(records[root+"data.pkl"], maxPickle)
	if err != nil {
		return err
	}
	storages := map[string]*storage{}
	u := &pickle.Machine{Data: stream, Call: rebuild, Persistent: func(id any) (any, error) {
		key, s, err := identify(id)
		if err != nil {
			return nil, err
		}
		if known := storages[key]; known != nil {
			return known, nil
		}
		x := records[root+"data/"+key]
		if x == nil {
			return nil, fmt.Errorf("the archive lacks data/%s", key)
		}
		s.read = func() ([]byte, error) { return record(x, int64(s.numel)*int64(sizes[s.dtype])) }
		storages[key] = s
		return s, nil
	}}
	v, err := u.Load()
	if err != nil {
		return err
	}
	return f.collect(v)
}

// record reads a record of an archive, of at most so many bytes. Memory grows with what is
// really there.
func record(x *zip.File, limit int64) ([]byte, error) {
	r, err := x.Open()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", x.Name, err)
	}
	defer r.Close()
	raw, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", x.Name, err)
	}
	if int64(len(raw)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes", x.Name, limit)
	}
	return raw, nil
}

// identify reads the persistent id of a storage: ("storage", class, key, location, numel, ...).
func identify(id any) (key string, s *storage, err error) {
	t := pickle.Items(id)
	if len(t) < 5 || t[0] != "storage" {
		return "", nil, errors.New("a persistent id that is no storage")
	}
	c, okC := t[1].(pickle.Class)
	key, okK := t[2].(string)
	numel, okN := t[4].(int64)
	if !okC || !okK || !okN || numel < 0 || numel > maxElements {
		return "", nil, errors.New("a storage of an unknown form")
	}
	dtype, ok := dtypes[c.Name]
	if !ok {
		dtype = c.String()
	}
	return key, &storage{dtype: dtype, numel: int(numel)}, nil
}

// readLegacy reads the older format: pickles of a magic number, the version of the format, the
// system, the object and the storages' keys, then the storages' elements.
func (f *File) readLegacy(file io.ReaderAt, size int64) error {
	for n := min(size, firstPickles); ; n = min(size, 8*n, maxPickle) {
		raw := make([]byte, n)
		if _, err := file.ReadAt(raw, 0); err != nil && err != io.EOF {
			return err
		}
		err := f.legacyPickles(raw, file, size)
		if !errors.Is(err, pickle.ErrEnd) || n == min(size, maxPickle) {
			return err
		}
	}
}

// firstPickles is how much of a file of the older format is read for its pickles at first.
const firstPickles = 1 << 20

// legacyPickles reads the pickles of the older format, which are among the first bytes of a file.
func (f *File) legacyPickles(raw []byte, file io.ReaderAt, size int64) error {
	misplaced := func(any) (any, error) { return nil, errors.New("a persistent id out of place") }
	u := &pickle.Machine{Data: raw, Call: rebuild, Persistent: misplaced}
	magic, err := u.Load()
	if err != nil {
		return err
	}
	if n, ok := magic.(*big.Int); !ok || n.Cmp(legacyMagic) != 0 {
		return errors.New("it does not begin with torch.save's magic number")
	}
	version, err := u.Load()
	if err != nil {
		return err
	}
	if version != int64(1001) {
		return fmt.Errorf("its format has the version %s, expected 1001", plain(version))
	}
	system, err := u.Load()
	if err != nil {
		return err
	}
	if d, ok := system.(*pickle.Dict); ok {
		for i, k := range d.Keys {
			if k == "little_endian" && d.Values[i] != true {
				return errors.New("its byte order is not little endian")
			}
		}
	}
	storages := map[string]*storage{}
	u.Persistent = func(id any) (any, error) { return legacyStorage(storages, id) }
	v, err := u.Load()
	if err != nil {
		return err
	}
	u.Persistent = misplaced
	keys, err := u.Load()
	if err != nil {
		return err
	}
	if err := legacyElements(file, int64(u.At()), size, storages, pickle.Items(keys)); err != nil {
		return err
	}
	return f.collect(v)
}

// legacyStorage gives the storage of a persistent id, or the part of one that the id asks for.
func legacyStorage(storages map[string]*storage, id any) (any, error) {
	t := pickle.Items(id)
	if len(t) >= 2 && t[0] == "module" { // a whole module was saved; its class follows
		return t[1], nil
	}
	key, s, err := identify(id)
	if err != nil {
		return nil, err
	}
	if known := storages[key]; known != nil {
		s = known
	} else {
		storages[key] = s
	}
	if len(t) < 6 || t[5] == nil {
		return s, nil
	}
	part := pickle.Items(t[5]) // (key, offset, numel)
	if len(part) != 3 {
		return nil, errors.New("a part of a storage of an unknown form")
	}
	offset, okO := part[1].(int64)
	numel, okN := part[2].(int64)
	if !okO || !okN || offset < 0 || numel < 0 || offset > int64(s.numel) || numel > int64(s.numel)-offset {
		return nil, errors.New("a part of a storage beyond its end")
	}
	size := int64(sizes[s.dtype])
	return &storage{dtype: s.dtype, numel: int(numel), read: func() ([]byte, error) {
		all, err := s.elements()
		if err != nil {
			return nil, err
		}
		return all[offset*size : (offset+numel)*size], nil
	}}, nil
}

// legacyElements finds the elements of the storages, which follow the pickles from byte at on, in the
// order of keys: the number of elements, 8 bytes, and the elements.
func legacyElements(file io.ReaderAt, at, size int64, storages map[string]*storage, keys []any) error {
	for _, k := range keys {
		key, _ := k.(string)
		s := storages[key]
		if s == nil {
			return fmt.Errorf("elements of the storage %s, which no tensor uses", plain(k))
		}
		var b [8]byte
		if _, err := file.ReadAt(b[:], at); err != nil {
			return errors.New("the storages end too early: the file was cut off")
		}
		if n := binary.LittleEndian.Uint64(b[:]); n != uint64(s.numel) {
			return fmt.Errorf("the storage %s has %d elements, its tensors expect %d", key, n, s.numel)
		}
		width, ok := sizes[s.dtype]
		if !ok {
			width, ok = otherSizes[s.dtype]
		}
		if !ok {
			return fmt.Errorf("the storage %s has elements of type %s, whose size is not known", key, s.dtype)
		}
		from, bytes := at+8, int64(s.numel)*int64(width)
		if bytes > size-from {
			return fmt.Errorf("the storage %s ends too early: the file was cut off", key)
		}
		s.read = func() ([]byte, error) {
			data := make([]byte, bytes)
			_, err := file.ReadAt(data, from)
			return data, err
		}
		at = from + bytes
	}
	for key, s := range storages {
		if s.read == nil {
			return fmt.Errorf("the elements of the storage %s are missing", key)
		}
	}
	return nil
}
