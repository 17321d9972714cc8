// MS COCO: photographs with a caption, 196 tokens of the image and 32 of the text in one
// sequence. Transfer to whether the caption is the photograph's own (mismatched-caption), and
// whether an answer to a question about it is right (vqa). vocab.txt is that of bert-base-uncased.

import "../metamae"

modality mscoco = image_text(3, 224, 224, patch: 16, vocab: 30522, words: 32) {
    data captions(layout: "coco")
    task "mscoco" { data captions(layout: "coco") }
    task "mismatched-caption" { data captions(layout: "mismatched") }
    task "vqa" { data captions(layout: "vqa") }
    set batch = 64, mask_ratio = 0.75
}
