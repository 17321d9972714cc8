// WM-811K: maps of the dies of a wafer, unlabelled to train on, labelled to tell how they
// failed. Most wafers did not, so transfer is scored by the weighted F1.

import "../metamae"

modality wafer = image(3, 32, 32, patch: 4) {
    data wafer(labeled: false)
    task "wafer" {
        data wafer()
        metric "weighted_f1"
    }
    set batch = 128, mask_ratio = 0.75
}
