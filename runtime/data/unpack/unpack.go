// Package unpack undoes the packing of files: which of several ways it is, their first bytes say, whatever their names are.
package unpack

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"

	"mspecc/runtime/data/filetype"
)

// Packing is a way of packing.
type Packing struct {
	Name string   // such as gzip
	Ends []string // of the names of its files
	Tool string   // that unpacks by hand
	is   func(head []byte) bool
	open func(in io.Reader) (io.Reader, error)
}

// HeadSize is the number of first bytes that Of wants.
const HeadSize = 1 << 12

// packings are the known ones.
var packings = []*Packing{
	{"gzip", []string{".gz"}, "gunzip", magic("\x1f\x8b"), func(in io.Reader) (io.Reader, error) { return gzip.NewReader(in) }},
	{"bzip2", []string{".bz2"}, "bunzip2", isBzip2, func(in io.Reader) (io.Reader, error) { return bzip2.NewReader(in), nil }},
	{"xz", []string{".xz"}, "unxz", magic("\xfd7zXZ\x00"), openXZ},
	{"zstd", []string{".zst"}, "unzstd", magic("\x28\xb5\x2f\xfd"), openZstd},
	{"LZ4", []string{".lz4"}, "unlz4", magic("\x04\x22\x4d\x18"), func(in io.Reader) (io.Reader, error) { return lz4.NewReader(in), nil }},
	{"zlib", []string{".zlib", ".zz"}, "pigz -d", isZlib, func(in io.Reader) (io.Reader, error) { return zlib.NewReader(in) }},
}

func magic(text string) func([]byte) bool {
	return func(head []byte) bool { return bytes.HasPrefix(head, []byte(text)) }
}

// isBzip2 wants the number of a block, or that of the end of an empty stream.
func isBzip2(head []byte) bool {
	return len(head) >= 10 && string(head[:3]) == "BZh" && head[3] >= '1' && head[3] <= '9' &&
		(string(head[4:10]) == "1AY&SY" || string(head[4:10]) == "\x17rE8P\x90")
}

// isZlib tries whether what follows a header of zlib can be unpacked: its two bytes are also the beginning of texts,
// such as x^2, and of TFRecords of certain lengths.
func isZlib(head []byte) bool {
	if len(head) < 8 || head[0] != 0x78 || (int(head[0])<<8|int(head[1]))%31 != 0 || head[1]&0x20 != 0 {
		return false
	}
	if head[1] == '^' && !slices.ContainsFunc(head, func(b byte) bool { return b < '\t' || b > '~' }) {
		return false // text
	}
	z, err := zlib.NewReader(bytes.NewReader(head))
	if err != nil {
		return false
	}
	n, err := io.CopyN(io.Discard, z, 1<<16)
	return n > 0 && (err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF))
}

// maxWindow bounds what a stream may ask to be kept in memory while it is unpacked.
const maxWindow = 256 << 20

// openZstd unpacks with as much memory as the command line tool takes by default, or twice that.
func openZstd(in io.Reader) (io.Reader, error) {
	z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, err
	}
	return z.IOReadCloser(), nil
}

// openXZ refuses a dictionary that no usual setting makes, for which the library would take the memory.
func openXZ(in io.Reader) (io.Reader, error) {
	head := make([]byte, 24)
	n, err := io.ReadFull(in, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	// Behind 12 bytes of the stream's header: the size of the block's, its flags, perhaps two sizes, the filter 0x21, 1, the dictionary.
	if n == len(head) && head[13]&0xc3 == 0 && head[14] == 0x21 && head[15] == 1 && head[16] > 32 {
		return nil, filetype.Unread("unpack it with unxz", "is packed by xz with a dictionary of more than %d MiB", maxWindow>>20)
	}
	z, err := xz.NewReader(io.MultiReader(bytes.NewReader(head[:n]), in))
	if err != nil && strings.Contains(err.Error(), "unsupported filter") {
		return nil, filetype.Unread("unpack it with unxz", "is packed by xz with filters that are not read")
	}
	return z, err
}

// Of is the way in which a stream with these first bytes is packed; nil for none that is known.
func Of(head []byte) *Packing {
	if i := slices.IndexFunc(packings, func(p *Packing) bool { return p.is(head) }); i >= 0 {
		return packings[i]
	}
	return nil
}

// Trim cuts the end off a name that says how the file is packed; nil where it says nothing.
func Trim(name string) (bare string, by *Packing) {
	for _, p := range packings {
		for _, end := range p.Ends {
			if bare, ok := strings.CutSuffix(name, end); ok && bare != "" {
				return bare, p
			}
		}
	}
	return name, nil
}

// Ends are the ends of the names of packed files.
func Ends() []string {
	var all []string
	for _, p := range packings {
		all = append(all, p.Ends...)
	}
	return all
}

// Open unpacks a stream. The libraries are careful with damaged streams, but do not promise never to panic.
func (p *Packing) Open(in io.Reader) (r io.ReadCloser, err error) {
	defer func() {
		if x := recover(); x != nil {
			r, err = nil, fmt.Errorf("%v", x)
		}
	}()
	out, err := p.open(in)
	if err != nil {
		return nil, err
	}
	return &stream{out}, nil
}

type stream struct{ io.Reader }

func (s *stream) Read(b []byte) (n int, err error) {
	defer func() {
		if x := recover(); x != nil {
			n, err = 0, fmt.Errorf("%v", x)
		}
	}()
	return s.Reader.Read(b)
}

func (s *stream) Close() error {
	if c, ok := s.Reader.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
