package generic

import (
	"os"
	"testing"

	"mspecc/runtime/data"
)

// BenchmarkDecode measures how fast readers decode examples, those of real recordings.
func BenchmarkDecode(b *testing.B) {
	want := data.Want{{Shape: []int{6, 128}}}
	train, _, err := data.Open("csv", map[string]string{"label": "label", "columns": "x_acc..z_gyro", "standardise": "true", "files": "*_sp.csv.gz"},
		os.DirFS("../../../examples/data/sensor"), "sensor", want, data.OpenOptions{})
	if err != nil {
		b.Fatal(err)
	}
	e := data.NewExample(want, train.Labels())
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := train.Example(i%train.Len(), 0, e); err != nil {
			b.Fatal(err)
		}
	}
}
