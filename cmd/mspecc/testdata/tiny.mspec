import "std/modality"

modality wave = series(channels: 2, samples: 8, patch: 4) {
    set batch = 4
}

modality words = tokens(length: 6, vocab: 5)

model tiny(m: modality) {
    set batch = 2, width = 4

    objective(x) {
        return mean(m.loss(m.predict(m.embed(x, width), width), x))
    }

    features(x) {
        return mean(m.embed(x, width), 1)
    }
}

train { optimizer adamw(lr: 1e-2)  steps 4 }
