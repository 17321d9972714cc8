// LibriSpeech: mel spectrograms of read English, 224 bands and 224 frames. Transfer to the
// speaker (librispeech, voxceleb1), a digit, a word, and what a command asks for.

import "../metamae"

modality librispeech = image(1, 224, 224, patch: 16) {
    data speech(layout: "librispeech")
    task "librispeech" { data speech(layout: "librispeech_transfer") }
    task "voxceleb1" { data speech(layout: "voxceleb1") }
    task "audiomnist" { data speech(layout: "audiomnist") }
    task "google-speech" { data speech(layout: "google_speech") }
    task "fluent-location" { data speech(layout: "fluent", label: "location") }
    task "fluent-action" { data speech(layout: "fluent", label: "action") }
    task "fluent-object" { data speech(layout: "fluent", label: "object") }
    set batch = 64, mask_ratio = 0.75
}
