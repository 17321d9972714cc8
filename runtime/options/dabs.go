package options

import "slices"

// dabs are the readers of the DABS benchmark's data sets (runtime/data/dabs).
var dabs = []Reader{
	{
		Name:    "captions",
		Several: true,
		Doc:     "pictures with a text: MS COCO with captions, the same with half of the captions exchanged, or VQA; for models with an image and a text input",
		Options: []Option{
			{"layout", Words("coco", "mismatched", "vqa"), "coco", "coco (labels are the 80 kinds of objects), mismatched (is the caption the picture's own?) or vqa (is the answer right?)"},
			{"vocabulary", File, "vocab.txt", "the vocabulary of BERT's tokenizer, a token a line; that of bert-base-uncased has 30522"},
			{"lower", Bool, "true", "lower the text and drop accents, as models called uncased want it"},
			{"swap_seed", Seed, "42", "vqa and mismatched: seed of what is exchanged. The published code seeds only mismatched, so its vqa cannot be drawn again"},
		},
	},
	{
		Name: "eurosat",
		Doc:  "EuroSAT with all bands: a pickled pandas table with label and sentinel2, or folders CLASS/*.tif; each band is brought to mean 0 and deviation 1",
		Options: slices.Concat([]Option{
			{"file", File, "", "the table; default pretrain.pkl or transfer.pkl in eurosat_all/ or satellite_images/, otherwise the folders are read"},
			{"part", Words("transfer", "pretrain", "all"), "transfer", "of the folders: transfer, the tenth set aside for it; pretrain, the other nine; all. Of the tables: which one"},
			{"standardize", Bool, "true", "divide by the published deviations after subtracting the published means"},
		}, Tenths),
		Fixed: true,
		Fetch: "EuroSAT: zenodo.org/records/7711810 (EuroSAT_MS.zip, TIFF)",
	},
	{
		Name: "pictures",
		Doc:  "pictures listed as a known data set lists them, resized as Pillow does (the aspect is not kept), values 0..1",
		Options: []Option{
			{"layout", Words("imagenet", "cub", "flowers", "dtd", "traffic_sign", "aircraft"), "imagenet", "the data set: imagenet, cub, flowers, dtd, traffic_sign or aircraft"},
			{"split", Words("random", "official", "tracks", "pictures"), "", "flowers: random (80 % of each class, the default) or official; traffic_sign: tracks (the default: all pictures of " +
				"one sign on one side) or pictures (a random 80 % of each class, as the published code has it: neighbouring frames leak)"},
			{"filter", filter, "bilinear", "resampling filter: bilinear, bicubic, lanczos or box"},
			{"mean", Number.Each(), "", "to subtract from each channel"},
			{"std", Above(0).Each(), "", "to divide each channel by"},
		},
	},
	{
		Name: "sequences",
		Doc:  "sequences of letters in CSV files with a header, such as Pfam, the transfer sets of TAPE and genomics_ood in the tables of DABS; letters become tokens",
		Options: slices.Concat([]Option{
			{"train", File, "", "training file"},
			{"test", File, "", "test file; default the last tenth of the training file"},
			{"sequence", Column, "primary", "the column with the sequence; b'...' as Python writes bytes is understood"},
			{"label", Column, "", "the column with the label; default no labels"},
			{"kind", Words("class", "rank", "number", "tokens"), "class", "what the label is: class (a number from first_label on), rank (the place of the value among those of ranks_of), number (to regress) or " +
				"tokens (a class for each letter, a Python list)"},
			{"classes", Whole(2), "", "number of classes of class and tokens"},
			{"first_label", Whole(-1 << 20), "0", "the label that becomes class 0"},
			{"ranks_of", File, "", "rank: the file whose values are ranked; default the training file"},
			{"alphabet", Alphabet, "XARNDCQEGHILKMFPSTWYVUOBZJ", "the letters, token 0 first"},
			{"pad", Token.Or("none"), "X", "the letter that short sequences are filled up with; none: every sequence must have the model's length"},
			{"padding", Words("ignore", "class"), "ignore", "tokens: labels of what was filled up do not count, or class: they are one more class, which counts as the published code has it"},
		}, Tenths),
		Fetch: "genomics_ood: TensorFlow Datasets; Pfam, remote homology, secondary structure, stability, fluorescence: TAPE (github.com/songlab-cal/tape)",
	},
	{
		Name: "speech",
		Doc:  "WAV or FLAC recordings listed as a known data set lists them, as mel spectrograms in decibels, brought to mean 0 and deviation 1",
		Options: []Option{
			{"layout", Words("librispeech", "librispeech_transfer", "voxceleb1", "audiomnist", "google_speech", "fluent"), "librispeech", "the data set: librispeech (training parts, labels are speakers), librispeech_transfer (dev-clean, 80 % of each speaker's utterances), " +
				"voxceleb1, audiomnist, google_speech or fluent"},
			{"label", Words("action", "object", "location"), "action", "fluent: action, object or location"},
			{"parts", Folders, "train-clean-100,train-clean-360,train-other-500", "librispeech: the folders to train on; dev-clean is for testing"},
			{"split", Words("clean", "reference"), "clean", "google_speech: clean, or reference: as the published code has it, which leaves the test recordings in training and doubles the validation ones"},
			{"mean", Number, "", "decibels to subtract; default that of the data set"},
			{"std", Above(0), "", "decibels to divide by; default that of the data set"},
			{"cut", Words("random", "head"), "", "what is kept of long recordings: random (the head or the tail) or head; default random in training, always head for testing and for librispeech_transfer"},
			{"rate", Whole(1).Or("any"), "", "samples per second that every recording must have; default that of the first one; any: each has its own, as in a mixture"},
			{"samples", Whole(2), "150526", "length that recordings are cut or padded with silence to, at the rate they have"},
			{"hop", Whole(2), "672", "samples from frame to frame"},
			{"fft", Whole(2), "2048", "samples of a frame"},
			{"pad_mode", Words("constant", "reflect"), "constant", "what lies before the first sample and behind the last: constant (silence, as librosa since 0.10 does) or reflect"},
			{"squared", Bool, "true", "square the power once more before taking decibels, as the benchmark does"},
		},
	},
	{
		Name: "wafer",
		Doc:  "wafer maps of WM-811K, a pickled pandas table with failureType and pixels (or waferMap: 0 no die, 1 good, 2 failed), resized as Pillow does, values 0..1",
		Options: slices.Concat([]Option{
			{"file", File, "", "the table; default labeled.pkl or unlabeled.pkl in wafer_map/ or semiconductors/, otherwise LSWMD.pkl"},
			{"labeled", Bool, "true", "the labelled maps; false: the unlabelled ones, to train on without labels"},
		}, Tenths),
		Fetch: "MIR-WM811K: mirlab.org/dataSet/public; LSWMD.pkl: kaggle.com/datasets/qingyi/wm811k-wafer-map",
	},
}
