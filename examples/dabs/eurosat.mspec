// EuroSAT: what covers the ground, in all 13 bands of Sentinel-2.

import "../metamae"

modality eurosat = image(13, 64, 64, patch: 8) {
    data eurosat(part: "pretrain")
    task "eurosat" { data eurosat(part: "transfer") }
    set batch = 64, mask_ratio = 0.75
}
