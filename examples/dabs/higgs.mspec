// HIGGS: 28 kinematic features of simulated collisions. Signal or background?

import "../metamae"

modality higgs = series(1, 28) {
    data higgs(train: "particle_physics/higgsPretrain.csv", test: "tenth")
    task "higgs" { data higgs(train: "particle_physics/higgsTransfer.csv", test: "tenth") }
    set batch = 256, mask_ratio = 0.5
}
