package picture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"mspecc/runtime/data/filetype"
)

// tag numbers of TIFF 6.0, its supplements and GDAL.
const (
	tagSubfile      = 254
	tagWidth        = 256
	tagHeight       = 257
	tagBits         = 258
	tagCompression  = 259
	tagPhotometric  = 262
	tagFillOrder    = 266
	tagDescription  = 270
	tagOffsets      = 273
	tagOrientation  = 274
	tagSamples      = 277
	tagRows         = 278
	tagCounts       = 279
	tagPlanar       = 284
	tagT4Options    = 292
	tagPredictor    = 317
	tagColourMap    = 320
	tagTileWidth    = 322
	tagTileHeight   = 323
	tagTileOffsets  = 324
	tagTileCounts   = 325
	tagInkSet       = 332
	tagExtra        = 338
	tagSampleFormat = 339
	tagJPEGTables   = 347
	tagLumaWeights  = 529
	tagSubsampling  = 530
	tagLumaRange    = 532
	tagNoData       = 42113
)

// tiffFile is a TIFF, classic or big, with the directories of its pages.
type tiffFile struct {
	data  []byte
	order binary.ByteOrder
	big   bool
	pages []*tiffPage // but thumbnails and masks
}

// tiffPage is a directory.
type tiffPage struct {
	f    *tiffFile
	tags map[uint16]tiffEntry
}

// tiffEntry is what a directory says of a tag; its values are read when they are asked for.
type tiffEntry struct {
	kind  uint16
	count uint64
	raw   []byte // at least count values
}

var errTIFFEnd = errors.New("it ends too early: it was cut off")

// tiffUnread is the error of a sound TIFF of a variant that is not read.
func tiffUnread(format string, a ...any) error {
	return filetype.Unread("convert it, such as by gdal_translate -co COMPRESS=DEFLATE IN OUT.tif, or by tifffile", format, a...)
}

func isTIFF(head []byte) bool {
	if len(head) < 4 {
		return false
	}
	switch string(head[:4]) {
	case "II*\x00", "MM\x00*", "II+\x00", "MM\x00+":
		return true
	}
	return false
}

// maxPages bounds the directories, which may be chained to a circle.
const maxPages = 1 << 16

// openTIFF reads the directories.
func openTIFF(data []byte) (*tiffFile, error) {
	if !isTIFF(data) {
		return nil, filetype.Other(data[:min(len(data), filetype.HeadSize)], "no TIFF, from which pictures of other than 1 or 3 channels are read", "TIFF is known")
	}
	f := &tiffFile{data: data, order: binary.LittleEndian, big: data[2] == '+' || data[3] == '+'}
	if data[0] == 'M' {
		f.order = binary.BigEndian
	}
	at, err := f.first()
	for at != 0 && err == nil {
		if len(f.pages) == maxPages {
			return nil, fmt.Errorf("it has more than %d pages", maxPages)
		}
		at, err = f.directory(at)
	}
	switch {
	case err != nil:
		return nil, err
	case len(f.pages) == 0:
		return nil, errors.New("it has no page")
	}
	return f, nil
}

// first is the place of the first directory.
func (f *tiffFile) first() (uint64, error) {
	if !f.big {
		return f.word(4, 4)
	}
	size, err := f.word(4, 2)
	if err == nil && size != 8 {
		err = fmt.Errorf("its places have %d bytes, expected 8", size)
	}
	if err != nil {
		return 0, err
	}
	return f.word(8, 8)
}

// word reads a number of so many bytes.
func (f *tiffFile) word(at uint64, size int) (uint64, error) {
	if at > uint64(len(f.data)) || uint64(size) > uint64(len(f.data))-at {
		return 0, errTIFFEnd
	}
	return f.unsigned(f.data[at:], size), nil
}

func (f *tiffFile) unsigned(b []byte, size int) uint64 {
	switch size {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(f.order.Uint16(b))
	case 4:
		return uint64(f.order.Uint32(b))
	}
	return f.order.Uint64(b)
}

// tiffSizes are the bytes of a value of each type that is a number or a text.
var tiffSizes = map[uint16]uint64{1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 13: 4, 16: 8, 17: 8, 18: 8}

// directory reads the tags of a page, and where the next directory is.
func (f *tiffFile) directory(at uint64) (next uint64, err error) {
	counter, step, word := 2, uint64(12), 4
	if f.big {
		counter, step, word = 8, 20, 8
	}
	n, err := f.word(at, counter)
	if err != nil {
		return 0, err
	}
	at += uint64(counter)
	if left := uint64(len(f.data)) - at; n > left/step {
		return 0, errTIFFEnd
	}
	p := &tiffPage{f: f, tags: map[uint16]tiffEntry{}}
	for i := range n {
		entry := f.data[at+i*step:][:step]
		e := tiffEntry{kind: f.order.Uint16(entry[2:]), count: f.unsigned(entry[4:], word), raw: entry[4+word:]}
		size := tiffSizes[e.kind]
		if size == 0 || e.count > uint64(len(f.data)) {
			continue // kinds of which nothing is wanted
		}
		if total := e.count * size; total > uint64(word) {
			place := f.unsigned(e.raw, word)
			if place > uint64(len(f.data)) || total > uint64(len(f.data))-place {
				e.raw = nil
			} else {
				e.raw = f.data[place:][:total]
			}
		}
		p.tags[f.order.Uint16(entry)] = e
	}
	subfile, err := p.number(tagSubfile, 0)
	if err != nil {
		return 0, err
	}
	if subfile&5 == 0 { // neither a smaller version of a page nor a mask
		f.pages = append(f.pages, p)
	}
	at += n * step
	if at == uint64(len(f.data)) { // some programs leave the end of the chain away
		return 0, nil
	}
	return f.word(at, word)
}

// numbers are the values of a tag that has at most so many; nil where it is missing.
func (p *tiffPage) numbers(tag uint16, most uint64) ([]uint64, error) {
	e, ok := p.tags[tag]
	switch {
	case !ok, e.kind == 5: // fractions are no whole numbers
		return nil, nil
	case e.raw == nil:
		return nil, errTIFFEnd
	case e.count > most:
		return nil, fmt.Errorf("tag %d has %d values, expected at most %d", tag, e.count, most)
	case e.kind == 2:
		return nil, fmt.Errorf("tag %d is a text, expected whole numbers", tag)
	}
	v := make([]uint64, e.count)
	size := int(tiffSizes[e.kind])
	for i := range v {
		v[i] = p.f.unsigned(e.raw[i*size:], size)
	}
	return v, nil
}

// fractions are the values of a tag that has fractions, at most so many; nil where it has others.
func (p *tiffPage) fractions(tag uint16, most uint64) (v []float64) {
	e := p.tags[tag]
	if e.kind != 5 || e.raw == nil || e.count > most {
		return nil
	}
	for i := range int(e.count) {
		v = append(v, float64(p.f.unsigned(e.raw[8*i:], 4))/float64(p.f.unsigned(e.raw[8*i+4:], 4)))
	}
	return v
}

// number is a tag's single value, or the one that all its values have.
func (p *tiffPage) number(tag uint16, preset uint64) (uint64, error) {
	v, err := p.numbers(tag, maxBands)
	if err != nil || len(v) == 0 {
		return preset, err
	}
	for _, x := range v {
		if x != v[0] {
			return 0, tiffUnread("is a TIFF whose tag %d differs between the bands: %v", tag, v[:min(len(v), 16)])
		}
	}
	return v[0], nil
}

// text is a tag's text, "" where it is missing.
func (p *tiffPage) text(tag uint16) string {
	e, ok := p.tags[tag]
	if !ok || e.kind != 2 || e.count > uint64(len(e.raw)) {
		return ""
	}
	return strings.TrimRight(string(e.raw[:e.count]), "\x00 ")
}

// noData is the number that GDAL writes where there is no value.
func (p *tiffPage) noData() (v float64, ok bool) {
	text := p.text(tagNoData)
	if text == "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil && !math.IsInf(v, 0) {
		return 0, false
	}
	return v, true
}
