// MetaMAE for spectra of 600 points, in patches of 10.

import "../examples/metamae"

modality spectra = series(channels: 1, samples: 600, patch: 10) {
    data higgs(classes: 3, standardize: true)
    set batch = 128, mask_ratio = 0.75
}
