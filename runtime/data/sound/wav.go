package sound

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"mspecc/runtime/data/filetype"
)

// wavFile is a file of RIFF's kind: its chunks are a name, a size and so many bytes.
type wavFile struct {
	in      io.ReaderAt
	size    int64
	order   binary.ByteOrder
	large   int64  // bytes of samples of RF64 and BW64, which have room for more than 4 GiB; -1: not told
	format  []byte // describes the samples
	declare uint32 // the size that the header tells
}

// The encodings of samples in WAV files.
const (
	wavPCM        = 1
	wavFloat      = 3
	wavALaw       = 6
	wavMuLaw      = 7
	wavExtensible = 0xfffe
)

// wavNames names encodings that are not read.
var wavNames = map[uint16]string{0x02: "Microsoft's ADPCM", 0x11: "IMA ADPCM", 0x31: "GSM 6.10", 0x40: "G.721", 0x50: "MPEG audio", 0x55: "MP3",
	0x64: "G.726", 0x65: "G.722", 0x161: "Windows Media", 0x2000: "AC-3"}

// openWAV walks through the chunks up to the samples.
func openWAV(in io.ReaderAt, size int64) (*Recording, error) {
	var head [12]byte
	if _, err := in.ReadAt(head[:], 0); err != nil {
		return nil, err
	}
	f := &wavFile{in: in, size: size, order: order(head[:]), large: -1}
	f.declare = f.order.Uint32(head[4:])
	for at := int64(12); ; {
		id, n, err := f.chunk(at)
		if err != nil {
			return nil, err
		}
		if id == "" {
			return nil, errors.New("the WAV ends too early: it has no samples")
		}
		at += 8
		switch id {
		case "data":
			if f.format == nil {
				return nil, errors.New("the WAV has its samples before their format")
			}
			return f.samples(at, n)
		case "fmt ", "ds64":
			body := make([]byte, min(n, 64))
			if _, err := in.ReadAt(body, at); err != nil {
				return nil, fmt.Errorf("the WAV ends too early: its chunk %q is cut off", id)
			}
			if id == "fmt " {
				f.format = body
			} else if len(body) >= 16 {
				f.large = int64(min(f.order.Uint64(body[8:]), math.MaxInt64))
			}
		}
		at += n + n&1
	}
}

// chunk reads a chunk's name and size; "" where there is none any more.
func (f *wavFile) chunk(at int64) (id string, size int64, err error) {
	var head [8]byte
	if f.size-at < 8 {
		return "", 0, nil
	}
	if _, err := f.in.ReadAt(head[:], at); err != nil {
		return "", 0, err
	}
	return string(head[:4]), int64(f.order.Uint32(head[4:])), nil
}

// pipeSlack is how far below a round number the sizes are that programs write which do not know them, since they write
// to a pipe.
const pipeSlack = 1 << 12

// unknown says whether a size stands for one that was not known: the largest numbers of 31 or 32 bits, less what stands before.
func unknown(size int64) bool {
	return size > math.MaxUint32-pipeSlack || size > 1<<31-pipeSlack && size <= 1<<31
}

// samples settles where the samples at a place are.
func (f *wavFile) samples(at, n int64) (*Recording, error) {
	rest := f.size - at
	switch {
	case n == math.MaxUint32 && f.large >= 0:
		n = f.large
		if n > rest {
			return nil, fmt.Errorf("the WAV ends too early: it has %d of %d bytes of samples", rest, n)
		}
	case n <= rest && n > 0:
	case unknown(n):
		n = rest
	case n > 0:
		return nil, fmt.Errorf("the WAV ends too early: it has %d of %d bytes of samples", rest, n)
	default: // a recorder that was stopped before it wrote any sample, or one that never came back to write the size
		more, err := f.chunksFollow(at)
		if err != nil {
			return nil, err
		}
		if !more {
			n = rest
		}
	}
	return f.recording(at, n)
}

// chunksFollow says whether what follows an empty chunk are chunks up to the end.
func (f *wavFile) chunksFollow(at int64) (bool, error) {
	for at < f.size {
		id, n, err := f.chunk(at)
		if err != nil {
			return false, err
		}
		if id == "" || n > f.size-at-8 {
			return false, nil
		}
		for _, c := range []byte(id) {
			if c < ' ' || c > '~' {
				return false, nil
			}
		}
		at += 8 + n + n&1
	}
	return true, nil
}

// recording reads samples of the format that the header describes.
func (f *wavFile) recording(at, n int64) (*Recording, error) {
	if len(f.format) < 16 {
		return nil, errors.New("the WAV's description of its samples is cut off")
	}
	kind := f.order.Uint16(f.format)
	channels, rate := int(f.order.Uint16(f.format[2:])), int(min(f.order.Uint32(f.format[4:]), math.MaxInt32))
	bits := int(f.order.Uint16(f.format[14:]))
	if kind == wavExtensible && len(f.format) >= 26 {
		kind = f.order.Uint16(f.format[24:])
	}
	if kind == wavPCM {
		bits = (bits + 7) / 8 * 8 // fewer than fit are those of the highest value
	}
	sample := wavReader(f.order, kind, bits)
	if sample == nil {
		name := wavNames[kind]
		if name == "" {
			name = fmt.Sprintf("encoding %d", kind)
		}
		return nil, filetype.Unread("convert it, such as by ffmpeg -i IN -c:a pcm_s16le OUT.wav",
			"is a WAV with samples in %s of %d bits, expected PCM (1) of 8 to 32 bits, floating (3) of 32 or 64, A-law (6) or mu-law (7)", name, bits)
	}
	step := int64(channels * bits / 8)
	if channels == 0 {
		step = 1 // refused by Open
	}
	return &Recording{Rate: rate, Channels: channels, Length: n / step, read: func(dst []float32, from int64) error {
		return f.read(dst, at+from*step, step, sample)
	}}, nil
}

// wavBlock is how much is read at a time.
const wavBlock = 1 << 16

// read reads samples that are step bytes apart.
func (f *wavFile) read(dst []float32, at, step int64, sample func(b []byte) float32) error {
	per := max(1, wavBlock/step)
	buf := make([]byte, min(int64(len(dst)), per)*step)
	for len(dst) > 0 {
		n := min(int64(len(dst)), per)
		if _, err := f.in.ReadAt(buf[:n*step], at); err != nil {
			return fmt.Errorf("the WAV ends too early: %w", err)
		}
		for i := range n {
			dst[i] = sample(buf[i*step:])
		}
		dst, at = dst[n:], at+n*step
	}
	return nil
}

// wavReader reads a sample, nil for an encoding that is not known.
func wavReader(order binary.ByteOrder, kind uint16, bits int) func(b []byte) float32 {
	little := order == binary.ByteOrder(binary.LittleEndian)
	switch [2]int{int(kind), bits} {
	case [2]int{wavPCM, 8}:
		return func(b []byte) float32 { return (float32(b[0]) - 128) / 128 }
	case [2]int{wavPCM, 16}:
		return func(b []byte) float32 { return float32(int16(order.Uint16(b))) / (1 << 15) }
	case [2]int{wavPCM, 24}:
		if !little {
			return func(b []byte) float32 {
				return float32(int32(b[2])<<8|int32(b[1])<<16|int32(b[0])<<24) / (1 << 31)
			}
		}
		return func(b []byte) float32 {
			return float32(int32(b[0])<<8|int32(b[1])<<16|int32(b[2])<<24) / (1 << 31)
		}
	case [2]int{wavPCM, 32}:
		return func(b []byte) float32 { return float32(int32(order.Uint32(b))) / (1 << 31) }
	case [2]int{wavFloat, 32}:
		return func(b []byte) float32 { return math.Float32frombits(order.Uint32(b)) }
	case [2]int{wavFloat, 64}:
		return func(b []byte) float32 { return float32(math.Float64frombits(order.Uint64(b))) }
	case [2]int{wavALaw, 8}:
		return aLaw
	case [2]int{wavMuLaw, 8}:
		return muLaw
	}
	return nil
}

// aLaw is a sample of ITU-T's G.711, of which every other bit is inverted: sign, exponent, 4 bits of the mantissa.
func aLaw(b []byte) float32 {
	v := b[0] ^ 0x55
	x := int32(v&15)<<4 + 8
	if e := v >> 4 & 7; e > 0 {
		x = (x + 256) << (e - 1)
	}
	if v&0x80 == 0 {
		x = -x
	}
	return float32(x) / (1 << 15)
}

// muLaw is a sample of G.711's other law, all of whose bits are inverted.
func muLaw(b []byte) float32 {
	v := ^b[0]
	x := (int32(v&15)<<3+132)<<(v>>4&7) - 132
	if v&0x80 != 0 {
		x = -x
	}
	return float32(x) / (1 << 15)
}
