package picture

import (
	"fmt"
	"math"
	"slices"
)

// Bands is a picture of any number of bands, such as a satellite's, with the numbers that the file holds.
type Bands struct {
	Count, Height, Width int
	Values               []float32 // [Count, Height, Width]; NaN for those that are missing
}

// Options say how a picture is decoded.
type Options struct {
	Channels  int  // that the model wants: 1, 3 or, for TIFFs whose pages are bands, the number of bands
	FirstPage bool // of a TIFF; otherwise several pages are bands
	// ZeroMissing says that a nodata value of 0 is one. Mostly it only says how the edges of pictures look.
	ZeroMissing bool
}

// DecodeBands reads a TIFF of any number of bands, classic or big: samples of up to 64 bits, unsigned, signed or floating, in
// strips or tiles, chunky, planar or in a page each, in either byte order, plain or compressed. It is turned as its
// orientation says, as Pillow turns TIFFs. What equals GDAL's nodata value is missing.
func DecodeBands(data []byte, o Options) (*Bands, error) {
	f, err := openTIFF(data)
	if err != nil {
		return nil, failed("TIFF", err)
	}
	s, err := f.stack(o)
	if err != nil {
		return nil, failed("TIFF", err)
	}
	n := s.width * s.height
	out := &Bands{s.count, s.height, s.width, make([]float32, s.count*n)}
	if err := s.read(func(band, at int, v float64) { out.Values[band*n+at] = float32(v) }); err != nil {
		return nil, failed("TIFF", err)
	}
	return out, nil
}

// tiffStack is the bands of all pages.
type tiffStack struct {
	*tiffLayout   // of the first page
	pages         []*tiffLayout
	count         int // of bands
	width, height int // of the turned picture
}

// stack looks at the pages.
func (f *tiffFile) stack(o Options) (*tiffStack, error) {
	pages, err := f.layouts(o)
	if err != nil {
		return nil, err
	}
	s := &tiffStack{tiffLayout: pages[0], pages: pages}
	for _, l := range pages {
		s.count += l.bands
		l.hasMissing = l.hasMissing && (l.missing != 0 || o.ZeroMissing)
	}
	if len(pages) > 1 && s.count != o.Channels {
		return nil, f.apart(fmt.Sprintf("has %d pages with %d bands together, where the model wants %d", len(pages), s.count, o.Channels))
	}
	if s.count > maxBands || s.tiffLayout.width*s.tiffLayout.height > 4*pixelLimit/s.count {
		return nil, fmt.Errorf("it has %d x %d pixels of %d bands, expected at most %d samples", s.tiffLayout.width, s.tiffLayout.height, s.count, 4*pixelLimit)
	}
	s.width, s.height = turns[s.orientation].size(s.tiffLayout.width, s.tiffLayout.height)
	return s, nil
}

// read calls put with every sample of every band; at counts the pixels row by row. Missing ones are NaN.
func (s *tiffStack) read(put func(band, at int, v float64)) error {
	turn, before := turns[s.orientation], 0
	for _, l := range s.pages {
		narrow := l.bits == 32 && l.kind == floatSamples // the text of the nodata value may have more digits
		err := l.read(func(band, y, x int, v float64) {
			if l.hasMissing && (v == l.missing || narrow && float32(v) == float32(l.missing)) {
				v = math.NaN()
			}
			x, y = turn.to(x, y, s.width, s.height)
			put(before+band, y*s.width+x, v)
		})
		if err != nil {
			return err
		}
		before += l.bands
	}
	return nil
}

// turning is what an orientation does: first rows and columns change places, then the picture is mirrored.
type turning struct{ swap, left, up bool }

var turns = map[uint64]turning{2: {left: true}, 3: {left: true, up: true}, 4: {up: true},
	5: {swap: true}, 6: {swap: true, left: true}, 7: {swap: true, left: true, up: true}, 8: {swap: true, up: true}}

func (t turning) size(width, height int) (int, int) {
	if t.swap {
		return height, width
	}
	return width, height
}

// to is where a pixel comes in the turned picture of that size.
func (t turning) to(x, y, width, height int) (int, int) {
	if t.swap {
		x, y = y, x
	}
	if t.left {
		x = width - 1 - x
	}
	if t.up {
		y = height - 1 - y
	}
	return x, y
}

// decodeTIFF reads grey, colours, or as many bands as there are to be channels.
func decodeTIFF(data []byte, o Options) (*Image, error) {
	f, err := openTIFF(data)
	if err != nil {
		return nil, err
	}
	s, err := f.stack(o)
	if err != nil {
		return nil, err
	}
	if s.photometric == palette || s.photometric == separated {
		return s.mapped()
	}
	used, err := s.channels(s.count, o.Channels)
	if err != nil {
		return nil, err
	}
	if s.kind == unsignedSamples && s.bits <= 8 && 255%s.white() == 0 && !s.hasMissing && !s.premultiplied(used) {
		return s.bytes(used)
	}
	return s.deep(used)
}

// white is the largest number of whole samples of up to 16 bits, 0 for other samples, which are taken as they are.
func (l *tiffLayout) white() int {
	if l.kind != unsignedSamples || l.bits > 16 {
		return 0
	}
	return 1<<l.bits - 1
}

// bytes reads samples of up to 8 bits.
func (s *tiffStack) bytes(used int) (*Image, error) {
	m, step := New(s.width, s.height, used), byte(255/s.white())
	flip := byte(0)
	if s.photometric == whiteIsZero {
		flip = 255
	}
	err := s.read(func(band, at int, v float64) {
		if band < used {
			m.Pix[at*used+band] = byte(v)*step ^ flip
		}
	})
	if s.photometric == lumaAndColours && s.compression != tiffJPEG {
		m.fromLuma()
	}
	return m, err
}

// deep reads samples of more than 8 bits, and such as may be missing.
func (s *tiffStack) deep(used int) (*Image, error) {
	white := s.white()
	m := newDeep(s.width, s.height, used, float32(white))
	var alpha []float32
	if s.premultiplied(used) {
		alpha = make([]float32, s.width*s.height)
	}
	err := s.read(func(band, at int, v float64) {
		if s.photometric == whiteIsZero && white > 0 {
			v = float64(white) - v
		}
		switch {
		case band < used:
			m.Deep[at*used+band] = float32(v)
		case band == used && alpha != nil:
			alpha[at] = float32(v)
		}
	})
	if err != nil {
		return nil, err
	}
	unmultiply(m, alpha)
	return m.narrowed(), nil
}

// channels is how many of the bands are grey or colours: the others, such as alpha, are dropped.
func (l *tiffLayout) channels(bands, wanted int) (int, error) {
	switch {
	case l.photometric == redGreenBlue && bands >= 3, l.photometric == lumaAndColours && bands == 3 && (l.compression == tiffJPEG || l.fullLuma()):
		return 3, nil
	case l.photometric == lumaAndColours:
		return 0, tiffUnread("is a TIFF of luma and colours with %d bands of %d bits, expected, where it is not compressed by JPEG, 3 of 8 bits of the full range, as many of colours as of luma (tag 530 is 1, 1)",
			bands, l.bits)
	case l.photometric != blackIsZero && l.photometric != whiteIsZero:
		return 0, tiffUnread("is a TIFF of the photometric interpretation %d with %d bands, expected grey (0, 1), colours (2), a palette (3), inks (5), or luma and colours (6)",
			l.photometric, bands)
	case bands == wanted || bands == 1:
		return bands, nil
	}
	extra, err := l.page.numbers(tagExtra, maxBands)
	if err != nil {
		return 0, err
	}
	if bands == 2 && len(extra) == 1 {
		return 1, nil
	}
	return 0, tiffUnread("is a TIFF of %d bands, where the model wants %d", bands, wanted)
}

// fullLuma says whether luma and colours are as JPEG has them: of the full range, in the mix of ITU-R 601; and none for several pixels.
func (l *tiffLayout) fullLuma() bool {
	per, err := l.page.numbers(tagSubsampling, 2)
	if err != nil || !slices.Equal(per, []uint64{1, 1}) || l.kind != unsignedSamples || l.bits != 8 || l.hasMissing {
		return false
	}
	for tag, usual := range map[uint16][]float64{tagLumaWeights: {0.299, 0.587, 0.114}, tagLumaRange: {0, 255, 128, 255, 128, 255}} {
		if _, given := l.page.tags[tag]; !given {
			continue
		}
		if !slices.EqualFunc(l.page.fractions(tag, 6), usual, func(a, b float64) bool { return math.Abs(a-b) < 1e-4 }) {
			return false
		}
	}
	return true
}

// fromLuma makes colours of luma and colours with libtiff's numbers, of which one is not JPEG's.
func (m *Image) fromLuma() {
	for p := m.Pix; len(p) >= 3; p = p[3:] {
		l, b, r := int32(p[0]), int32(p[1])-128, int32(p[2])-128
		p[0] = clip(l + (91881*r+1<<15)>>16)
		p[1] = clip(l + (-22553*b-46802*r+1<<15)>>16)
		p[2] = clip(l + (116130*b+1<<15)>>16)
	}
}

// premultiplied says whether the colours were multiplied with an alpha that follows them.
func (l *tiffLayout) premultiplied(used int) bool {
	extra, err := l.page.numbers(tagExtra, maxBands)
	return err == nil && l.bands > used && len(extra) > 0 && extra[0] == 1 && l.kind == unsignedSamples && l.bits <= 16
}

// unmultiply divides colours by their alpha, rounding down as Pillow does; those without any are black.
func unmultiply(m *Image, alpha []float32) {
	for i, a := range alpha {
		for c := range m.Channels {
			p := &m.Deep[i*m.Channels+c]
			if a == 0 {
				*p = 0
			} else {
				*p = min(m.White, float32(math.Floor(float64(m.White)*float64(*p)/float64(a))))
			}
		}
	}
}

// narrowed is a picture of bytes where the samples are no more than that.
func (m *Image) narrowed() *Image {
	if m.White != 255 {
		return m
	}
	out := New(m.Width, m.Height, m.Channels)
	for i, v := range m.Deep {
		if v != v {
			return m
		}
		out.Pix[i] = byte(v)
	}
	return out
}

// mapped looks up a palette, or mixes inks.
func (s *tiffStack) mapped() (*Image, error) {
	if s.kind != unsignedSamples || s.bits > 8 || s.photometric == separated && s.bits != 8 {
		return nil, tiffUnread("is a TIFF of palette colours or inks in samples of %d bits, which is not read", s.bits)
	}
	var colours []uint64
	size, used := 1<<s.bits, 4
	if s.photometric == palette {
		var err error
		if colours, err = s.page.numbers(tagColourMap, 3<<8); err != nil || len(colours) != 3*size {
			return nil, fmt.Errorf("its palette has %d numbers, expected %d", len(colours), 3*size)
		}
		used = 1
	} else if set, err := s.page.number(tagInkSet, 1); err != nil || s.count < 4 || set != 1 {
		return nil, tiffUnread("is a TIFF of %d inks, expected cyan, magenta, yellow and black", s.count)
	}
	raw := make([]byte, used*s.width*s.height)
	out := newDeep(s.width, s.height, 3, 255)
	err := s.read(func(band, at int, v float64) {
		if band < used && v == v {
			raw[at*used+band] = byte(v)
		} else if band < used {
			for c := range 3 {
				out.Deep[3*at+c] = float32(v)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	for i := range s.width * s.height {
		p := out.Deep[3*i:][:3]
		for c := range p {
			switch {
			case p[c] != p[c]: // missing
			case used == 1:
				p[c] = float32(colours[c*size+int(raw[i])] >> 8)
			default:
				p[c] = float32(under(raw[4*i+c], 255-raw[4*i+3]))
			}
		}
	}
	return out.narrowed(), nil
}
