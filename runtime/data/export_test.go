package data

// What tests outside of the package make files with.
var (
	IDXBytes        = idxBytes
	CIFARBytes      = cifarBytes
	SensorCSV       = sensorCSV
	PAMAPBytes      = pamapBytes
	TFExample       = tfexample
	TFRecords       = tfrecords
	ImageNet32Files = imagenet32Files
	MapFile         = mapFile
)
