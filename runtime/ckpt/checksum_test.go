package ckpt

import (
	"bytes"
	"errors"
	"flag"
	"testing"
)

var everyBit = flag.Bool("every-bit", false, "damage every bit of the checkpoint, not one of every byte")

// No damage to a checkpoint stays unnoticed: not a changed bit anywhere, and not a missing end.
func TestEveryByteCounts(t *testing.T) {
	m := machine(t)
	f, err := Snapshot(m, State{Step: 12, Seed: 3, LR: 1e-4, Data: Data{Source: "sample data", Examples: 60}})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	sound := b.Bytes()
	if _, err := Parse("f", bytes.Clone(sound)); err != nil {
		t.Fatal(err)
	}
	tried := 0
	refuse := func(what string, at int, raw []byte) {
		tried++
		_, err := Parse("f", raw)
		var bad *DamagedError
		if !errors.As(err, &bad) {
			t.Fatalf("%s at byte %d of %d: %v", what, at, len(sound), err)
		}
	}
	for i := range sound {
		for bit := range 8 {
			if !*everyBit && bit != i%8 {
				continue
			}
			raw := bytes.Clone(sound)
			raw[i] ^= 1 << bit
			refuse("a changed bit", i, raw)
		}
		raw := bytes.Clone(sound)
		clear(raw[i:min(len(raw), i+512)]) // a sector that never reached the disk
		if !bytes.Equal(raw, sound) {
			refuse("a lost sector", i, raw)
		}
		refuse("truncated", i, bytes.Clone(sound[:i]))
	}
	refuse("appended", len(sound), append(bytes.Clone(sound), 0))
	t.Logf("%d kinds of damage to %d bytes, all noticed", tried, len(sound))
}

// Files of other programs have no checksum; theirs is none of ours.
func TestFilesOfOthersHaveNoChecksum(t *testing.T) {
	for header, ok := range map[string]bool{
		`{"__metadata__":{"format":"pt"}}`:                             true,
		`{"__metadata__":{"sha256":"1234"}}`:                           true,
		`{"__metadata__":{"mspecc":"{}"}}`:                             false,
		`{"__metadata__":{"mspecc.sha256":"1234"}}`:                    false,
		`{"__metadata__":{"\u006dspecc.sha256":"` + noChecksum + `"}}`: false,
	} {
		if _, err := Parse("f", file(header, 0)); (err == nil) != ok {
			t.Errorf("%s: %v", header, err)
		}
	}
}
