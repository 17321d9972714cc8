// Package tensorboard writes event files that TensorBoard reads: scalars, histograms, images and
// text over the steps of a run.
//
// An event file is a TFRecord file (each record framed by its length and two masked CRC-32C
// checksums, little-endian) of protocol buffers of the type tensorflow.Event. Field numbers
// are those of tensorflow/core/util/event.proto and tensorflow/core/framework/summary.proto.
package tensorboard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Writer appends events to one file. Its methods are for one goroutine.
type Writer struct {
	out    output
	name   string // "" for what is no file
	number int    // of the file in its folder
	size   int64  // of what is complete
	now    func() time.Time
}

// output is what Writer needs of a file.
type output interface {
	io.WriteCloser
	Truncate(size int64) error
}

// Create makes the next event file of a folder, which it makes too. TensorBoard reads the files
// of a folder in the order of their names. The run goes on after step last: TensorBoard
// drops what older files hold of later steps, left by a session that had come further than
// the checkpoint which this one starts from. A last of -1 drops all.
func Create(dir string, last int) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("the folder of TensorBoard's events cannot be made: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("the folder of TensorBoard's events cannot be read: %w", err)
	}
	next := 1
	for _, e := range entries {
		if n, ok := number(e.Name()); ok {
			next = max(next, n+1)
		}
	}
	var name string
	var f *os.File
	for {
		name = filepath.Join(dir, fmt.Sprintf("%s%06d", prefix, next))
		if f, err = os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o644); err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("TensorBoard's events cannot be written: %w", err)
		}
		next++ // another process was quicker
	}
	w := &Writer{out: f, name: name, number: next, now: time.Now}
	if err := w.begin(last); err != nil {
		f.Close()
		return nil, err
	}
	return w, nil
}

// prefix begins the name of every event file; TensorBoard looks for "tfevents".
const prefix = "events.out.tfevents."

// number is that of an event file, false for what is none.
func number(name string) (n int, ok bool) {
	digits, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil
}

// Fields of tensorflow.Event and of tensorflow.SessionLog.
const (
	eventTime, eventStep, eventVersion, eventSummary, eventSession = 1, 2, 3, 5, 7

	sessionStatus, sessionStart = 1, 1
)

// begin writes what every file begins with: the format's version and where the session starts.
func (w *Writer) begin(last int) error {
	if err := w.write(0, protowire.AppendString(protowire.AppendTag(nil, eventVersion, protowire.BytesType), "brain.Event:2")); err != nil {
		return err
	}
	return w.write(last+1, message(nil, eventSession, integer(nil, sessionStatus, sessionStart)))
}

// Write appends what was seen at a step.
func (w *Writer) Write(step int, s *Summary) error {
	if len(s.bytes) == 0 {
		return nil
	}
	return w.write(step, message(nil, eventSummary, s.bytes))
}

// Close closes the file.
func (w *Writer) Close() error {
	if err := w.out.Close(); err != nil {
		return fmt.Errorf("TensorBoard's events cannot be written: %w", err)
	}
	return nil
}

// Gone says whether the file was taken away: what is written goes nowhere then.
func (w *Writer) Gone() bool {
	_, err := os.Stat(w.name)
	return errors.Is(err, fs.ErrNotExist)
}

// RemoveOlder removes files of the folder that stand before this one, whose events say all that
// they said, but for so many: a TensorBoard at work follows only while the file is there which it
// has read last.
func (w *Writer) RemoveOlder(but int) error {
	dir := filepath.Dir(w.name)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("the folder of TensorBoard's events cannot be read: %w", err)
	}
	for _, e := range entries {
		if n, ok := number(e.Name()); ok && n < w.number-but {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("TensorBoard's older events cannot be removed: %w", err)
			}
		}
	}
	return nil
}

// write frames an event: the length, its checksum, the event, its checksum. Of one that cannot
// be written whole nothing stays: TensorBoard reads no further than the first damaged one.
func (w *Writer) write(step int, what []byte) error {
	event := double(nil, eventTime, float64(w.now().UnixMicro())/1e6)
	event = append(integer(event, eventStep, step), what...)
	record := binary.LittleEndian.AppendUint64(nil, uint64(len(event)))
	record = binary.LittleEndian.AppendUint32(record, masked(record))
	record = append(record, event...)
	record = binary.LittleEndian.AppendUint32(record, masked(event))
	if _, err := w.out.Write(record); err != nil {
		_ = w.out.Truncate(w.size) // where that fails too, the next session's file goes on
		return fmt.Errorf("TensorBoard's events cannot be written: %w", err)
	}
	w.size += int64(len(record))
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is the checksum of TFRecord: CRC-32C, rotated and shifted so that checksums of data
// that hold checksums stay good.
func masked(data []byte) uint32 {
	c := crc32.Checksum(data, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}
