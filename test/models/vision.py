"""Networks for images, of torchvision, transformers, timm and torch_networks.py, on images of odd sizes."""
import timm
import torch
import torchvision
import transformers
from network import Export, Named, Network
from torch_networks import UNet, Yolo

CLASSES = 17
BATCH = {0: "batch"}
FULL = (Export("TorchScript", 12), Export("TorchScript", 17, True), Export("TorchScript", 20, folded=False),
        Export("dynamo", 18), Export("dynamo", 23, True))
SHORT = (Export("TorchScript", 17, True), Export("dynamo", 18))
ATTENTION = tuple(Export(e.exporter, e.opset, e.symbolic, attention)
                  for e, attention in zip(FULL, ("eager", "eager", "sdpa", "sdpa", "sdpa")))  # fmt: skip
# Under an additive mask, torch.export takes sdpa's results to have another layout than they have, and its conversion stops.
WINDOWS = tuple(Export(e.exporter, e.opset, e.symbolic, "sdpa" if e.opset == 20 else "eager") for e in FULL)
EAGER = tuple(Export(e.exporter, e.opset, e.symbolic, "eager") for e in SHORT)
# Networks whose layers at full width take seconds to evaluate in f64 get fewer images.
FEW = 8


def network(family, name, package, build, size=(33, 49), batch=32, exports=SHORT, axes=None, channels=3,
            outputs=("output",)):  # fmt: skip
    names = ("height", "width") if len(size) == 2 else ("depth", "height", "width")
    sizes = dict(batch=batch, **dict(zip(names, size)))

    def inputs(random, batch, **extents):
        return {"image": random.standard_normal((batch, channels, *extents.values()), "float32")}

    return Network(family, f"{family}/{name}", package, build, inputs, sizes, {"image": axes or BATCH}, outputs, exports)


def of_torchvision(family, *names, exports=SHORT, **options):
    build = lambda name: lambda attention: getattr(torchvision.models, name)(num_classes=CLASSES)
    return [network(family, name, "torchvision", build(name), exports=exports, **options) for name in names]


def of_timm(family, *names, exports=SHORT, square=0, **options):
    """`square`: the size of image that the network is made for, where it must be."""
    settings = dict(img_size=square) if square else {}
    build = lambda name: lambda attention: timm.create_model(name, num_classes=CLASSES, **settings)
    size = dict(size=(square, square)) if square else {}
    return [network(family, name, "timm", build(name), exports=exports, **size, **options) for name in names]


def vgg(name):
    """The layers of torchvision's, with a head that takes any size of image (its own has 120 million weights)."""

    def build(attention):
        features = getattr(torchvision.models, name)(num_classes=CLASSES).features
        return torch.nn.Sequential(features, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(512, CLASSES))

    return network("VGG", name, "torchvision", build, size=(37, 49), batch=FEW)


def resnet_v1(depth, *depths):
    """The stride on the first 1x1, as in the paper; torchvision has it on the 3x3 (v1.5)."""
    config = lambda: transformers.ResNetConfig(depths=list(depths), downsample_in_bottleneck=True, num_labels=CLASSES)
    build = lambda attention: Named(transformers.ResNetForImageClassification(config()), ("pixel_values",), ("logits",))
    return network("ResNet v1", f"{depth}", "transformers", build, batch=FEW, exports=FULL if depth == 50 else SHORT[:1])


def of_transformers(family, name, kind, config, size, outputs, exports=SHORT, **options):
    def build(attention):
        settings = config()
        settings._attn_implementation = attention
        return Named(getattr(transformers, kind)(settings, **options), ("pixel_values",), outputs)

    return network(family, name, "transformers", build, size, exports=exports, outputs=outputs)


def transformers_of_images():
    common = dict(hidden_size=36, num_attention_heads=3, num_hidden_layers=2, intermediate_size=52, num_labels=CLASSES)
    patches = dict(image_size=(35, 49), patch_size=7, **common)
    vit, deit = (lambda: transformers.ViTConfig(**patches)), (lambda: transformers.DeiTConfig(**patches))
    swin = lambda: transformers.SwinConfig(image_size=(56, 70), patch_size=2, embed_dim=12, depths=[2, 2], num_heads=[2, 3],
                                           window_size=7, num_labels=CLASSES)  # fmt: skip
    segformer = lambda: transformers.SegformerConfig(hidden_sizes=[12, 18, 24, 36], num_attention_heads=[1, 2, 3, 3],
                                                     depths=[1, 1, 1, 1], decoder_hidden_size=20)  # fmt: skip
    states = ("last_hidden_state",)
    return [
        of_transformers("ViT", "base", "ViTModel", vit, (35, 49), states, ATTENTION, add_pooling_layer=False),
        of_transformers("ViT", "classification", "ViTForImageClassification", vit, (35, 49), ("logits",), ATTENTION[1:4:2]),
        of_transformers("DeiT", "base", "DeiTModel", deit, (35, 49), states, ATTENTION, add_pooling_layer=False),
        of_transformers("DeiT", "distilled", "DeiTForImageClassificationWithTeacher", deit, (35, 49), ("logits",),
                        ATTENTION[1:4:2]),
        of_transformers("Swin", "base", "SwinModel", swin, (56, 70), states, WINDOWS, add_pooling_layer=False),
        of_transformers("Swin", "classification", "SwinForImageClassification", swin, (56, 70), ("logits",), WINDOWS[1:4:2]),
        of_transformers("Segformer", "segmentation", "SegformerForSemanticSegmentation", segformer, (64, 96), ("logits",), EAGER),
    ]  # fmt: skip


def segmentation():
    planes = {0: "batch", 2: "height", 3: "width"}
    u_net = lambda *a, **k: lambda attention: UNet(*a, **k)
    volume = dict(size=(16, 24, 32), channels=2, batch=FEW)
    return [
        network("U-Net 2-D", "transposed", "torch_networks.py", u_net(), (36, 52), exports=FULL, axes=planes),
        network("U-Net 2-D", "bilinear", "torch_networks.py", u_net(resize="bilinear"), (36, 52)),
        network("U-Net 2-D", "nearest", "torch_networks.py", u_net(resize="nearest"), (36, 52)),
        network("U-Net 3-D", "transposed", "torch_networks.py", u_net(3, channels=2), exports=FULL, **volume),
        network("U-Net 3-D", "trilinear", "torch_networks.py", u_net(3, channels=2, resize="trilinear"), **volume),
        network("YOLO", "three scales", "torch_networks.py", lambda attention: Yolo(), (64, 96), exports=FULL, axes=planes),
    ]  # fmt: skip


def networks():
    return [
        *of_torchvision("ResNet v1.5", "resnet50", exports=FULL, batch=FEW),
        *of_torchvision("ResNet v1.5", "resnet18", "resnet34", batch=FEW),
        *of_torchvision("ResNet v1.5", "resnet101", "resnet152", batch=FEW, exports=SHORT[:1]),
        resnet_v1(50, 3, 4, 6, 3), resnet_v1(101, 3, 4, 23, 3), resnet_v1(152, 3, 8, 36, 3),
        *of_torchvision("ResNeXt", "resnext50_32x4d", batch=FEW),
        *of_torchvision("ResNeXt", "resnext101_32x8d", batch=FEW, exports=SHORT[:1]),
        *of_torchvision("Wide-ResNet", "wide_resnet50_2", batch=FEW),
        *of_torchvision("Wide-ResNet", "wide_resnet101_2", batch=FEW, exports=SHORT[:1]),
        *of_timm("MobileNet v1", "mobilenetv1_100", exports=FULL),
        *of_torchvision("MobileNet v2", "mobilenet_v2", exports=FULL),
        *of_torchvision("MobileNet v3", "mobilenet_v3_small", "mobilenet_v3_large", exports=FULL),
        *of_torchvision("EfficientNet", "efficientnet_b0", exports=FULL),
        *of_torchvision("EfficientNet", "efficientnet_b1", "efficientnet_b2", "efficientnet_v2_s"),
        *of_timm("EfficientNet", "efficientnet_lite0", "tf_efficientnet_b0", "tf_efficientnet_lite0", "efficientnetv2_rw_t"),
        *of_torchvision("DenseNet", "densenet121", exports=FULL, batch=FEW),
        *of_torchvision("DenseNet", "densenet169", batch=FEW),
        vgg("vgg11"), vgg("vgg13"), vgg("vgg16_bn"), vgg("vgg19"),
        *segmentation(), *transformers_of_images(),
        *of_timm("ViT", "vit_tiny_patch16_224", square=64), *of_timm("DeiT", "deit_tiny_distilled_patch16_224", square=64),
        *of_timm("Swin", "swin_tiny_patch4_window7_224", square=56, batch=FEW),
        *of_timm("Residual networks of timm", "resnet26t", "seresnet50", "skresnet18", "cspresnet50", "res2net50_26w_4s",
                 "darknet53", "regnety_004", "repvgg_a0", batch=FEW),
        *of_timm("Residual networks of timm", "botnet26t_256", square=64, batch=FEW),
        *of_timm("Inception, Xception", "inception_v3", "xception41", size=(97, 83), batch=FEW),
        *of_timm("Mobile networks of timm", "mnasnet_small", "ghostnet_100", "tinynet_e", "hardcorenas_a", "mobilevitv2_050"),
        *of_timm("ConvNeXt and its like", "convnext_atto", "edgenext_xx_small", "fastvit_t8", "poolformer_s12", size=(64, 96)),
        *of_timm("Hybrids and mixers", "levit_128s", "mixer_s32_224", "coatnet_pico_rw_224", square=64, batch=FEW),
        *of_timm("Hybrids and mixers", "maxvit_rmlp_pico_rw_256", square=64, batch=FEW, exports=SHORT[:1]),
    ]  # fmt: skip
