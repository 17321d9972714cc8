// Genomics: 250 bases of bacterial DNA. Which genus, of those trained on (genomics-id), and of
// others discovered later (genomics-ood)? The tables are those that DABS writes; the reader
// genomics reads the original TFRecord files.

import "../metamae"

modality genomics = tokens(vocab: 4, length: 250) {
    data sequences(train: "genomics/genomicsPretrain.csv", sequence: "seq", label: "label", classes: 10,
        alphabet: "ACGT", pad: "none", shuffle: 42)
    task "genomics-id" {
        data sequences(train: "genomics/genomicsTransferID.csv", sequence: "seq", label: "label", classes: 10,
            alphabet: "ACGT", pad: "none", shuffle: 42)
    }
    task "genomics-ood" {
        data sequences(train: "genomics/genomicsTransferOOD.csv", sequence: "seq", label: "label", classes: 60, first_label: 10,
            alphabet: "ACGT", pad: "none", shuffle: 42)
    }
    set batch = 32, mask_ratio = 0.5
}
