package options

import "slices"

// formats are the readers of files that no data set's own reader knows (runtime/data/generic).
var formats = []Reader{
	{
		Name: "audio",
		Doc:  "a folder of recordings, a folder for each class: WAV or FLAC, the first channel; samples -1..1, or mel spectrograms in decibels where the model wants [1, mels, frames]",
		Options: folderOptions("*.wav,*.flac",
			Option{"rate", Whole(1).Or("any"), "", "samples per second that all files must have; default that of the first file; any: whatever they have"},
			Option{"cut", Words("random", "head", "middle"), "random", "what is kept of a long recording: random (in training, the head for testing), head or middle; short ones are followed by silence"},
			Option{"stride", Whole(1), "", "samples from one example of a recording to the next, in place of one example of each recording, which cut chooses"},
			Option{"fft", Whole(16), "2048", "spectrograms: samples of a frame"},
			Option{"hop", Whole(1), "512", "spectrograms: samples from frame to frame"},
			Option{"pad_mode", Words("constant", "reflect"), "constant", "spectrograms: what lies beyond both ends, constant (silence) or reflect"}),
	},
	{
		Name:    "captioned",
		Several: true,
		Doc: "pictures with a text each, for models of an image and a text such as image_text: a table (CSV, TSV, JSON lines or Parquet) with the picture's file " +
			"in one column and the text in another",
		Options: captionedOptions(),
	},
	{
		Name:    "csv",
		Doc:     "tables in CSV or TSV, quoted or not; a row is an example, or a sample in time where there are windows; packed too (gzip, bzip2, xz, zstd, LZ4, zlib)",
		Options: tableOptions("*.csv,*.tsv", csvOptions...),
	},
	{
		Name: "fasta",
		Doc:  "sequences in FASTA or FASTQ as tokens; a record is an example, cut or padded, or gives windows; packed too",
		Options: []Option{
			{"files", Files, "*.fa,*.fasta,*.fna,*.faa,*.ffn,*.fq,*.fastq", "the files, names or patterns, in any subfolder; the default stands for packed ones too"},
			{"test", Files, "", "files kept for testing, as in files; without it the option split decides"},
			{"alphabet", Alphabet, "ACGT", "letters in the order of their ids; small letters count as large ones"},
			{"unknown", Token.Or("error", "drop"), "error", "a letter that is not in the alphabet: error, drop (the record, or the windows with it), or a letter of the alphabet to take instead"},
			{"pad", Token, "", "letter behind the end of a short sequence; default the first of the alphabet"},
			{"stride", Whole(1), "", "letters from one window to the next; without it a record is one example, cut or padded"},
			{"label", Form("none, file, folder, word N or KEY=", `none|file|folder|word \d+|.+=`), "none", "none, file, folder, word N (of the header; the name is word 0), or KEY= (the header's word KEY=VALUE)"},
			{"classes", Classes, "", "names of the classes in order; a number n: labels are 0..n-1; 1: the label is a number to regress; default all labels found, sorted"},
			{"unique", Bool, "true", "refuse a file in which two records have the same name"},
			{"split", Form("random, last, by file, by folder, by record, by word N or by KEY=", `random|last|by +(file|folder|record|word \d+|.+=)`), "", "random, last (the end of every sequence), by file, by folder, by record, by word N, or by KEY=; default random, for windows last"},
			{"test_fraction", Between(0, 1), "0.1", "the part that a split sets aside for testing"},
			{"test_groups", Names, "", "the groups to test on, for a split by something"},
		},
	},
	{
		Name: "images",
		Doc: "a folder of pictures, a folder for each class: JPEG, PNG, PNM, GIF, BMP, WebP, TIFF (any number of bands); whole numbers of up to 16 bits become 0..1, " +
			"other numbers, and those of other than 1 or 3 bands, stay as they are",
		Options: folderOptions("*.jpg,*.jpeg,*.png,*.ppm,*.pgm,*.pbm,*.pnm,*.gif,*.bmp,*.webp,*.tif,*.tiff", append(slices.Clone(pictureOptions),
			Option{"missing", Words("error", "zero"), "error", "pixels of TIFFs that are NaN or what GDAL's nodata says: error, or zero (with standardize: the mean); a nodata of 0 is no error"})...),
	},
	{
		Name:    "jsonl",
		Doc:     "JSON lines: an object for each record; its members are the columns: numbers, texts, or lists of numbers, also nested; packed too",
		Options: tableOptions("*.jsonl,*.ndjson"),
	},
	{
		Name: "npy",
		Doc: "NumPy arrays whose first axis counts the examples: .npz files, whose arrays are the columns, or all .npy files of the folder together, each a column " +
			"with the file's name",
		Options: tableOptions("*.npz",
			Option{"test_columns", Columns, "", "arrays of the test examples, as columns, where they lie beside those for training"},
			Option{"test_label", Column, "", "array with the labels of test_columns"}),
	},
	{
		Name: "parquet",
		Doc: "Parquet files: columns of numbers, of texts, or of lists of numbers; the wanted columns are unpacked once, into memory or, where they are large, " +
			"a temporary file",
		Options: tableOptions("*.parquet"),
	},
	{
		Name: "tfrecord",
		Doc:  "TFRecord files of tf.train.Example: its features are the columns: bytes are text, int64 and float lists are numbers; checksums are checked; packed too",
		Options: tableOptions("*.tfrecord*,*.tfrec,*.tfr",
			Option{"bytes", Words("text", "numbers"), "text", "what features of bytes are: text, or numbers 0..255, a byte each"}),
	},
}

// tableOptions are the options of all readers of tables.
func tableOptions(files string, more ...Option) []Option {
	return append([]Option{
		{"files", Files, files, "the files, names or patterns; a pattern without a slash is one of file names, in any subfolder; the default stands for packed ones too"},
		{"test", Files, "", "files kept for testing, as in files; without it the option split decides"},
		{"columns", Columns, "", "columns that make up an example, in order: names, patterns with * or FIRST..LAST, which leave out columns with another use; default all without one. Columns are found by name, in every file"},
		{"label", Column, "", "column with the label; default none"},
		{"classes", Classes, "", "names of the classes in order; a number n: labels are 0..n-1, and -1 or -100 is no label; 1: the label is a number to regress; default all labels found, sorted; of numbers that count from 0, -1 is no label"},
		{"labels", Words("one", "each"), "one", "one label for an example, or each: one for each token, as a list or, with names of one character, as text"},
		{"id", Column, "", "column whose values must differ, over all files, also those for testing"},
		{"missing", Words("error", "zero", "interpolate", "drop"), "error", "a value that is missing: error, zero (with standardize: the mean), interpolate (along the rows of a window) or drop (the row or the window)"},
		{"standardize", Bool, "false", "bring every column to mean 0 and deviation 1 (of the training examples, of at most 65536 of them)"},
		{"scale", Above(0), "1", "number that values are multiplied with before anything else, such as 0.00392156862745098 for bytes"},
		{"window", Whole(0), "", "rows of an example: the rows are samples in time; 0: a row is a whole example; default the length of a model's input [channels, samples] with more than one of each, 0 where a row has all values of it"},
		{"layout", Words("NCT", "NTC", "NCHW", "NHWC", "NCDHW", "NDHWC"), "", "axes of whole examples in the files: channels first, as the model has them (NCT, NCHW, NCDHW), or last (NTC, NHWC, NDHWC)"},
		{"stride", Whole(1), "", "rows from one window to the next; default half a window"},
		{"short", Words("skip", "pad", "error"), "skip", "recordings without a window of good rows: skip (they are counted and named), pad (their rows and, behind them, zeros; with standardize the mean) or error"},
		{"window_label", Words("majority", "last"), "majority", "label of a window: majority or last of its rows"},
		{"split", Form("random, last, by file, by folder or by COLUMN", `random|last|by +\S.*`), "", "random, last (the end of every file), by file, by folder, or by COLUMN: rows with the same value stay together; default random, for windows by file or last"},
		{"test_fraction", Between(0, 1), "0.1", "the part that a split sets aside for testing"},
		{"test_groups", Names, "", "values of the column, files or folders to test on; default test_fraction of them, by the seed"},
		{"tokens", Words("characters", "words", "numbers"), "characters", "how a text becomes tokens: characters, words, or numbers"},
		{"alphabet", Alphabet, "", "characters, each a token, that of the first is 0; instead of a vocabulary"},
		{"vocabulary", File, "", "file with the tokens, one a line, the id is the number of the line; default the most frequent ones of the training files"},
		{"lower", Bool, "false", "lower the text first"},
		{"pad", Token, "", "token behind the end of a short text; default [PAD] of a vocabulary, the first of an alphabet"},
		{"unknown", Token.Or("error"), "", "what stands for tokens that are not known: a token, or error; default [UNK] of a vocabulary, error with an alphabet"},
	}, more...)
}

var csvOptions = []Option{
	{"separator", Words("comma", "tab", "semicolon", "pipe", "blank", ",", "\t", "\\t", ";", "|", " ").As("comma, tab, semicolon, pipe or blank"), "", "comma, tab, semicolon, pipe or blank; default tab for .tsv, comma for others"},
	{"quotes", Words("double", "none"), "", "double: double quotes hold a field together, with separators and line ends in it; none: quotes are letters of the text, as in most corpora of tab-separated files; default double, but in .tsv a field with both a tab and a line end in it is an error"},
	{"header", Bool, "true", "the first line has the columns' names; false: they are called 1, 2, ..."},
}

// captionedOptions are those of tables of texts, whose rows name pictures.
func captionedOptions() []Option {
	all := tableOptions("*.csv,*.tsv,*.jsonl,*.ndjson,*.parquet",
		Option{"image", Column, "image", "the column with the name of the picture's file, from the data folder or from that of the table"})
	all = slices.DeleteFunc(all, func(o Option) bool { // what is for numbers and rows in time
		return slices.Contains([]string{"standardize", "scale", "window", "layout", "stride", "short", "window_label"}, o.Name)
	})
	for i := range all {
		switch all[i].Name {
		case "columns":
			all[i].Default, all[i].Doc = "text", "the column with the text"
		case "missing":
			all[i].Type, all[i].Doc = Words("error", "drop"), "a text that is missing: error or drop (the record)"
		}
	}
	return slices.Concat(all, csvOptions, pictureOptions)
}

// folderOptions are the options of the readers of folders.
func folderOptions(files string, more ...Option) []Option {
	return append([]Option{
		{"files", Files, files, "the files, names or patterns, in any subfolder"},
		{"train", Folder, "train", "folder with the training files, where there is one, and"},
		{"test", Folders.OrNone(), "test,val,valid,validation", "folder with the test files: the first of these that exists; without it the option split decides"},
		{"label", Group.Or("folder", "none"), "folder", "folder: the class is the name of the folder that a file lies in; none; or a regular expression, whose first group in the path is the class"},
		{"classes", ClassNames, "", "names of the classes in order; default all found, sorted"},
		{"split", Words("random").OrBy(Group), "", "random; or by REGULAR EXPRESSION: files in whose paths the first group is the same stay together, such as those of one speaker; default random"},
		{"test_fraction", Between(0, 1), "0.1", "the part that a split sets aside for testing"},
		{"test_groups", Names, "", "the groups to test on, for a split by something"},
		{"duplicates", Words("keep", "error"), "keep", "files with the same bytes as another one: keep, or error, for which files of the same size are read once at the beginning"},
		{"standardize", Bool, "false", "bring every channel to mean 0 and deviation 1 (of the training files, of at most 4096 of them)"},
	}, more...)
}

// pictureOptions are the options of what makes a picture of the model's shape.
var pictureOptions = []Option{
	{"resize", Words("crop", "squash", "pad"), "crop", "what makes a picture of the model's shape: crop (the shorter side is scaled, the middle kept), squash, or pad (the longer side is scaled, the rest is black)"},
	{"filter", filter, "bilinear", "resampling filter, as Pillow's: bilinear, bicubic, lanczos or box"},
	{"pages", Words("bands", "first"), "bands", "TIFFs of several pages: bands (they are the bands of one picture) or first (the others are left alone)"},
}

// filter is the type of resampling filters.
var filter = Words("bilinear", "bicubic", "lanczos", "box")
