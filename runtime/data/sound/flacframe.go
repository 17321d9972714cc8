package sound

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// flacDecoder decodes frames, one after the other or anywhere.
type flacDecoder struct {
	file    *flacFile
	section *io.SectionReader
	in      *bufio.Reader
	pos     int64  // of the next byte
	acc     uint64 // bits that were read and not used yet, the last ones
	n       uint   // so many of them
	crc8    uint8
	crc16   uint16
	channel [8][]int64 // samples of the frame
}

// flacHeader is a frame's.
type flacHeader struct {
	fixed    bool
	size     int   // samples of each channel
	number   int64 // of the frame, or of its first sample
	bits     uint
	layout   int // of the channels: their number - 1, or how two of them are told
	channels int
}

// How two channels are told.
const (
	leftAndSide  = 8
	sideAndRight = 9
	midAndSide   = 10
)

// at goes to a place.
func (d *flacDecoder) at(place int64) error {
	if d.in == nil {
		d.section = io.NewSectionReader(d.file.in, 0, d.file.end)
		d.in = bufio.NewReaderSize(d.section, 1<<13)
	}
	if ahead := place - d.pos; ahead >= 0 && ahead <= int64(d.in.Buffered()) {
		_, err := d.in.Discard(int(ahead))
		d.pos, d.n, d.acc = place, 0, 0
		return err
	}
	if _, err := d.section.Seek(place, io.SeekStart); err != nil {
		return err
	}
	d.in.Reset(d.section)
	d.pos, d.n, d.acc = place, 0, 0
	return nil
}

// place is where the next frame begins.
func (d *flacDecoder) place() int64 { return d.pos }

// The tables of CRC-8 with the polynomial x^8 + x^2 + x + 1 and of CRC-16 with x^16 + x^15 + x^2 + 1.
var flacCRC8, flacCRC16 = flacTables()

func flacTables() (t8 [256]uint8, t16 [256]uint16) {
	for i := range t8 {
		a, b := uint8(i), uint16(i)<<8
		for range 8 {
			a = a<<1 ^ 0x07*(a>>7)
			b = b<<1 ^ 0x8005*(b>>15)
		}
		t8[i], t16[i] = a, b
	}
	return t8, t16
}

// fill reads a byte.
func (d *flacDecoder) fill() error {
	b, err := d.in.ReadByte()
	if err != nil {
		if errors.Is(err, io.EOF) {
			return errFLACEnd
		}
		return err
	}
	d.pos++
	d.crc8 = flacCRC8[d.crc8^b]
	d.crc16 = d.crc16<<8 ^ flacCRC16[byte(d.crc16>>8)^b]
	d.acc, d.n = d.acc<<8|uint64(b), d.n+8
	return nil
}

// read takes up to 40 bits.
func (d *flacDecoder) read(n uint) (uint64, error) {
	for d.n < n {
		if err := d.fill(); err != nil {
			return 0, err
		}
	}
	d.n -= n
	return d.acc >> d.n & (1<<n - 1), nil
}

// signed takes a number in two's complement.
func (d *flacDecoder) signed(n uint) (int64, error) {
	v, err := d.read(n)
	return int64(v<<(64-n)) >> (64 - n), err
}

// unary counts zeros up to the next one.
func (d *flacDecoder) unary() (int64, error) {
	count := int64(0)
	for {
		if rest := d.acc & (1<<d.n - 1); rest != 0 {
			zeros := uint(bits.LeadingZeros64(rest)) - (64 - d.n)
			d.n -= zeros + 1
			return count + int64(zeros), nil
		}
		count += int64(d.n)
		d.n = 0
		if err := d.fill(); err != nil {
			return 0, err
		}
	}
}

var (
	errFLACHeader = errors.New("has a header that is none")
	errFLACFrame  = errors.New("is impossible")
)

// header reads a frame's header at the place that was gone to.
func (d *flacDecoder) header(h *flacHeader) error {
	d.crc8, d.crc16 = 0, 0
	w, err := d.read(32)
	if err != nil {
		return err
	}
	if w>>17 != 0x7ffc || w&1 != 0 {
		return errFLACHeader
	}
	h.fixed = w>>16&1 == 0
	size, rate, layout, width := w>>12&15, w>>8&15, int(w>>4&15), w>>1&7
	if size == 0 || rate == 15 || layout > midAndSide || width == 3 {
		return errFLACHeader
	}
	if h.layout, h.channels = layout, layout+1; layout >= leftAndSide {
		h.channels = 2
	}
	h.bits = [8]uint{d.file.bits, 8, 12, 0, 16, 20, 24, 32}[width]
	if h.number, err = d.coded(); err != nil {
		return err
	}
	if h.size, err = d.blockSize(size); err != nil {
		return err
	}
	switch {
	case rate == 12:
		_, err = d.read(8)
	case rate > 12:
		_, err = d.read(16)
	}
	if err != nil {
		return err
	}
	want := d.crc8
	got, err := d.read(8)
	switch {
	case err != nil:
		return err
	case uint8(got) != want:
		return errFLACHeader
	case h.channels != d.file.channels || h.bits != d.file.bits:
		return fmt.Errorf("has %d channels of %d bits, those before have %d of %d", h.channels, h.bits, d.file.channels, d.file.bits)
	}
	return nil
}

// coded reads a number of up to 36 bits, coded as UTF-8 codes smaller ones.
func (d *flacDecoder) coded() (int64, error) {
	first, err := d.read(8)
	if err != nil {
		return 0, err
	}
	more := bits.LeadingZeros8(^uint8(first))
	if more == 0 {
		return int64(first), nil
	}
	if more == 1 || more == 8 {
		return 0, errFLACHeader
	}
	v := first & (1<<(7-more) - 1)
	for range more - 1 {
		b, err := d.read(8)
		if err != nil {
			return 0, err
		}
		if b>>6 != 2 {
			return 0, errFLACHeader
		}
		v = v<<6 | b&63
	}
	return int64(v), nil
}

func (d *flacDecoder) blockSize(code uint64) (int, error) {
	switch {
	case code == 1:
		return 192, nil
	case code < 6:
		return 576 << (code - 2), nil
	case code > 7:
		return 256 << (code - 8), nil
	}
	v, err := d.read(uint(8 * (code - 5)))
	return int(v) + 1, err
}

// frame decodes the frame at a place, and gives the number of its samples.
func (d *flacDecoder) frame(place int64) (int, error) {
	if err := d.at(place); err != nil {
		return 0, err
	}
	var h flacHeader
	if err := d.header(&h); err != nil {
		return 0, err
	}
	for c := range h.channels {
		width := h.bits
		if h.layout == sideAndRight && c == 0 || (h.layout == leftAndSide || h.layout == midAndSide) && c == 1 {
			width++ // the difference of two channels
		}
		if cap(d.channel[c]) < h.size {
			d.channel[c] = make([]int64, h.size)
		}
		d.channel[c] = d.channel[c][:h.size]
		if err := d.subframe(d.channel[c], width); err != nil {
			return 0, err
		}
	}
	d.n = 0 // up to the end of a byte
	want := d.crc16
	got, err := d.read(16)
	if err != nil {
		return 0, err
	}
	if uint16(got) != want {
		return 0, errors.New("has another checksum than the file says")
	}
	d.correlate(&h)
	return h.size, nil
}

// correlate makes two channels of what tells them: one of them, or their mean rounded down, and their difference.
func (d *flacDecoder) correlate(h *flacHeader) {
	a, b := d.channel[0], d.channel[1]
	switch h.layout {
	case leftAndSide:
		for i := range a {
			b[i] = a[i] - b[i]
		}
	case sideAndRight:
		for i := range a {
			a[i] += b[i]
		}
	case midAndSide:
		for i := range a {
			twice := a[i]<<1 | b[i]&1
			a[i], b[i] = (twice+b[i])>>1, (twice-b[i])>>1
		}
	}
}

// subframe decodes a channel's samples.
func (d *flacDecoder) subframe(out []int64, width uint) error {
	head, err := d.read(8)
	if err != nil {
		return err
	}
	if head>>7 != 0 {
		return errFLACFrame
	}
	wasted := uint(0)
	if head&1 != 0 {
		n, err := d.unary()
		if err != nil {
			return err
		}
		if wasted = uint(n) + 1; n >= int64(width) || wasted >= width {
			return errFLACFrame
		}
		width -= wasted
	}
	switch kind := head >> 1 & 63; {
	case kind == 0:
		v, err := d.signed(width)
		if err != nil {
			return err
		}
		for i := range out {
			out[i] = v
		}
	case kind == 1:
		err = d.warmUp(out, width)
	case kind >= 8 && kind <= 12:
		err = d.predicted(out, width, fixedPredictors[kind-8], 0)
	case kind >= 32:
		err = d.linear(out, width, int(kind-31))
	default:
		return errFLACFrame
	}
	if wasted > 0 {
		for i := range out {
			out[i] <<= wasted
		}
	}
	return err
}

// warmUp reads samples as they are.
func (d *flacDecoder) warmUp(out []int64, width uint) (err error) {
	for i := range out {
		if out[i], err = d.signed(width); err != nil {
			return err
		}
	}
	return nil
}

// fixedPredictors are the weights of the samples before, the nearest first.
var fixedPredictors = [5][]int64{{}, {1}, {2, -1}, {3, -3, 1}, {4, -6, 4, -1}}

// linear reads the weights of a predictor.
func (d *flacDecoder) linear(out []int64, width uint, order int) error {
	if order > len(out) {
		return errFLACFrame
	}
	if err := d.warmUp(out[:order], width); err != nil {
		return err
	}
	precision, err := d.read(4)
	if err != nil {
		return err
	}
	shift, err := d.signed(5)
	if err != nil {
		return err
	}
	if precision == 15 || shift < 0 {
		return errFLACFrame
	}
	weights := make([]int64, order)
	if err := d.warmUp(weights, uint(precision)+1); err != nil {
		return err
	}
	return d.restore(out, weights, uint(shift))
}

// predicted decodes samples with a predictor whose weights are known.
func (d *flacDecoder) predicted(out []int64, width uint, weights []int64, shift uint) error {
	if len(weights) > len(out) {
		return errFLACFrame
	}
	if err := d.warmUp(out[:len(weights)], width); err != nil {
		return err
	}
	return d.restore(out, weights, shift)
}

// restore adds what the samples before predict to the differences.
func (d *flacDecoder) restore(out, weights []int64, shift uint) error {
	order := len(weights)
	if err := d.residual(out, order); err != nil {
		return err
	}
	for i := order; i < len(out); i++ {
		sum := int64(0)
		for k, w := range weights {
			sum += w * out[i-1-k]
		}
		out[i] += sum >> shift
	}
	return nil
}

// residual reads the differences behind the first samples: Rice codes in partitions, each with its parameter.
func (d *flacDecoder) residual(out []int64, order int) error {
	head, err := d.read(6)
	if err != nil {
		return err
	}
	width, parts := uint(4), 1<<(head&15)
	switch head >> 4 {
	case 0:
	case 1:
		width = 5
	default:
		return errFLACFrame
	}
	per := len(out) / parts
	if len(out)%parts != 0 || per < order {
		return errFLACFrame
	}
	for p := range parts {
		part := out[p*per : (p+1)*per]
		if p == 0 {
			part = part[order:]
		}
		k, err := d.read(width)
		if err != nil {
			return err
		}
		if k == 1<<width-1 {
			err = d.plain(part)
		} else {
			err = d.rice(part, uint(k))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// plain reads differences that are not coded.
func (d *flacDecoder) plain(out []int64) error {
	width, err := d.read(5)
	if err != nil {
		return err
	}
	if width == 0 {
		clear(out)
		return nil
	}
	return d.warmUp(out, uint(width))
}

// rice reads the quotient by 2^k in unary, the rest in k bits; odd numbers are the negative ones.
func (d *flacDecoder) rice(out []int64, k uint) error {
	for i := range out {
		high, err := d.unary()
		if err != nil {
			return err
		}
		low, err := d.read(k)
		if err != nil {
			return err
		}
		v := uint64(high)<<k | low
		out[i] = int64(v>>1) ^ -int64(v&1)
	}
	return nil
}
