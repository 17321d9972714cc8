package eval

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/data"
)

// Cache keeps features in a folder, under the hash of all that they depend on: the program
// that computes them, its parameters, and the examples themselves. It never holds more than
// Limit bytes; what was used least recently goes first.
type Cache struct {
	Dir   string
	Limit int64
}

// CacheLimit is the usual limit: features of a million examples, 512 each, and more.
const CacheLimit = 4 << 30

// DefaultCache is the folder for features in the user's cache folder.
func DefaultCache() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "mspecc", "features"), nil
}

// Key is the hash that features are kept under. It reads every example once.
func Key(ctx context.Context, m *runtime.Machine, s Source, progress func(done int)) (string, error) {
	h := sha256.New()
	p := m.Program
	fmt.Fprintf(h, "features 2\n%s %s %s %s %d\n", p.Name, p.Digest, p.Modality.Name, p.Target, p.Batch)
	for _, x := range p.Settings {
		fmt.Fprintf(h, "%s=%s\n", x.Name, x.Value)
	}
	// The same spec compiled by another version may give other bits: the binary counts.
	if err := hashBinary(h); err != nil {
		return "", err
	}
	for _, q := range p.Params {
		fmt.Fprintf(h, "%s %v\n", q.Name, q.Shape)
		hashFloats(h, m.Floats(q.Tensor))
	}
	if err := hashExamples(ctx, h, s, p.Batch, progress); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func hashBinary(h hash.Hash) error {
	name, err := os.Executable()
	if err != nil {
		return err
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(h, f)
	return err
}

// hashExamples hashes what the program would see, and the labels.
func hashExamples(ctx context.Context, h hash.Hash, s Source, batch int, progress func(done int)) error {
	labels := s.Data.Labels()
	fmt.Fprintf(h, "%d examples %+v, %d classes, %d labels\n", s.Len(), []data.Input(s.Want), labels.Classes, labels.Each)
	return batches(ctx, s, batch, func(first, n int, b *data.Batch) error {
		hashInts(h, b.Tokens[:len(b.Tokens)/batch*n])
		hashFloats(h, b.X[:len(b.X)/batch*n])
		for row, i := range b.From[:n] {
			if i != first+row {
				fmt.Fprintln(h, "left out", first+row)
			}
		}
		for _, y := range b.Labels[:len(b.Labels)/batch*n] {
			_ = binary.Write(h, binary.LittleEndian, y) // a hash takes everything
		}
		if progress != nil {
			progress(first + n)
		}
		return nil
	})
}

func hashFloats(h hash.Hash, x []float32) {
	var raw [4096]byte
	for len(x) > 0 {
		n := min(len(x), len(raw)/4)
		for i, v := range x[:n] {
			binary.LittleEndian.PutUint32(raw[4*i:], math.Float32bits(v))
		}
		h.Write(raw[:4*n])
		x = x[n:]
	}
}

func hashInts(h hash.Hash, x []int32) {
	var raw []byte
	for _, v := range x {
		raw = binary.LittleEndian.AppendUint32(raw, uint32(v))
	}
	h.Write(raw)
}

func (c *Cache) path(key string) string { return filepath.Join(c.Dir, key+".safetensors") }

// Load gives the features kept under a key, nil where there are none. Features that were
// damaged on disk are removed, and that is an error worth a warning, no more.
func (c *Cache) Load(key string) (*Set, error) {
	name := c.path(key)
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	set, err := readSet(name)
	var bad *ckpt.DamagedError
	if errors.As(err, &bad) {
		_ = os.Remove(name) // it would only be in the way again
	}
	if err != nil {
		return nil, err
	}
	now := time.Now()
	_ = os.Chtimes(name, now, now) // used just now; where that fails, it goes a little earlier
	return set, nil
}

// Save keeps features under a key.
func (c *Cache) Save(key string, s *Set) error {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	x := ckpt.Floats("features", []int{s.Len(), s.Width}, s.X)
	y := ckpt.Tensor{Name: "labels", DType: "F64", Shape: []int{s.Len()}}
	for _, v := range s.Y {
		y.Data = binary.LittleEndian.AppendUint64(y.Data, math.Float64bits(v))
	}
	tensors := []ckpt.Tensor{x, y}
	for _, t := range []ckpt.Tensor{whole("from", s.From), whole("place", s.Place)} {
		if len(t.Data) > 0 {
			tensors = append(tensors, t)
		}
	}
	f := ckpt.File{Tensors: tensors, Metadata: map[string]string{"classes": strconv.Itoa(s.Classes), "sha256": digest(s.Classes, tensors...)}}
	if err := f.WriteFile(c.path(key)); err != nil {
		return err
	}
	return c.prune(c.path(key))
}

// whole is a tensor of numbers of examples or places.
func whole(name string, list []int) ckpt.Tensor {
	t := ckpt.Tensor{Name: name, DType: "I64", Shape: []int{len(list)}}
	for _, v := range list {
		t.Data = binary.LittleEndian.AppendUint64(t.Data, uint64(v))
	}
	return t
}

// wholes are its numbers.
func wholes(t ckpt.Tensor) []int {
	list := make([]int, len(t.Data)/8)
	for i := range list {
		list[i] = int(binary.LittleEndian.Uint64(t.Data[8*i:]))
	}
	return list
}

// digest is the hash of all that a file of features says.
func digest(classes int, tensors ...ckpt.Tensor) string {
	h := sha256.New()
	fmt.Fprintln(h, classes)
	for _, t := range tensors {
		fmt.Fprintln(h, t.Name, t.DType, t.Shape)
		h.Write(t.Data)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func readSet(name string) (*Set, error) {
	f, err := ckpt.ReadFile(name)
	if err != nil {
		return nil, err
	}
	x, okX := f.Find("features")
	y, okY := f.Find("labels")
	classes, err := strconv.Atoi(f.Metadata["classes"])
	if !okX || !okY || err != nil || x.DType != "F32" || len(x.Shape) != 2 || y.DType != "F64" || len(y.Shape) != 1 || x.Shape[0] != y.Shape[0] {
		return nil, &ckpt.DamagedError{Name: name, Why: "it holds no features"}
	}
	tensors := []ckpt.Tensor{x, y}
	var lists [2][]int
	for i, name := range []string{"from", "place"} {
		if t, ok := f.Find(name); ok && t.DType == "I64" && len(t.Data) == 8*y.Shape[0] {
			tensors, lists[i] = append(tensors, t), wholes(t)
		}
	}
	if digest(classes, tensors...) != f.Metadata["sha256"] {
		return nil, &ckpt.DamagedError{Name: name, Why: "its checksum differs"}
	}
	set := &Set{X: make([]float32, len(x.Data)/4), Y: make([]float64, len(y.Data)/8), From: lists[0], Place: lists[1], Width: x.Shape[1], Classes: classes}
	for i := range set.X {
		set.X[i] = math.Float32frombits(binary.LittleEndian.Uint32(x.Data[4*i:]))
	}
	for i := range set.Y {
		set.Y[i] = math.Float64frombits(binary.LittleEndian.Uint64(y.Data[8*i:]))
	}
	return set, nil
}

// prune removes what was used least recently until the folder is within its limit; keep stays.
func (c *Cache) prune(keep string) error {
	names, err := filepath.Glob(filepath.Join(c.Dir, strings.Repeat("[0-9a-f]", 2*sha256.Size)+".safetensors")) // the folder may hold more than the cache
	if err != nil {
		return err
	}
	type kept struct {
		name string
		size int64
		used time.Time
	}
	var all []kept
	total := int64(0)
	for _, n := range names {
		if info, err := os.Lstat(n); err == nil && info.Mode().IsRegular() { // another process may prune as well
			all = append(all, kept{n, info.Size(), info.ModTime()})
			total += info.Size()
		}
	}
	slices.SortFunc(all, func(a, b kept) int { return a.used.Compare(b.used) })
	for _, k := range all {
		if total <= c.Limit {
			break
		}
		if k.name != keep {
			_ = os.Remove(k.name)
			total -= k.size
		}
	}
	return nil
}
