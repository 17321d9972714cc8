// Package sound reads WAV and FLAC recordings, any part of them without the rest, and turns sound into mel spectrograms as
// librosa does.
package sound

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"mspecc/runtime/data/filetype"
)

// Recording is an opened recording, of which any part of the first channel can be read. It is of use to one
// goroutine at a time.
type Recording struct {
	Rate     int   // samples per second
	Channels int   // of the file
	Length   int64 // samples of each channel
	read     func(dst []float32, from int64) error
}

// MaxSamples bounds the samples of one example: more are a mistake.
const MaxSamples = 1 << 26

// Read fills dst with samples of the first channel from the given one on: -1 to 1, as torchaudio and soundfile scale
// them, whole numbers divided by 2^(bits-1). Floating ones that are not finite are an error with their place.
func (r *Recording) Read(dst []float32, from int64) error {
	if from < 0 || from > r.Length || int64(len(dst)) > r.Length-from {
		return fmt.Errorf("samples %d to %d of %d were asked for", from, from+int64(len(dst))-1, r.Length)
	}
	if len(dst) == 0 {
		return nil
	}
	if err := r.read(dst, from); err != nil {
		return err
	}
	for i, v := range dst {
		if v-v != 0 {
			return filetype.Unread("correct or remove it", "has the sample %d of %d, counted from 0, which is %v, expected finite numbers", from+int64(i), r.Length, v)
		}
	}
	return nil
}

// known are the formats for messages.
const known = "WAV (RIFF, RIFX, RF64, BW64) and FLAC are known"

// Open reads the header of a recording in a file of that size. A sound recording that is not read gives a
// *filetype.Error, which says what to do.
func Open(in io.ReaderAt, size int64) (*Recording, error) {
	head := make([]byte, filetype.HeadSize)
	n, err := in.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	first := head[:n]
	start, err := behindTags(in, size)
	if err != nil {
		return nil, err
	}
	if start > 0 {
		if n, err = in.ReadAt(head[:12], start); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		head = head[:n]
	} else {
		head = first
	}
	var r *Recording
	switch {
	case isWAV(head):
		r, err = openWAV(io.NewSectionReader(in, start, size-start), size-start)
	case bytes.HasPrefix(head, []byte("fLaC")):
		r, err = openFLAC(io.NewSectionReader(in, start, size-start), size-start)
	default:
		return nil, filetype.Other(first, "neither WAV nor FLAC", known)
	}
	if err != nil {
		return nil, err
	}
	if r.Rate < 1 || r.Rate > 1<<20 || r.Channels < 1 || r.Channels > 1<<10 {
		return nil, fmt.Errorf("its header speaks of %d channels and %d samples per second", r.Channels, r.Rate)
	}
	if r.Length == 0 {
		return nil, filetype.Unread("remove it: it was perhaps never recorded", "holds no samples")
	}
	return r, nil
}

// behindTags is the place behind ID3 tags at the beginning, which some programs put before any sound.
func behindTags(in io.ReaderAt, size int64) (int64, error) {
	at := int64(0)
	var tag [10]byte
	for at+10 <= size {
		if _, err := in.ReadAt(tag[:], at); err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if string(tag[:3]) != "ID3" || (tag[6]|tag[7]|tag[8]|tag[9])&0x80 != 0 {
			break
		}
		at += 10 + int64(tag[6])<<21 + int64(tag[7])<<14 + int64(tag[8])<<7 + int64(tag[9])
		if tag[5]&0x10 != 0 { // it has a footer
			at += 10
		}
	}
	return min(at, size), nil
}

func isWAV(head []byte) bool {
	if len(head) < 12 || string(head[8:12]) != "WAVE" {
		return false
	}
	switch string(head[:4]) {
	case "RIFF", "RIFX", "RF64", "BW64":
		return true
	}
	return false
}

// order is that of the numbers in a file of RIFF's kind.
func order(head []byte) binary.ByteOrder {
	if string(head[:4]) == "RIFX" {
		return binary.BigEndian
	}
	return binary.LittleEndian
}
