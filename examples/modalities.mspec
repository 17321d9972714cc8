// The inputs of the DABS benchmark, and the small real data sets beside this file.

import "std/modality"

// A first look: a small network that a few minutes on two cores teach something.
modality fashion_small = image(1, 28, 28, patch: 4) {
    data idx()
    sample "data/fashion_mnist"
    set batch = 64, mask_ratio = 0.75, dropout = 0.0, lr = 1e-3
    set enc_width = 128, enc_layers = 4, enc_heads = 4
    set dec_width = 64, dec_layers = 2, dec_heads = 2
}

modality pamap2 = series(52, 320, patch: 5) {
    data pamap2(window: 320)
    set batch = 256, mask_ratio = 0.85, contrast_weight = 1.0
}

modality higgs = series(1, 28) {
    data higgs(standardize: true)
    sample "data/higgs"
    set batch = 256, mask_ratio = 0.5
}

modality genomics = tokens(vocab: 4, length: 250) {
    data genomics()
    sample "data/genomics_ood"
    task "genomics-ood" {
        data genomics(train: "between_2011-2016_ood_val/*.tfrecord*", classes: 60, first_label: 10, test: "split")
    }
    set batch = 32, mask_ratio = 0.5
}

modality pfam = tokens(vocab: 26, length: 128) {
    set batch = 128, mask_ratio = 0.5
}

modality librispeech = image(1, 224, 224, patch: 16) {
    set batch = 64, mask_ratio = 0.75
}

modality imagenet32 = image(3, 32, 32, patch: 4) {
    set batch = 64, mask_ratio = 0.75
}

modality cifar10 = image(3, 32, 32, patch: 4) {
    data cifar10()
    set batch = 64, mask_ratio = 0.75
}

modality wafer = image(3, 32, 32, patch: 4) {
    metric "weighted_f1"
    set batch = 128, mask_ratio = 0.75
}

modality eurosat = image(13, 64, 64, patch: 8) {
    set batch = 64, mask_ratio = 0.75
}

modality fashion = image(1, 28, 28, patch: 4) {
    data idx()
    sample "data/fashion_mnist"
    set batch = 64, mask_ratio = 0.75
}

modality sensor = series(6, 128, patch: 4) {
    data sensor_csv(window: 128)
    sample "data/sensor"
    set batch = 64, mask_ratio = 0.75
}
