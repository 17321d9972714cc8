// ImageNet at 32 x 32: photographs, resized without keeping the aspect. Transfer to objects,
// birds, flowers, textures, traffic signs and aircraft of the same size.

import "../metamae"

modality imagenet32 = image(3, 32, 32, patch: 4) {
    data pictures(layout: "imagenet")
    task "cifar10" { data cifar10() }
    task "cub" { data pictures(layout: "cub") }
    task "vgg-flower" { data pictures(layout: "flowers") }
    task "dtd" { data pictures(layout: "dtd") }
    task "traffic-sign" { data pictures(layout: "traffic_sign") }
    task "aircraft" { data pictures(layout: "aircraft") }
    set batch = 64, mask_ratio = 0.75
}
