package cli

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"mspecc/runtime/runs"
)

var (
	cuts = flag.Int("cuts", 2, "how often TestPowerCut cuts the power")
	disk = flag.String("disk", "ext4", "file system of TestPowerCut's disk: ext4, xfs or btrfs")
)

// diskSizes are sizes of a disk that the file systems accept.
var diskSizes = map[string]string{"ext4": "128M", "xfs": "300M", "btrfs": "256M"}

// cutPower runs "tiny TRAIN --out $D/run" on the disk $IMAGE and cuts its power after $DELAY seconds, or when it is
// done where there is no delay: of
// all that was written only what has reached the disk stays. The trainer is stopped for that, and
// the disk copied at a moment when nothing is being written to it; then the copy takes its place. What
// the trainer had said by then is in $KEEP/said, what is there after the cut in $KEEP/after.
const cutPower = `
set -e
mount -o loop $IMAGE $D
dev=$(losetup -n -O NAME -j $IMAGE)
written=/sys/block/${dev#/dev/}/stat
tiny "$@" --out $D/run 2>>$KEEP/errors & pid=$!
if [ -n "$DELAY" ]; then
	sleep $DELAY
	kill -STOP $pid 2>/dev/null || true # it may be done
elif wait $pid; then
	touch $KEEP/done
fi
n=0
while :; do
	before=$(cat $written)
	cp --sparse=always $IMAGE $IMAGE.cut
	[ "$before" = "$(cat $written)" ] && break
	n=$((n+1)); [ $n -lt 1000 ]
done
cat $D/run/log.txt >$KEEP/said 2>/dev/null || true
if [ -n "$DELAY" ]; then
	kill -KILL $pid 2>/dev/null || true
	if wait $pid; then touch $KEEP/done; fi
fi
umount $D
mv $IMAGE.cut $IMAGE
mount -o loop $IMAGE $D
rm -rf $KEEP/after; mkdir $KEEP/after
if [ -d $D/run ]; then cp -r $D/run $KEEP/after/; fi
if [ -f $D/run/metrics.jsonl ]; then cp $D/run/metrics.jsonl $KEEP/metrics; fi
umount $D
`

var saidSaved = regexp.MustCompile(`checkpoint of step (\d+)\n`)

// TestPowerCut cuts the power of the machine at random moments, as far as its disk is concerned,
// and resumes each time. No checkpoint that the trainer reported is lost, none is damaged, and the run ends in
// the bits and with the metrics of one that nothing disturbed.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	unshare, err := exec.LookPath("unshare")
	if err != nil || os.Getuid() != 0 {
		t.Skip("a disk of its own needs Linux, util-linux and root")
	}
	mkfs, err := exec.LookPath("mkfs." + *disk)
	if err != nil {
		t.Skipf("a disk with %s needs mkfs.%[1]s", *disk)
	}
	args := []string{"train", "--steps", "60", "--checkpoint-every", "3", "--log-every", "7", "--quiet", "--patience", "10s"}
	through := runs.Dir(filepath.Join(t.TempDir(), "through"))
	if out, err := trainer("big", append(args, "--out", string(through))...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want, err := os.ReadFile(through.Checkpoint(60))
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := os.ReadFile(through.Metrics())
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 1))
	cut, early, whole := 0, 0, 0
	for cut < *cuts || whole == 0 {
		keep, mounted := t.TempDir(), t.TempDir()
		image := filepath.Join(keep, "image")
		if out, err := exec.Command("sh", "-c", fmt.Sprintf("truncate -s %s %s && %s -q %s", diskSizes[*disk], image, mkfs, image)).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		after := runs.Dir(filepath.Join(keep, "after", "run"))
		for newest, done := 0, false; !done; {
			call := append([]string{"--mount", "sh", "-c", cutPower, "sh"}, args...)
			if after.Exists() {
				call = append(call, "--resume", filepath.Join(mounted, "run"))
			}
			c := exec.Command(unshare, call...)
			c.Env = append(os.Environ(), "TINY=big", "IMAGE="+image, "D="+mounted, "KEEP="+keep, "DELAY=")
			if cut < *cuts {
				c.Env = append(c.Env, fmt.Sprintf("DELAY=%.3f", 0.02+random.ExpFloat64()/5))
				cut++
			}
			if out, err := c.CombinedOutput(); err != nil {
				errs, _ := os.ReadFile(filepath.Join(keep, "errors"))
				t.Fatalf("seed %d: %v\n%s%s", seed, err, out, errs)
			}
			_ = os.Remove(after.Metrics()) // lines behind the last checkpoint may be lost; at the end all are there
			step, _ := checkRun(t, after)
			said, err := os.ReadFile(filepath.Join(keep, "said"))
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range saidSaved.FindAllSubmatch(said, -1) {
				n, _ := strconv.Atoi(string(m[1])) // digits alone
				newest = max(newest, n)
			}
			if step < newest {
				t.Fatalf("seed %d: step %d was saved, %d is left", seed, newest, step)
			}
			if step == 0 {
				early++
			}
			_, err = os.Stat(filepath.Join(keep, "done"))
			done = err == nil
		}
		whole++
		got, err := os.ReadFile(after.Checkpoint(60))
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("seed %d: the run ends in other bits (%v)", seed, err)
		}
		lines, err := os.ReadFile(filepath.Join(keep, "metrics"))
		if n := bytes.Count(lines, []byte("\n")); n != bytes.Count(metrics, []byte("\n")) || err != nil {
			t.Errorf("seed %d: %d lines of metrics, %v:\n%s", seed, n, err, lines)
		}
	}
	t.Logf("%s: the power was cut %d times, %d of them before the first checkpoint; %d runs ended in the same bits", *disk, cut, early, whole)
}
