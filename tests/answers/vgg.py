TABLE = (
    "@torch.no_grad()\ndef per_layer(model, X):\n    rows = []\n    def note(name):\n        def hook(layer, inputs, Y):\n"
    "            W, n = layer.weight, sum(p.numel() for p in layer.parameters())\n            pixels = Y[0, 0].numel()\n"
    "            rows.append((name, {}, {}, {}))\n        return hook\n"
    "    hooks = [layer.register_forward_hook(note(name)) for name, layer in model.named_modules() if isinstance(layer, {})]\n"
    "    model(X)\n    for hook in hooks:\n        hook.remove()\n    return rows\n\n"
)
BOTH = "(nn.Conv2d, nn.Linear)"
CHOICES = 'heavier_by = "{}"\nslower_by = "{}"\nmost_maps = "{}"'
GOOD_CHOICES = CHOICES.format("dense layers", "convolutions", "blocks 1 and 2")
GOOD_TABLE = TABLE.format("n", "W[0].numel() * Y.numel()", "Y.numel()", BOTH)
SIZES = "features = {}\nparameters = {}\ntimes_fewer = {}"
COLUMNS = "D = (2, 2, 3, 3, 3)\nE = (2, 2, 4, 4, 4)\n\n"
NET = (
    "def vgg(convs, channels, image_size, num_classes, dense):\n    layers, c = [], {first}\n"
    "    for n, out in zip(convs, channels):\n        for i in range(n):\n"
    "            layers += [nn.Conv2d(c, out, 3, padding=1), {relu}]\n            c = out\n        layers.append({pool})\n"
    "    c *= (image_size // 2 ** len(convs)) ** 2\n    layers += [nn.Flatten(), nn.Linear(c, dense), nn.ReLU()]\n    {hidden}\n"
    "    return nn.Sequential(*layers, nn.Linear(dense, {classes}){end})"
)
GOOD = {
    "first": "3",
    "relu": "nn.ReLU()",
    "pool": "nn.MaxPool2d(2)",
    "hidden": "layers += [nn.Linear(dense, dense), nn.ReLU()]",
    "classes": "num_classes",
    "end": "",
}


def net(**other):
    return COLUMNS + NET.format(**GOOD | other)


WRONG = [
    ("deeper", net(end=", nn.Softmax(1)"), "scores go through a softmax"),
    ("deeper", net(classes="1000"), "num_classes is not used: 1,000 are fixed"),
    ("deeper", net(end=", nn.ReLU()", pool="nn.AvgPool2d(2)"), "scores go through a ReLU, and the poolings average"),
    ("deeper", net().replace("padding=1", "padding=1, bias=False"), "convolutions have no biases"),
    ("deeper", net().replace("range(n)", "range(n if dense > 16 else convs[0])"), "same number of conv"),
    ("per_layer_table", TABLE.format("n", "n * pixels", "Y.numel()", BOTH) + GOOD_CHOICES, "bias is added"),
    (
        "per_layer_table",
        TABLE.format("n", "W.numel()", "Y.numel()", BOTH) + GOOD_CHOICES,
        "counted once, not at every pixel",
    ),
    (
        "per_layer_table",
        TABLE.format("n", "W[0].numel() * Y.numel() * getattr(layer, 'groups', 1)", "Y.numel()", BOTH) + GOOD_CHOICES,
        "groups are forgotten",
    ),
    (
        "per_layer_table",
        TABLE.format("W.numel()", "W.numel() * pixels", "Y.numel()", BOTH) + GOOD_CHOICES,
        "biases are missing",
    ),
    (
        "per_layer_table",
        TABLE.format("n", "W.numel() * pixels", "Y.numel()", "nn.Conv2d") + GOOD_CHOICES,
        "linear layers are missing",
    ),
    (
        "per_layer_table",
        GOOD_TABLE + CHOICES.format("convolutions", "convolutions", "blocks 1 and 2"),
        "5.5 of the 82 million",
    ),
    (
        "per_layer_table",
        GOOD_TABLE + CHOICES.format("dense layers", "dense layers", "blocks 1 and 2"),
        "uses each weight once",
    ),
    (
        "per_layer_table",
        GOOD_TABLE + CHOICES.format("dense layers", "convolutions", "blocks 3 to 5"),
        "halves both sides",
    ),
    ("smaller_input", SIZES.format(512 * 49, 44_920_074, 5.44), "that is 224 px"),
    ("smaller_input", SIZES.format(4608, 128_806_154, 5.44), "the first dense layer reads the flattened map"),
    ("smaller_input", SIZES.format(4608, 44_920_074, 2.33), "along both sides"),
    ("smaller_input", SIZES.format(4608, 44_920_074, 0.1837), "turned round"),
    ("deeper", "D = (2, 2, 4, 4, 4)\nE = (2, 2, 5, 5, 5)\n\n" + NET.format(**GOOD), "dense layers count"),
    ("deeper", net(first="1"), "colour"),
    ("deeper", net(hidden="pass"), "hidden dense layers is missing"),
    ("deeper", net(classes="10"), "num_classes is not used"),
    ("deeper", net(relu="*[nn.ReLU()] * (i < n - 1)"), "after a block's last convolution"),
    ("deeper", net(hidden="layers += [nn.Linear(dense, dense)]; layers.pop(-2)"), "no ReLU between them"),
    ("deeper", net(end=", nn.ReLU()"), "scores go through a ReLU"),
    ("deeper", net(pool="nn.AvgPool2d(2)"), "poolings average"),
]
