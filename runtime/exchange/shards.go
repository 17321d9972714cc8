package exchange

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// indexEnd is the end of the name of a file that says which of several files holds which tensor, as Hugging
// Face's libraries write it for large models.
const indexEnd = ".index.json"

// maxIndex bounds such a file.
const maxIndex = 64 << 20

// weights are the names under which a folder of such a model holds them, the first of these that exists.
var weights = []string{"model.safetensors", "model.safetensors" + indexEnd, "pytorch_model.bin", "pytorch_model.bin" + indexEnd}

// inFolder is the file of a folder that holds its weights.
func inFolder(dir string) (string, error) {
	for _, name := range weights {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
			return filepath.Join(dir, name), nil
		}
	}
	if _, err := os.Stat(filepath.Join(dir, ".metadata")); err == nil {
		return "", fmt.Errorf("%s: is a folder of torch.distributed.checkpoint, expected one file; make one with python -m torch.distributed.checkpoint.format_utils dcp_to_torch %s OUT.pth", dir, dir)
	}
	return "", fmt.Errorf("%s: is a folder without %s; give the file with the tensors", dir, strings.Join(weights, " or "))
}

// openIndex opens the files that an index names, beside it.
func openIndex(name string) (*File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read: %w", name, cause(err))
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxIndex+1))
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read: %w", name, cause(err))
	}
	var index struct {
		Files map[string]string `json:"weight_map"` // by tensor
	}
	if err := json.Unmarshal(raw, &index); err != nil || len(index.Files) == 0 || len(raw) > maxIndex {
		return nil, fmt.Errorf("%s: is no index of files of tensors: expected an object with weight_map, which names the file of each tensor", name)
	}
	files := slices.Compact(slices.Sorted(maps.Values(index.Files)))
	all := &File{Name: name}
	closers := &together{}
	all.closer = closers
	for _, base := range files {
		if err := all.addShard(base, index.Files, closers); err != nil {
			all.Close()
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return all, nil
}

// addShard adds the tensors that the index says a file holds.
func (f *File) addShard(base string, index map[string]string, closers *together) error {
	if !filepath.IsLocal(base) || strings.HasSuffix(base, indexEnd) {
		return fmt.Errorf("names the file %q, expected one beside it", base)
	}
	shard, err := openOne(filepath.Join(filepath.Dir(f.Name), base))
	if err != nil {
		return err
	}
	*closers = append(*closers, shard)
	f.Format = shard.Format
	found := map[string]bool{}
	for _, t := range shard.Tensors {
		if index[t.Name] == base {
			f.Tensors, found[t.Name] = append(f.Tensors, t), true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(index)) {
		if index[name] == base && !found[name] {
			return fmt.Errorf("says that %s holds %q, which is not there", base, name)
		}
	}
	return nil
}

// together closes several files.
type together []io.Closer

func (t *together) Close() error {
	var errs []error
	for _, c := range *t {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// cause drops the operation and the path of a file error: the message names the file already.
func cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
