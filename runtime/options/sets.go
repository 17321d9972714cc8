package options

import "slices"

// sets are the readers of known data sets (runtime/data).
var sets = []Reader{
	{
		Name: "cifar10",
		Doc:  "CIFAR-10, binary or Python version: 32x32 RGB images scaled to 0..1, 10 classes; the images are read where they lie",
		Options: batchOptions("data_batch_*.bin, also in cifar-10-batches-bin/, or data_batch_? in cifar-10-batches-py/",
			"test_batch.bin, also in cifar-10-batches-bin/, or test_batch in cifar-10-batches-py/"),
		Fetch: "CIFAR-10, binary version: cs.toronto.edu/~kriz/cifar.html",
	},
	{
		Name: "genomics",
		Doc:  "genomics_ood: TFRecord files of bacterial DNA, 250 bases A, C, G, T as tokens 0..3; CRCs are checked; packed too",
		Options: []Option{
			{"train", Pattern, "before_2011_in_tr/*.tfrecord*", "training files, a pattern"},
			{"test", Pattern.Or("split"), "between_2011-2016_in_val/*.tfrecord*", "test files, a pattern; between_2011-2016_ood_val/*.tfrecord* is out of distribution; split: a random part of the training files"},
			fraction,
			{"classes", Whole(2), "10", "number of classes"},
			{"first_label", Whole(0), "", "label in the files that becomes class 0; default 0"},
			{"test_classes", Whole(2), "", "number of classes of the test files where it differs; 60 out of distribution"},
			{"test_first_label", Whole(0), "", "first_label of the test files where it differs; 10 out of distribution"},
		},
		Fetch: "genomics_ood: github.com/google-research/google-research, folder genomics_ood",
	},
	{
		Name: "higgs",
		Doc:  "tables in CSV as HIGGS has them: a label (0 or 1), then one number per feature; rows are read where they lie; packed too",
		Options: slices.Concat([]Option{
			{"train", File, "", "training file; default HIGGS_train.csv, higgsPretrain.csv or HIGGS.csv"},
			{"test", File.Or("split", "tenth"), "", "test file; default HIGGS_test.csv or higgsTransfer.csv; split: a random part of the training file; tenth: its last tenth, as DABS splits it"},
			fraction,
		}, Tenths, []Option{
			{"classes", Whole(1), "2", "number of classes; labels are 0..classes-1; 1: the label is a number to regress"},
			{"standardize", Bool, "false", "bring every feature to mean 0 and deviation 1 (of the training rows)"},
		}),
		Fetch: "HIGGS: archive.ics.uci.edu/dataset/280",
	},
	{
		Name: "idx",
		Doc:  "images in IDX files (MNIST, Fashion-MNIST and the like), plain or packed; pixels scaled to 0..1",
		Options: []Option{
			{"train_images", File, "train-images-idx3-ubyte", "training images: bytes [n, height, width] or [n, channels, height, width]"},
			{"train_labels", File.Or("none"), "train-labels-idx1-ubyte", "training labels: bytes [n]; none where there are none"},
			{"test_images", File, "t10k-images-idx3-ubyte", "test images"},
			{"test_labels", File.Or("none"), "t10k-labels-idx1-ubyte", "test labels; none where there are none"},
			{"classes", Whole(2), "10", "number of classes; labels are 0..classes-1"},
			{"standardize", Bool, "false", "bring every channel to mean 0 and deviation 1 (of the training images)"},
		},
		Fetch: "Fashion-MNIST: github.com/zalandoresearch/fashion-mnist",
	},
	{
		Name: "imagenet32",
		Doc:  "downsampled ImageNet, the official batches of 32x32 (or 16x16, 64x64) RGB images, NPZ or pickles: scaled to 0..1, 1000 classes; the images are read where they lie",
		Options: batchOptions("train_data_batch_*.npz or train_data_batch_*, also in Imagenet32_train_npz/ or Imagenet32_train/",
			"val_data.npz or val_data, also in Imagenet32_val_npz/ or Imagenet32_val/"),
		Fetch: "downsampled ImageNet: image-net.org, downloads of ILSVRC2012",
	},
	{
		Name: "pamap2",
		Doc:  "PAMAP2 activity recordings Protocol/subjectNNN.dat: random windows of 52 channels, 12 activities; the rows are unpacked once; packed too",
		Options: []Option{
			{"window", Whole(1), "", "samples per window; default the length the model wants"},
			{"train_subjects", Names, "101,102,103,104,107,108,109", "subjects to train on"},
			{"test_subjects", Names, "105,106", "subjects kept for testing"},
			{"train_items", Whole(1), "50000", "windows drawn per epoch of training"},
			{"test_items", Whole(1), "10000", "windows of the test set, the same in every epoch"},
			{"activities", Whole(0).Each(), "1,2,3,4,5,6,7,12,13,16,17,24", "activity ids that become the classes 0, 1, ...; rows of other ones are left out"},
			{"standardize", Bool, "false", "bring every channel to mean 0 and deviation 1 (of the training rows)"},
		},
		Fetch: "PAMAP2: archive.ics.uci.edu/dataset/231",
	},
	{
		Name: "sensor_csv",
		Doc:  "inertial recordings SUBJECT_RUN_DEVICE.csv (phone sp, watch sw) with a header line, in any subfolder, cut into windows; the samples are unpacked once; packed too",
		Options: []Option{
			{"window", Whole(1), "", "samples per window; default the length the model wants"},
			{"stride", Whole(1), "", "samples from one window to the next; default half a window"},
			{"columns", Names, "x_acc,y_acc,z_acc,x_gyro,y_gyro,z_gyro", "columns that become the channels, in this order"},
			{"label_column", Column.Or("none"), "label", "column with the activity; none where there is none"},
			{"label", Words("majority", "last"), "majority", "label of a window: majority or last of its samples"},
			{"classes", ClassNames, "", "names of the classes in order; default all labels found, sorted"},
			{"device", Words("sp", "sw", "both"), "sp", "sp, sw, or both (every recording gives windows of its own)"},
			{"test_subjects", Names, "", "subjects kept for testing; default the last one in order of names"},
			{"standardize", Bool, "true", "bring every channel to mean 0 and deviation 1 (of the training windows' recordings)"},
		},
		Fetch: "the recordings that the reader was made for: github.com/GeoTecINIT/sp-sw-har-dataset",
	},
}

// batchOptions are those of the readers of pictures in batches: files of data, [n, pixels] bytes
// (red, then green, then blue), and labels.
func batchOptions(train, test string) []Option {
	return []Option{
		{"train", Pattern, "", "training files, a pattern; default " + train},
		{"test", Pattern, "", "test files, a pattern; default " + test},
		{"standardize", Bool, "false", "bring every channel to mean 0 and deviation 1 (of the training images)"},
	}
}

// fraction is the part that a random split sets aside for testing.
var fraction = Option{"test_fraction", Between(0, 1), "0.1", "the part that a random split sets aside for testing"}

// Tenths are the options of readers that split as the DABS benchmark does.
var Tenths = []Option{
	{"rows", Words("all", "reference"), "all", "of a split into tenths: all, or reference: as the published code rounds, which loses a row where the number of rows is a multiple of ten"},
	{"shuffle", Seed.Or("none"), "", "seed of the order before a split into tenths, as pandas' DataFrame.sample draws it, or none: the order of the file; default that of the benchmark"},
}
