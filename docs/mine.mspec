// Six data sets that nobody wrote a reader for, each a modality of MetaMAE.

import "../examples/metamae"

// Recordings of six sensors over time, with the activity in a column.
modality motion = series(6, 64, patch: 4) {
    data csv(files: "*_sp.csv.gz", columns: "x_acc..z_gyro", label: "label", standardise: true,
        window: 64, stride: 32, split: "by folder", test_groups: "s15")
    set batch = 32, mask_ratio = 0.75, lr = 1e-3
}

// A table without a header: the label, then 28 numbers.
modality collisions = series(1, 28) {
    data csv(files: "HIGGS_train.csv.gz", test: "HIGGS_test.csv.gz", header: false, label: "1",
        classes: 2, columns: "2..29", standardise: true)
    set batch = 32, mask_ratio = 0.5, lr = 1e-3
}

// Pictures, a folder for each class.
modality shapes = image(1, 16, 16, patch: 4) {
    data images()
    set batch = 16, mask_ratio = 0.75, lr = 1e-3
}

// Recordings of sound as spectrograms of 32 bands and 16 frames.
modality tones = image(1, 32, 16, patch: 4) {
    data audio(fft: 128, hop: 32, cut: "head", standardise: true)
    set batch = 16, mask_ratio = 0.75, lr = 1e-3
}

// Two genomes, a file for each, cut into windows. The end of each is for testing.
modality genomes = tokens(vocab: 4, length: 60) {
    data fasta(label: "file", stride: 30)
    set batch = 32, mask_ratio = 0.5, lr = 1e-3
}

// The pictures again, each with a caption. Texts become the words that occur.
modality captions = image_text(1, 16, 16, patch: 4, vocab: 16, words: 8) {
    data captioned(tokens: "words", label: "shape")
    set batch = 16, mask_ratio = 0.75, lr = 1e-3
}
