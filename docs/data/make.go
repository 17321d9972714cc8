//go:build ignore

// Make writes the small data sets that docs/new-modality.md reads: go run make.go, in this
// folder. Everything in them is drawn here, from a fixed seed.
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
)

var random = rand.New(rand.NewPCG(1, 2))

func write(data []byte, name ...string) {
	file := filepath.Join(name...)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		log.Fatal(err)
	}
}

// shape is a picture of a disc or a square somewhere, on a noisy ground, and where it is.
func shape(disc bool) (picture []byte, where string) {
	m := image.NewGray(image.Rect(0, 0, 16, 16))
	cx, cy, r := 5+6*random.Float64(), 5+6*random.Float64(), 3+1.5*random.Float64()
	for y := range 16 {
		for x := range 16 {
			dx, dy := float64(x)-cx, float64(y)-cy
			inside := math.Max(math.Abs(dx), math.Abs(dy)) < r*0.886 // the same area
			if disc {
				inside = dx*dx+dy*dy < r*r
			}
			v := 30 + 20*random.Float64()
			if inside {
				v += 180
			}
			m.SetGray(x, y, color.Gray{uint8(v)})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		log.Fatal(err)
	}
	place := []string{"above", "below"}[int(cy/8)] + " on the " + []string{"left", "right"}[int(cx/8)]
	return b.Bytes(), place
}

// tone is a recording of 600 samples at 8 kHz: a sine of 300 to 500 or of 700 to 1100 Hz.
func tone(low float64) []byte {
	f, phase := low*(1+0.6*random.Float64()), 2*math.Pi*random.Float64()
	const n = 600
	b := append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, 36+2*n)...)
	b = append(b, "WAVEfmt "...)
	for _, v := range []any{uint32(16), uint16(1), uint16(1), uint32(8000), uint32(16000), uint16(2), uint16(16)} {
		b, _ = binary.Append(b, binary.LittleEndian, v)
	}
	b = binary.LittleEndian.AppendUint32(append(b, "data"...), 2*n)
	for i := range n {
		v := 0.5*math.Sin(2*math.Pi*f*float64(i)/8000+phase) + 0.05*random.NormFloat64()
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(20000*v)))
	}
	return b
}

// genome is a sequence with so large a share of G and C.
func genome(name string, gc float64) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, ">%s drawn by make.go\n", name)
	for i := range 6000 {
		letter := "AT"[random.IntN(2)]
		if random.Float64() < gc {
			letter = "GC"[random.IntN(2)]
		}
		b.WriteByte(letter)
		if i%60 == 59 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

func main() {
	captions := []byte("image,text,shape\n")
	for i := range 60 {
		for _, name := range []string{"disc", "square"} {
			picture, where := shape(name == "disc")
			file := fmt.Sprintf("%02d.png", i)
			write(picture, "shapes", name, file)
			captions = fmt.Appendf(captions, "%s/%s,a %s %s,%s\n", name, file, name, where, name)
		}
	}
	write(captions, "shapes", "captions.csv")
	for i := range 30 {
		write(tone(300), "tones", "low", fmt.Sprintf("%02d.wav", i))
		write(tone(700), "tones", "high", fmt.Sprintf("%02d.wav", i))
	}
	write(genome("even", 0.5), "genomes", "even.fa")
	write(genome("rich", 0.7), "genomes", "rich.fa")
}
