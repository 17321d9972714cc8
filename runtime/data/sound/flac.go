package sound

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"sort"
)

// flacFile is a native FLAC stream (RFC 9639).
type flacFile struct {
	in        io.ReaderAt
	end       int64 // of the frames
	blockSize int64 // samples of all frames but the last, where they have a fixed number
	rate      int
	channels  int
	bits      uint
	total     int64 // samples, 0: not told
	points    []flacPoint
	fixed     bool // of the first frame: frames are numbered, not samples
	dec       flacDecoder
}

// flacPoint is a place where a frame is known to begin, and the number of its first sample.
type flacPoint struct{ at, sample int64 }

// maxFLACHead bounds what stands before the frames: pictures and the like.
const maxFLACHead = 1 << 30

var errFLACEnd = errors.New("the FLAC ends too early: it was cut off")

// openFLAC reads the blocks before the frames.
func openFLAC(in io.ReaderAt, size int64) (*Recording, error) {
	f := &flacFile{in: in, end: size}
	at := int64(4)
	for last := false; !last; {
		var head [4]byte
		if err := f.readAt(head[:], at); err != nil {
			return nil, err
		}
		n := int64(head[1])<<16 | int64(head[2])<<8 | int64(head[3])
		last = head[0]&0x80 != 0
		if at += 4; n > size-at || at > maxFLACHead {
			return nil, errFLACEnd
		}
		switch head[0] & 0x7f {
		case 0:
			if err := f.info(at, n); err != nil {
				return nil, err
			}
		case 3:
			if err := f.seekTable(at, n); err != nil {
				return nil, err
			}
		}
		at += n
	}
	if f.channels == 0 {
		return nil, errors.New("the FLAC is damaged: it does not describe its samples")
	}
	return f.open(at)
}

func (f *flacFile) readAt(b []byte, at int64) error {
	n, err := f.in.ReadAt(b, at)
	switch {
	case n == len(b):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return errFLACEnd
	}
	return err
}

// info reads the block that describes the samples.
func (f *flacFile) info(at, n int64) error {
	var b [18]byte
	if n < int64(len(b)) {
		return errFLACEnd
	}
	if err := f.readAt(b[:], at); err != nil {
		return err
	}
	w := binary.BigEndian.Uint64(b[10:])
	f.rate, f.channels, f.bits, f.total = int(w>>44), int(w>>41&7)+1, uint(w>>36&31)+1, int64(w&(1<<36-1))
	if f.bits < 4 {
		return fmt.Errorf("the FLAC is damaged: its samples have %d bits", f.bits)
	}
	return nil
}

// seekTable keeps the places that the file tells.
func (f *flacFile) seekTable(at, n int64) error {
	b := make([]byte, min(n, 18<<16))
	if err := f.readAt(b, at); err != nil {
		return err
	}
	for ; len(b) >= 18; b = b[18:] {
		sample, offset := binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
		if sample < 1<<36 && offset < math.MaxInt64/2 { // others fill the table up
			f.points = append(f.points, flacPoint{int64(offset), int64(sample)})
		}
	}
	return nil
}

// open looks at the first frame, and counts the samples where the file does not tell their number.
func (f *flacFile) open(start int64) (*Recording, error) {
	for i := range f.points {
		f.points[i].at += start
	}
	f.points = append(f.points, flacPoint{start, 0})
	sort.Slice(f.points, func(i, j int) bool { return f.points[i].sample < f.points[j].sample })
	var tag [3]byte
	if err := f.readAt(tag[:], f.end-128); f.end-128 > start && err == nil && string(tag[:]) == "TAG" { // an ID3 tag of the first version
		f.end -= 128
	}
	f.dec.file = f
	var head flacHeader
	if f.end > start {
		if err := f.dec.at(start); err != nil {
			return nil, err
		}
		if err := f.dec.header(&head); err != nil {
			return nil, fmt.Errorf("the FLAC is damaged: its first frame %w", err)
		}
		if f.fixed = head.fixed; f.fixed {
			f.blockSize = int64(head.size)
		}
	}
	if f.total == 0 {
		if err := f.count(start); err != nil {
			return nil, err
		}
	}
	return &Recording{Rate: f.rate, Channels: f.channels, Length: f.total, read: f.read}, nil
}

// count finds the number of the samples of a stream that was written to a pipe, and where many of its frames begin.
func (f *flacFile) count(start int64) error {
	f.points = nil
	for at, sample := start, int64(0); at < f.end; {
		if len(f.points) == 0 || at-f.points[len(f.points)-1].at > 1<<16 {
			f.points = append(f.points, flacPoint{at, sample})
		}
		n, err := f.frame(at, sample)
		if err != nil {
			return err
		}
		at, sample = f.dec.place(), sample+n
		f.total = sample
	}
	return nil
}

// frame decodes the frame at a place, whose first sample is known, and gives the number of its samples.
func (f *flacFile) frame(at, sample int64) (int64, error) {
	if at >= f.end {
		return 0, fmt.Errorf("the FLAC ends too early: it has %d of %d samples", sample, f.total)
	}
	n, err := f.dec.frame(at)
	switch {
	case errors.Is(err, errFLACEnd):
		return 0, fmt.Errorf("the FLAC ends too early, within the frame of sample %d", sample)
	case err != nil:
		return 0, fmt.Errorf("the FLAC is damaged: the frame of sample %d %w", sample, err)
	}
	return int64(n), nil
}

// read decodes the frames that hold the samples.
func (f *flacFile) read(dst []float32, from int64) error {
	near := f.find(from)
	err := f.readFrom(near, dst, from)
	if err != nil && near != f.points[0] {
		// What looked like a frame may have been none, and tables of places may be wrong.
		return f.readFrom(f.points[0], dst, from)
	}
	return err
}

func (f *flacFile) readFrom(p flacPoint, dst []float32, from int64) error {
	scale := float32(1 / math.Ldexp(1, int(f.bits)-1))
	for len(dst) > 0 {
		n, err := f.frame(p.at, p.sample)
		if err != nil {
			return err
		}
		if skip := from - p.sample; skip < n {
			used := min(n-skip, int64(len(dst)))
			for i, v := range f.dec.channel[0][skip : skip+used] {
				dst[i] = float32(v) * scale
			}
			dst, from = dst[used:], from+used
		}
		p = flacPoint{f.dec.place(), p.sample + n}
	}
	return nil
}

// before is the last place known to be a frame's that does not lie behind a sample.
func (f *flacFile) before(sample int64) flacPoint {
	i := sort.Search(len(f.points), func(i int) bool { return f.points[i].sample > sample })
	return f.points[i-1]
}

// flacNear is the number of bytes that are rather decoded than searched; tests lower it.
var flacNear int64 = 1 << 16

// find comes close to a sample, by bisecting between known places: frames tell their number.
func (f *flacFile) find(sample int64) flacPoint {
	low, high := f.before(sample), flacPoint{f.end, f.total}
	if i := sort.Search(len(f.points), func(i int) bool { return f.points[i].sample > sample }); i < len(f.points) && f.points[i].at < f.end {
		high = f.points[i]
	}
	for halve := false; high.at-low.at > flacNear; halve = !halve {
		middle := low.at + (high.at-low.at)/2
		if !halve { // the share of the samples is mostly closer than the middle, but for its margin
			share := float64(sample-low.sample) / float64(max(1, high.sample-low.sample))
			middle = low.at + max(int64(float64(high.at-low.at)*min(share, 1))-flacNear/2, 1)
		}
		p, ok := f.next(middle, low, high)
		switch {
		case !ok:
			high.at = middle
		case p.sample > sample:
			high = flacPoint{middle, p.sample}
		default:
			low = p
			if sample-p.sample < 4*max(f.blockSize, 1<<12) {
				return low
			}
		}
	}
	return low
}

// likely says whether two bytes can be the third and the fourth of a frame of this file.
func (f *flacFile) likely(b, c byte) bool {
	layout := int(c >> 4)
	return b>>4 != 0 && b&15 != 15 && c&1 == 0 && (layout == f.channels-1 || f.channels == 2 && layout >= leftAndSide && layout <= midAndSide)
}

// next is the first frame that begins between a place and high.
func (f *flacFile) next(from int64, low, high flacPoint) (flacPoint, bool) {
	buf := make([]byte, 1<<14)
	for at := from; at < high.at; {
		n, err := f.in.ReadAt(buf[:min(int64(len(buf)), high.at-at)], at)
		if n < 6 || err != nil && !errors.Is(err, io.EOF) {
			return flacPoint{}, false
		}
		for i := range n - 1 {
			if buf[i] != 0xff || buf[i+1]&0xfe != 0xf8 || i+3 < n && !f.likely(buf[i+2], buf[i+3]) {
				continue
			}
			var head flacHeader
			if f.dec.at(at+int64(i)) != nil || f.dec.header(&head) != nil || head.fixed != f.fixed {
				continue
			}
			s := head.number
			if f.fixed {
				s *= f.blockSize
			}
			if s > low.sample && s < max(high.sample, low.sample+2) && (!f.fixed || f.blockSize > 0) {
				return flacPoint{at + int64(i), s}, true
			}
		}
		at += int64(n - 1)
	}
	return flacPoint{}, false
}
