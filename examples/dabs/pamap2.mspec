// PAMAP2: three inertial units and a heart rate monitor on nine people, windows of 320
// samples at 100 Hz. Fed raw, as the published results are; standardize: true brings every
// channel to mean 0 and deviation 1.

import "../metamae"

modality pamap2 = series(52, 320, patch: 5) {
    data pamap2(window: 320)
    task "pamap2" { data pamap2(window: 320) }
    set batch = 256, mask_ratio = 0.85, contrast_weight = 1.0
}
