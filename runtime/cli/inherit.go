package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"mspecc/runtime/ckpt"
	"mspecc/runtime/runs"
)

// inherited are the flags that a session takes from the run it goes on with where they are not
// given: the value of run.json that each is kept as, and how it gets that value. Where that is not
// known the flag has its default, but --keep: what may have been all checkpoints is not deleted.
var inherited = []struct {
	flag, path string
	take       func(f *trainFlags, m *runs.Manifest)
}{
	{"log-every", "options.log_every", func(f *trainFlags, m *runs.Manifest) { f.logEvery = m.Options.LogEvery }},
	{"checkpoint-every", "options.checkpoint_every", func(f *trainFlags, m *runs.Manifest) { f.checkpointEvery = m.Options.CheckpointEvery }},
	{"summary-every", "options.summary_every", func(f *trainFlags, m *runs.Manifest) { f.summaryEvery = m.Options.SummaryEvery }},
	{"save-every", "options.save_every", func(f *trainFlags, m *runs.Manifest) { f.saveEvery = time.Duration(m.Options.SaveEvery) }},
	{"keep", "options.keep", func(f *trainFlags, m *runs.Manifest) { f.keep = m.Options.Keep }},
	{"stop-above", "options.stop_above", func(f *trainFlags, m *runs.Manifest) { f.stopAbove = m.Options.StopAbove }},
	{"skip-bad", "data.skip_bad", func(f *trainFlags, m *runs.Manifest) { f.data.skipBad = m.Data.SkipBad }},
}

// inherit takes what was not given from the run in a directory, and says what it cannot take and why.
func (s *session) inherit(from runs.Dir) error {
	f := s.f
	var damaged *runs.ManifestError
	m, err := from.ReadManifest()
	switch {
	case err == nil:
		s.old = m
		if len(m.Wrong()) > 0 {
			s.say("%s: is damaged: %s", from.Manifest(), runs.Wrongs(m.Wrong()))
		}
	case errors.As(err, &damaged):
		s.say("%v", damaged)
	case errors.Is(err, fs.ErrNotExist):
		s.say("%s: is missing", from.Manifest())
	default:
		return fmt.Errorf("the flags of the run cannot be read: %w", err)
	}
	var unknown []string
	for _, x := range inherited {
		if f.changed(x.flag) {
			continue
		}
		if m != nil && !isWrong(m, x.path) {
			x.take(f, m)
			continue
		}
		if x.flag == "keep" {
			f.keep = 0
		}
		unknown = append(unknown, fmt.Sprintf("--%s %v", x.flag, f.shown(x.flag)))
	}
	if len(unknown) > 0 {
		s.say("so the run's own flags are not known; this session has %s: give those that should be others", strings.Join(unknown, ", "))
	}
	if f.givesData() {
		return nil
	}
	if s.fromFile = m == nil || isWrong(m, "data.folder") || isWrong(m, "data.reader") || isWrong(m, "data.options"); s.fromFile {
		return nil
	}
	f.data.dir, f.data.reader, f.data.options = m.Data.Folder, m.Data.Reader, m.Data.Options
	return nil
}

// isWrong says whether a value of run.json, or the object it stands in, cannot be used.
func isWrong(m *runs.Manifest, path string) bool {
	return slices.ContainsFunc(m.Wrong(), func(w runs.Wrong) bool { return w.Path == path || strings.HasPrefix(path, w.Path+".") })
}

// givesData says whether the command line chooses the data.
func (f *trainFlags) givesData() bool {
	return f.changed("data") || f.changed("reader") || f.changed("data-option")
}

// dataOf takes the data from a checkpoint, where run.json does not say which they are.
func (s *session) dataOf(d ckpt.Data) {
	if !s.fromFile || d.Reader == "" {
		return
	}
	s.f.data.reader = d.Reader
	for _, k := range slices.Sorted(maps.Keys(d.Options)) {
		s.f.data.options = append(s.f.data.options, k+"="+d.Options[k])
	}
	if d.Source != sampleData {
		s.f.data.dir = d.Source
		if _, err := os.Stat(d.Source); err != nil {
			s.say("the data are those of %s, as the checkpoint says, which is not there now; name them with --data", d.Source)
		}
	}
}
