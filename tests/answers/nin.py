# Experiments whose numbers are made up: what they say is known, and it takes no time.
READ = "    next(data.train.batches(8)), next(data.valid.batches(8))\n"
MADE_UP = "def {}(variant, seed, data):\n" + READ + "    return {}\n\nconclusion = {!r}"
CLEAR = "0.4 + 0.01 * seed - 0.2 * (variant in (2, 10))"
UNCLEAR = "0.3 + 0.05 * seed + 0.002 * (variant == 0.3)"
DROPPED = """
def with_dropout(p, seed, data):
    torch.manual_seed(seed)
    net = models.build("nin", **SMALL, last_channels=48, dropout={})
    return fit(net, data, **RECIPE, seed=seed, progress=False).valid_accuracy

conclusion = "no clear difference"
"""
COSTS = (
    "@torch.no_grad()\ndef costs(model, X):\n    n = sum(p.numel() for p in model.parameters())\n    macs = kept = held = 0\n"
    "    for layer in model:\n        Y = layer(X)\n        if isinstance(layer, (nn.Conv2d, nn.Linear)):\n"
    "            macs += {}\n        kept += {}\n        held = {}\n        X = Y\n    return n, macs, kept, held"
)
MACS, KEPT, HELD = "layer.weight[0].numel() * Y.numel()", "Y.numel()", "max(held, X.numel() + Y.numel())"

WRONG = [
    (
        "costs",
        COSTS.format(MACS, KEPT, HELD).replace("model.parameters())", "model.state_dict().values())"),
        "running statistics of a batch norm are no parameters",
    ),
    (
        "one_by_one",
        "def with_pointwise(pointwise, seed, data):\n    torch.manual_seed(seed)\n"
        "    net = models.build('nin', **SMALL, pointwise=3 - pointwise)\n"
        "    return fit(net, data, **RECIPE, seed=seed, progress=False).valid_accuracy\n\nconclusion = 'lower'",
        "that is the network of '1': the two look exchanged",
    ),
    ("one_by_one", MADE_UP.format("with_pointwise", CLEAR, "lower"), "does not follow"),
    ("one_by_one", MADE_UP.format("with_pointwise", CLEAR, "no clear difference"), "one seed was looked at"),
    ("one_by_one", MADE_UP.format("with_pointwise", CLEAR.replace("2, 10", "1,"), "lower"), "look exchanged"),
    ("one_by_one", MADE_UP.format("with_pointwise", "0.5 + " + CLEAR, "higher"), "of 24 seeds leaves room"),
    ("one_by_one", MADE_UP.format("with_pointwise", CLEAR, "higher").replace(READ, ""), "never read the training"),
    ("one_by_one", MADE_UP.format("with_pointwise", "0.8 + 0.01 * seed", "higher"), "is the variant used?"),
    ("one_by_one", MADE_UP.format("with_pointwise", "0.8 + 0.01 * variant", "higher"), "torch.manual_seed(seed)"),
    ("costs", COSTS.format("layer.weight.numel()", KEPT, HELD), "Value 2 of 4"),
    ("costs", COSTS.format("layer.weight.numel() * len(Y)", KEPT, HELD), "uses it at every pixel"),
    ("costs", COSTS.format("layer.weight[0].numel() * Y[0].numel()", KEPT, HELD), "those of one image"),
    (
        "costs",
        COSTS.format(MACS, "Y.numel() * (layer(X) is not X and hasattr(layer, 'weight'))", HELD),
        "without weights",
    ),
    ("costs", COSTS.format(MACS, KEPT, "held + Y.numel()"), "can forget every map"),
    ("costs", COSTS.format(MACS, KEPT, "max(held, Y.numel())"), "its input is there as well"),
    ("in_one_step", "left = 9600\n\n" + MADE_UP.format("with_last_channels", CLEAR, "higher"), "these numbers go in"),
    ("in_one_step", "left = 10\n\n" + MADE_UP.format("with_last_channels", CLEAR, "higher"), "comes later"),
    ("in_one_step", "left = 250\n\n" + MADE_UP.format("with_last_channels", CLEAR, "lower"), "does not follow"),
    ("dropout", DROPPED.format("1 - p"), "drops other numbers"),
    ("dropout", DROPPED.format("0.5 if p == 0.5 else 0.0"), "dropout(p=0.3) on 192 numbers"),
    ("dropout", MADE_UP.format("with_dropout", UNCLEAR, "higher"), "'no clear difference' does"),
    ("dropout", MADE_UP.format("with_dropout", "0.4 + seed", "higher"), "between 0 and 1"),
    ("dropout", MADE_UP.format("with_dropout", "str(seed)", "higher"), "A number is wanted"),
]
