package picture

import (
	"errors"
	"fmt"
)

// huffman is a code: codes of up to 8 bits are looked up, longer ones compared length by length.
type huffman struct {
	quick  [256]uint16 // value | length << 8, 0: longer
	most   [17]int32   // largest code of each length, -1: none
	offset [17]int32   // of a code of that length to its value
	values []byte
}

func (f *jpegFile) huffmanTables(body []byte) error {
	for len(body) > 0 {
		if len(body) < 17 {
			return errJPEGEnd
		}
		class, id := body[0]>>4, body[0]&15
		total := 0
		for _, n := range body[1:17] {
			total += int(n)
		}
		if class > 1 || id > 3 || total > 256 || len(body) < 17+total {
			return errors.New("a table of Huffman codes is damaged")
		}
		t := &huffman{values: body[17 : 17+total]}
		code, at := int32(0), int32(0)
		for length := 1; length <= 16; length++ {
			n := int32(body[length])
			t.offset[length] = at - code
			t.most[length] = -1
			for range n {
				if code >= 1<<length {
					return errors.New("a table of Huffman codes has more codes than there are")
				}
				if length <= 8 {
					for fill := range int32(1) << (8 - length) {
						t.quick[code<<(8-length)|fill] = uint16(length)<<8 | uint16(t.values[at])
					}
				}
				t.most[length] = code
				code++
				at++
			}
			code <<= 1
		}
		f.tables[class][id] = t
		body = body[17+total:]
	}
	return nil
}

// bits reads the coded bits of a scan; behind its end there are zeros, as libjpeg has it.
type bits struct {
	f     *jpegFile
	word  uint64
	count int
	ended bool // a marker is next
	err   error
}

func (b *bits) fill() {
	for b.count <= 48 {
		var next byte
		switch f := b.f; {
		case b.ended:
		case f.at >= len(f.data):
			b.ended, b.err = true, errJPEGEnd
		case f.data[f.at] != 0xff:
			next = f.data[f.at]
			f.at++
		case f.at+1 < len(f.data) && f.data[f.at+1] == 0:
			next = 0xff
			f.at += 2
		default:
			b.ended = true
		}
		b.word = b.word<<8 | uint64(next)
		b.count += 8
	}
}

func (b *bits) take(n int) int32 {
	if n == 0 {
		return 0
	}
	if b.count < n {
		b.fill()
	}
	b.count -= n
	return int32(b.word >> b.count & (1<<n - 1))
}

var errCode = errors.New("a Huffman code is damaged")

func (b *bits) symbol(t *huffman) (byte, error) {
	if b.count < 16 {
		b.fill()
	}
	if q := t.quick[b.word>>(b.count-8)&255]; q != 0 {
		b.count -= int(q >> 8)
		return byte(q), nil
	}
	for length := 9; length <= 16; length++ {
		code := int32(b.word >> (b.count - length) & (1<<length - 1))
		if code <= t.most[length] && t.most[length] >= 0 {
			b.count -= length
			return t.values[code+t.offset[length]], nil
		}
	}
	return 0, errCode
}

// signed takes a number of so many bits, of which the upper half of the range is positive.
func (b *bits) signed(n int) int32 {
	v := b.take(n)
	if n > 0 && v < 1<<(n-1) {
		v += -1<<n + 1
	}
	return v
}

// jpegScan is one pass over the blocks: coefficients from first to last, of which high bits are known and low ones follow later.
type jpegScan struct {
	f           *jpegFile
	bits        bits
	components  []*jpegComponent
	first, last int
	high, low   int
	endRun      int32 // blocks that hold nothing more
	decode      func(c *jpegComponent, block []int16) error
}

func (f *jpegFile) scan(body []byte) error {
	if f.components == nil {
		return errors.New("it has a scan before its frame")
	}
	if f.scans++; f.scans > maxScans {
		return fmt.Errorf("it has more than %d scans", maxScans)
	}
	if len(body) < 1 || len(body) < 4+2*int(body[0]) {
		return errJPEGEnd
	}
	s := &jpegScan{f: f}
	count := int(body[0])
	for i := range count {
		id, tables := body[1+2*i], body[2+2*i]
		var found *jpegComponent
		for _, c := range f.components {
			if c.id == id {
				found = c
			}
		}
		if found == nil || tables>>4 > 3 || tables&15 > 3 {
			return errors.New("a scan names a component or a table that is not there")
		}
		for _, c := range s.components {
			if c == found {
				return errors.New("a scan names a component twice")
			}
		}
		found.dcTable, found.acTable, found.prediction = tables>>4, tables&15, 0
		s.components = append(s.components, found)
	}
	if count == 0 {
		return errors.New("a scan has no components")
	}
	tail := body[1+2*count:]
	s.first, s.last, s.high, s.low = int(tail[0]), int(tail[1]), int(tail[2]>>4), int(tail[2]&15)
	if err := s.choose(); err != nil {
		return err
	}
	f.allocate()
	s.bits.f = f
	if err := s.run(); err != nil {
		return err
	}
	return s.bits.err
}

// choose settles how blocks are decoded and that the tables for it are there.
func (s *jpegScan) choose() error {
	f := s.f
	switch {
	case !f.progressive:
		s.first, s.last, s.high, s.low = 0, 63, 0, 0
		s.decode = s.baseline
	case s.first > s.last || s.last > 63 || s.first == 0 && s.last != 0 || s.first > 0 && len(s.components) > 1 || s.low > 13 || s.high != 0 && s.high != s.low+1:
		return errors.New("a scan has an impossible range")
	case s.first == 0 && s.high == 0:
		s.decode = s.dcFirst
	case s.first == 0:
		s.decode = s.dcRefine
	case s.high == 0:
		s.decode = s.acFirst
	default:
		s.decode = s.acRefine
	}
	for _, c := range s.components {
		if c.quant == nil {
			if c.quant = f.quant[c.quantiser]; c.quant == nil {
				return errors.New("a component lacks its quantisers")
			}
		}
		if s.first == 0 && s.high == 0 && f.tables[0][c.dcTable] == nil || s.last > 0 && f.tables[1][c.acTable] == nil {
			return errors.New("a scan lacks its Huffman codes")
		}
	}
	return nil
}

// run visits the blocks: those of one component row by row, those of several MCU by MCU.
func (s *jpegScan) run() error {
	f := s.f
	across, down := ceilDiv(f.width, 8*f.hMax), ceilDiv(f.height, 8*f.vMax)
	if len(s.components) == 1 {
		across, down = s.components[0].across, s.components[0].down
	}
	for mcu := range across * down {
		if f.restart > 0 && mcu > 0 && mcu%f.restart == 0 {
			if err := s.restart(); err != nil {
				return err
			}
		}
		x, y := mcu%across, mcu/across
		if len(s.components) == 1 {
			c := s.components[0]
			if err := s.decode(c, c.block(x, y)); err != nil {
				return err
			}
			continue
		}
		for _, c := range s.components {
			for i := range c.h * c.v {
				if err := s.decode(c, c.block(x*c.h+i%c.h, y*c.v+i/c.h)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (c *jpegComponent) block(x, y int) []int16 {
	at := 64 * (y*c.stride + x)
	return c.coefficients[at : at+64 : at+64]
}

// restart expects a restart marker and forgets what was predicted.
func (s *jpegScan) restart() error {
	f := s.f
	s.bits = bits{f: f, err: s.bits.err}
	m, err := f.marker()
	if err != nil {
		return err
	}
	if m < jpegRST0 || m > jpegRST7 {
		return errors.New("a restart marker is missing")
	}
	for _, c := range s.components {
		c.prediction = 0
	}
	s.endRun = 0
	return nil
}

func (s *jpegScan) dc(c *jpegComponent) (int32, error) {
	n, err := s.bits.symbol(s.f.tables[0][c.dcTable])
	if err != nil {
		return 0, err
	}
	if n > 15 {
		return 0, errCode
	}
	c.prediction += s.bits.signed(int(n))
	return c.prediction, nil
}

func (s *jpegScan) baseline(c *jpegComponent, block []int16) error {
	dc, err := s.dc(c)
	if err != nil {
		return err
	}
	block[0] = int16(dc)
	t := s.f.tables[1][c.acTable]
	for k := 1; k < 64; k++ {
		v, err := s.bits.symbol(t)
		if err != nil {
			return err
		}
		n := int(v & 15)
		if n == 0 {
			if v != 0xf0 {
				break
			}
			k += 15
			continue
		}
		if k += int(v >> 4); k > 63 {
			return errCode
		}
		block[zigzag[k]] = int16(s.bits.signed(n))
	}
	return nil
}

func (s *jpegScan) dcFirst(c *jpegComponent, block []int16) error {
	dc, err := s.dc(c)
	block[0] = int16(dc << s.low)
	return err
}

func (s *jpegScan) dcRefine(_ *jpegComponent, block []int16) error {
	if s.bits.take(1) == 1 {
		block[0] |= 1 << s.low
	}
	return nil
}

func (s *jpegScan) acFirst(c *jpegComponent, block []int16) error {
	if s.endRun > 0 {
		s.endRun--
		return nil
	}
	t := s.f.tables[1][c.acTable]
	for k := s.first; k <= s.last; k++ {
		v, err := s.bits.symbol(t)
		if err != nil {
			return err
		}
		run, n := int(v>>4), int(v&15)
		if n == 0 {
			if run < 15 {
				s.endRun = 1<<run - 1 + s.bits.take(run)
				break
			}
			k += 15
			continue
		}
		if k += run; k > 63 {
			return errCode
		}
		block[zigzag[k]] = int16(s.bits.signed(n) << s.low)
	}
	return nil
}

// acRefine adds a bit to the coefficients that are known, and new ones of that bit.
func (s *jpegScan) acRefine(c *jpegComponent, block []int16) error {
	bit := int16(1) << s.low
	k := s.first
	if s.endRun == 0 {
		t := s.f.tables[1][c.acTable]
		for ; k <= s.last; k++ {
			v, err := s.bits.symbol(t)
			if err != nil {
				return err
			}
			run, fresh := int(v>>4), int16(0)
			switch v & 15 {
			case 0:
				if run < 15 {
					s.endRun = 1<<run + s.bits.take(run)
				}
			case 1:
				fresh = -bit
				if s.bits.take(1) == 1 {
					fresh = bit
				}
			default:
				return errCode
			}
			if s.endRun > 0 {
				break
			}
			if k = s.refine(block, k, run, bit); k > s.last {
				break
			}
			if fresh != 0 {
				block[zigzag[k]] = fresh
			}
		}
	}
	if s.endRun > 0 {
		s.refine(block, k, 64, bit)
		s.endRun--
	}
	return nil
}

// refine adds a bit to each known coefficient from k on and passes over so many unknown ones; it gives the place of the next unknown one.
func (s *jpegScan) refine(block []int16, k, run int, bit int16) int {
	for ; k <= s.last; k++ {
		p := &block[zigzag[k]]
		if *p == 0 {
			if run == 0 {
				break
			}
			run--
			continue
		}
		if s.bits.take(1) == 1 && *p&bit == 0 {
			if *p > 0 {
				*p += bit
			} else {
				*p -= bit
			}
		}
	}
	return k
}
