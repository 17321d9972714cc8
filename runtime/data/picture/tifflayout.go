package picture

import (
	"fmt"
	"strings"

	"mspecc/runtime/data/filetype"
)

// tiffLayout is how the samples of a page lie in the file.
type tiffLayout struct {
	page          *tiffPage
	width, height int
	bands, bits   int
	kind          uint64 // of the samples
	planar        bool
	compression   uint64
	predictor     uint64
	photometric   uint64
	orientation   uint64
	reversed      bool // the first pixel of a byte is in its lowest bit
	tiled         bool
	segW, segH    int // pixels of a strip or tile
	offsets       []uint64
	counts        []uint64
	missing       float64 // stands for no value
	hasMissing    bool
}

// Sample formats.
const (
	unsignedSamples = 1
	signedSamples   = 2
	floatSamples    = 3
	voidSamples     = 4 // of no known kind: read as unsigned
)

// Photometric interpretations.
const (
	whiteIsZero    = 0
	blackIsZero    = 1
	redGreenBlue   = 2
	palette        = 3
	separated      = 5 // inks
	lumaAndColours = 6
)

// Compressions.
const (
	tiffPlain      = 1
	tiffGroup3     = 3
	tiffGroup4     = 4
	tiffLZW        = 5
	tiffJPEG       = 7
	tiffDeflate    = 8
	tiffPackBits   = 32773
	tiffDeflateOld = 32946
	tiffZstd       = 50000
)

// tiffMethods names compressions that are not read.
var tiffMethods = map[uint64]string{2: "Modified Huffman", 6: "the old JPEG", 32809: "Thunderscan", 33003: "JPEG 2000", 33005: "JPEG 2000",
	34712: "JPEG 2000", 34887: "LERC", 34925: "LZMA", 50001: "WebP", 50002: "JPEG XL"}

// sparseRatio is how many samples a byte of a sparse file can stand for: a tile of 256 x 256 pixels costs two numbers.
const sparseRatio = 1 << 17

// maxBands bounds the bands of a pixel.
const maxBands = 1 << 10

// layout checks what the tags of a page say and that the file can hold it.
func (p *tiffPage) layout() (*tiffLayout, error) {
	l := &tiffLayout{page: p}
	var width, height, bands, bits, planar, fill, rows, tileW, tileH uint64
	for _, t := range []struct {
		tag    uint16
		preset uint64
		dst    *uint64
	}{{tagWidth, 0, &width}, {tagHeight, 0, &height}, {tagSamples, 1, &bands}, {tagBits, 1, &bits}, {tagSampleFormat, unsignedSamples, &l.kind},
		{tagPlanar, 1, &planar}, {tagCompression, 1, &l.compression}, {tagPredictor, 1, &l.predictor}, {tagPhotometric, blackIsZero, &l.photometric},
		{tagFillOrder, 1, &fill}, {tagOrientation, 1, &l.orientation}, {tagRows, 1 << 32, &rows}, {tagTileWidth, 0, &tileW}, {tagTileHeight, 0, &tileH}} {
		var err error
		if *t.dst, err = p.number(t.tag, t.preset); err != nil {
			return nil, err
		}
	}
	if width > MaxPixels || height > MaxPixels || bands < 1 || bands > maxBands {
		return nil, fmt.Errorf("it has %d x %d pixels of %d bands, expected at most %d of %d", width, height, bands, MaxPixels, maxBands)
	}
	l.width, l.height, l.bands, l.planar, l.reversed = int(width), int(height), int(bands), planar == 2 && bands > 1, fill == 2
	if l.kind == voidSamples {
		l.kind = unsignedSamples
	}
	if err := l.setBits(bits); err != nil {
		return nil, err
	}
	if err := l.unknownMethod(); err != nil {
		return nil, err
	}
	if l.tiled = p.tags[tagTileWidth].count > 0; l.tiled {
		rows = tileH
	} else {
		tileW, rows = width, min(rows, height)
	}
	if err := l.setSegments(tileW, rows); err != nil {
		return nil, err
	}
	l.missing, l.hasMissing = p.noData()
	return l, nil
}

// unknownMethod is the error of a compression that is not read, nil for others.
func (l *tiffLayout) unknownMethod() error {
	switch l.compression {
	case tiffPlain, tiffGroup3, tiffGroup4, tiffLZW, tiffJPEG, tiffDeflate, tiffDeflateOld, tiffPackBits, tiffZstd:
		return nil
	}
	name := tiffMethods[l.compression]
	if name == "" {
		name = "an unknown method"
	}
	return tiffUnread("is a TIFF compressed by %s (%d), expected none (1), fax (3, 4), LZW (5), JPEG (7), Deflate (8, 32946), PackBits (32773) or Zstandard (50000)",
		name, l.compression)
}

// setBits checks the type of the samples.
func (l *tiffLayout) setBits(bits uint64) error {
	switch {
	case l.kind == unsignedSamples && (bits >= 1 && bits <= 16 || bits == 32 || bits == 64),
		l.kind == signedSamples && (bits == 8 || bits == 16 || bits == 32 || bits == 64),
		l.kind == floatSamples && (bits == 16 || bits == 32 || bits == 64):
	default:
		names := map[uint64]string{unsignedSamples: "whole", signedSamples: "signed", floatSamples: "floating", 5: "complex whole", 6: "complex"}
		name := names[l.kind]
		if name == "" {
			name = fmt.Sprintf("unknown (%d)", l.kind)
		}
		return tiffUnread("is a TIFF of %s samples of %d bits, expected whole ones of 1 to 16, 32 or 64, signed ones of 8, 16, 32 or 64, or floating ones of 16, 32 or 64", name, bits)
	}
	l.bits = int(bits)
	if l.predictor > 1 && l.bits%8 != 0 || l.predictor == 3 && l.kind != floatSamples || l.predictor > 3 {
		return tiffUnread("is a TIFF with the predictor %d for samples of %d bits, which is not read", l.predictor, l.bits)
	}
	return nil
}

// setSegments finds the strips or tiles.
func (l *tiffLayout) setSegments(segW, segH uint64) error {
	ratio := l.ratio()
	if l.sparse() {
		ratio = sparseRatio
	}
	bands := l.bands
	if bands <= 4 { // grey or colours
		bands = 1
	}
	if err := plausible(l.width*bands, l.height, len(l.page.f.data), ratio); err != nil {
		return err
	}
	if segW < 1 || segH < 1 || segW > MaxPixels/segH || int(segW*segH) > l.width*l.height+1<<20 {
		return fmt.Errorf("its strips or tiles have %d x %d pixels", segW, segH)
	}
	l.segW, l.segH = int(segW), int(segH)
	n := uint64(ceilDiv(l.width, l.segW) * ceilDiv(l.height, l.segH))
	if l.planar {
		n *= uint64(l.bands)
	}
	offsets, counts := uint16(tagOffsets), uint16(tagCounts)
	if l.tiled {
		offsets, counts = tagTileOffsets, tagTileCounts
		if _, ok := l.page.tags[offsets]; !ok { // some programs write the places of tiles as those of strips
			offsets, counts = tagOffsets, tagCounts
		}
	}
	var err error
	if l.offsets, err = l.page.numbers(offsets, n); err == nil {
		l.counts, err = l.page.numbers(counts, n)
	}
	if err != nil {
		return err
	}
	if l.counts == nil && n == 1 && len(l.offsets) == 1 && l.offsets[0] <= uint64(len(l.page.f.data)) {
		l.counts = []uint64{uint64(len(l.page.f.data)) - l.offsets[0]}
	}
	if uint64(len(l.offsets)) != n || uint64(len(l.counts)) != n {
		return fmt.Errorf("it has %d strips or tiles and %d lengths, expected %d", len(l.offsets), len(l.counts), n)
	}
	return nil
}

// sparse says whether tiles may be left out: GDAL's SPARSE_OK leaves out those that hold no value.
func (l *tiffLayout) sparse() bool {
	e, ok := l.page.tags[tagTileCounts]
	if !ok {
		e, ok = l.page.tags[tagCounts]
	}
	size := int(tiffSizes[e.kind])
	if !ok || e.kind == 2 {
		return false
	}
	for i := 0; i+size <= len(e.raw) && uint64(i/size) < e.count; i += size {
		if l.page.f.unsigned(e.raw[i:], size) == 0 {
			return true
		}
	}
	return false
}

// ratio is how many pixels one byte can stand for.
func (l *tiffLayout) ratio() int {
	perByte := max(1, 8/l.bits)
	switch l.compression {
	case tiffPlain:
		return perByte
	case tiffPackBits:
		return 64 * perByte
	case tiffJPEG:
		return jpegRatio
	case tiffDeflate, tiffDeflateOld:
		return 1032 * perByte
	}
	return 4096 * perByte
}

// same says whether two pages have samples of the same kind and number.
func (l *tiffLayout) same(o *tiffLayout) bool {
	return l.width == o.width && l.height == o.height && l.bits == o.bits && l.kind == o.kind && l.photometric == o.photometric && l.orientation == o.orientation
}

// layouts are those of the pages, or of the first one.
func (f *tiffFile) layouts(o Options) ([]*tiffLayout, error) {
	pages := f.pages
	if o.FirstPage {
		pages = pages[:1]
	}
	if n := len(pages); n > 1 && n > maxBands {
		return nil, f.apart(fmt.Sprintf("has %d pages", n))
	}
	var all []*tiffLayout
	for _, p := range pages {
		l, err := p.layout()
		if err != nil {
			return nil, err
		}
		if len(all) > 0 && !l.same(all[0]) {
			return nil, f.apart(fmt.Sprintf("has %d pages, which differ in size or type", len(pages)))
		}
		all = append(all, l)
	}
	if about := f.pages[0].text(tagDescription); len(pages) == 1 && strings.HasPrefix(about, "ImageJ=") && !o.FirstPage {
		if n := imageJ(about); n > 1 {
			return nil, f.apart(fmt.Sprintf("is a stack of ImageJ with %d pictures in one page", n))
		}
	}
	return all, nil
}

// imageJ is the number of pictures that ImageJ says there are.
func imageJ(about string) (n int) {
	for line := range strings.Lines(about) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "images="); ok {
			if _, err := fmt.Sscan(v, &n); err != nil {
				return 0
			}
		}
	}
	return n
}

// apart is the error of pages that are no bands of one picture.
func (f *tiffFile) apart(what string) error {
	return filetype.Unread("write what belongs together into one page, such as by tifffile's planarconfig='separate', and other pages into files of "+
		"their own; or say pages: first", "is a TIFF that %s, expected one page, or pages of the same size and type that are the bands of one picture", what)
}
