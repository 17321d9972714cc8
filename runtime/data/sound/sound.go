// Package sound decodes WAV and FLAC files and turns sound into mel spectrograms as librosa does.
package sound

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/mewkiz/flac"
)

// Clip is the first channel of a recording.
type Clip struct {
	Rate     int       // samples per second
	Channels int       // channels of the file
	Samples  []float32 // -1 to 1, as torchaudio and soundfile scale them: whole numbers divided by 2^(bits-1)
}

// MaxSamples bounds a clip: beyond it the file is taken for damaged.
const MaxSamples = 1 << 26

// ErrFormat says that the bytes are no sound of a known format.
var ErrFormat = errors.New("is neither WAV nor FLAC")

// Is says whether the first bytes of a file (12 suffice) are those of a sound that Decode knows.
func Is(head []byte) bool {
	return len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WAVE" || bytes.HasPrefix(head, []byte("fLaC"))
}

// Decode decodes a WAV or FLAC file.
func Decode(data []byte) (*Clip, error) {
	var c *Clip
	var err error
	switch {
	case !Is(data):
		return nil, ErrFormat
	case data[0] == 'R':
		c, err = decodeWAV(data)
	default:
		c, err = decodeFLAC(data)
	}
	if err != nil {
		return nil, err
	}
	if len(c.Samples) == 0 {
		return nil, errors.New("holds no samples")
	}
	return c, nil
}

func check(rate, channels int) error {
	if rate < 1 || rate > 1<<20 || channels < 1 || channels > 1<<10 {
		return fmt.Errorf("its header speaks of %d channels and %d samples per second", channels, rate)
	}
	return nil
}

// The encodings of samples in WAV files.
const (
	wavPCM        = 1
	wavFloat      = 3
	wavExtensible = 0xfffe
)

// decodeWAV walks through the chunks of a RIFF file.
func decodeWAV(data []byte) (*Clip, error) {
	var format []byte
	rest := data[12:]
	for len(rest) >= 8 {
		id, size := string(rest[:4]), uint64(binary.LittleEndian.Uint32(rest[4:]))
		body := rest[8:]
		if id == "data" {
			if format == nil {
				return nil, errors.New("the WAV has its samples before their format")
			}
			// Programs that write to a pipe cannot know the length and leave 0 or the largest number.
			if size != 0 && size != math.MaxUint32 && size > uint64(len(body)) {
				return nil, fmt.Errorf("the WAV ends too early: it has %d of %d bytes of samples", len(body), size)
			}
			if size != 0 && size != math.MaxUint32 {
				body = body[:size]
			}
			return wavSamples(format, body)
		}
		if size > uint64(len(body)) {
			break
		}
		if id == "fmt " {
			format = body[:size]
		}
		rest = body[min(size+size&1, uint64(len(body))):]
	}
	return nil, errors.New("the WAV ends too early: it has no samples")
}

func wavSamples(format, body []byte) (*Clip, error) {
	if len(format) < 16 {
		return nil, errors.New("the WAV's description of its samples is cut off")
	}
	kind := binary.LittleEndian.Uint16(format)
	channels, rate := int(binary.LittleEndian.Uint16(format[2:])), int(binary.LittleEndian.Uint32(format[4:]))
	bits := int(binary.LittleEndian.Uint16(format[14:]))
	if kind == wavExtensible && len(format) >= 26 {
		kind = binary.LittleEndian.Uint16(format[24:])
	}
	if err := check(rate, channels); err != nil {
		return nil, err
	}
	read := wavReaders[[2]int{int(kind), bits}]
	if read == nil {
		return nil, fmt.Errorf("the WAV has samples of encoding %d with %d bits, expected PCM (1) of 8, 16, 24 or 32 bits or floating (3) of 32 or 64", kind, bits)
	}
	step := channels * bits / 8
	n := len(body) / step
	if n > MaxSamples {
		return nil, fmt.Errorf("has %d samples, expected at most %d", n, MaxSamples)
	}
	c := &Clip{Rate: rate, Channels: channels, Samples: make([]float32, n)}
	for i := range c.Samples {
		c.Samples[i] = read(body[i*step:])
	}
	return c, nil
}

var wavReaders = map[[2]int]func(b []byte) float32{
	{wavPCM, 8}:  func(b []byte) float32 { return (float32(b[0]) - 128) / 128 },
	{wavPCM, 16}: func(b []byte) float32 { return float32(int16(binary.LittleEndian.Uint16(b))) / (1 << 15) },
	{wavPCM, 24}: func(b []byte) float32 {
		return float32(int32(b[0])<<8|int32(b[1])<<16|int32(b[2])<<24) / (1 << 31)
	},
	{wavPCM, 32}:   func(b []byte) float32 { return float32(int32(binary.LittleEndian.Uint32(b))) / (1 << 31) },
	{wavFloat, 32}: func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) },
	{wavFloat, 64}: func(b []byte) float32 { return float32(math.Float64frombits(binary.LittleEndian.Uint64(b))) },
}

// decodeFLAC decodes a native FLAC stream.
func decodeFLAC(data []byte) (c *Clip, err error) {
	s, err := flac.New(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("the FLAC header is damaged: %w", err)
	}
	rate, channels, bits := int(s.Info.SampleRate), int(s.Info.NChannels), int(s.Info.BitsPerSample)
	if err := check(rate, channels); err != nil {
		return nil, err
	}
	if bits < 4 || bits > 32 || s.Info.NSamples > MaxSamples {
		return nil, fmt.Errorf("the FLAC header speaks of %d samples of %d bits, expected at most %d of 4 to 32", s.Info.NSamples, bits, MaxSamples)
	}
	c = &Clip{Rate: rate, Channels: channels}
	scale := float32(1 / math.Ldexp(1, bits-1))
	for {
		frame, err := s.ParseNext()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("the FLAC frame behind sample %d is damaged: %w", len(c.Samples), err)
		}
		if len(c.Samples)+int(frame.BlockSize) > MaxSamples {
			return nil, fmt.Errorf("has more than %d samples", MaxSamples)
		}
		for _, v := range frame.Subframes[0].Samples {
			c.Samples = append(c.Samples, float32(v)*scale)
		}
	}
	if n := s.Info.NSamples; n != 0 && n != uint64(len(c.Samples)) {
		return nil, fmt.Errorf("the FLAC ends too early: it has %d of %d samples", len(c.Samples), n)
	}
	return c, nil
}
