package tensorboard

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever byte of an event is damaged, all others stay, and the file as it was.
func TestRepair(t *testing.T) {
	dir := t.TempDir()
	sample(t, dir)
	name := filepath.Join(dir, "events.out.tfevents.000001")
	sound, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var starts []int // of events
	for at := 0; at < len(sound); at += 16 + int(binary.LittleEndian.Uint64(sound[at:])) {
		starts = append(starts, at)
	}
	starts = append(starts, len(sound))
	for event := range len(starts) - 1 {
		lo, hi := starts[event], starts[event+1]
		for at := lo; at < hi; at += max(1, (hi-lo)/40) {
			raw := bytes.Clone(sound)
			raw[at] ^= 0x10
			if err := os.WriteFile(name, raw, 0o644); err != nil {
				t.Fatal(err)
			}
			notes, err := Repair(dir)
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			aside := filepath.Join(dir, "damaged-000001")
			if hi == len(sound) { // nothing stands behind it
				if len(notes) > 0 || !bytes.Equal(got, raw) {
					t.Fatalf("byte %d: %v", at, notes)
				}
				continue
			}
			if want := append(bytes.Clone(sound[:lo]), sound[hi:]...); !bytes.Equal(got, want) || len(notes) != 1 || !strings.Contains(notes[0], "is kept as damaged-000001") {
				t.Fatalf("byte %d: %v, %d bytes of %d", at, notes, len(got), len(want))
			}
			kept, err := os.ReadFile(aside)
			if err != nil || !bytes.Equal(kept, raw) {
				t.Fatalf("byte %d: the file as it was is not kept: %v", at, err)
			}
			if err := os.Remove(aside); err != nil {
				t.Fatal(err)
			}
		}
	}
	// What a process left unfinished is no damage.
	for _, n := range []int{len(sound) - 1, starts[1] + 3, 5, 0} {
		if err := os.WriteFile(name, sound[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		if notes, err := Repair(dir); len(notes) > 0 || err != nil {
			t.Errorf("cut off after %d bytes: %v, %v", n, notes, err)
		}
	}
	if notes, err := Repair(filepath.Join(dir, "none")); len(notes) > 0 || err != nil {
		t.Errorf("%v, %v", notes, err)
	}
}
