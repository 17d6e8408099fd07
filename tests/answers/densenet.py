COUNTS = """
def dense_weights(c_in, growth, layers):
    return {}

def residual_weights(channels, layers):
    return {}

times = {}
reason = "{}"
"""
DENSE, RESIDUAL = "sum(9 * (c_in + i * growth) * growth for i in range(layers))", "9 * channels * channels * layers"
RATIO = "residual_weights(248, 4) / dense_weights(120, 32, 4)"
KEPT = """
def kept_bytes(model, X):
    own = {own}
    kept = {{}}
    total = 0

    def pack(tensor):
        nonlocal total
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
            total += tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model(X)
    return {back}

times, images = {times}, 1
"""
OWN = "{tensor.untyped_storage().data_ptr() for tensor in [*model.parameters(), *model.buffers()]}"
TABLE = """
def densenet(num_convs, num_classes=1000):
    def conv(c_in, c_out, kernel):
        layers = nn.BatchNorm2d(c_in), nn.ReLU(), nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, bias={bias})
        return nn.Sequential(*layers)

    class Layer(nn.Sequential):
        def forward(self, X):
            return torch.cat({cat}, dim=1)

    stem = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias={bias}), nn.BatchNorm2d(64), nn.ReLU()
    net, channels = nn.Sequential(*stem, nn.MaxPool2d(3, stride=2, padding=1)), 64
    for number, layers in enumerate(num_convs):
        if number:
            kept = int(channels * {share})
            net.extend([conv(channels, kept, 1), {pool}(2)])
            channels = kept
        for _ in range(layers):
            net.append(Layer(conv(channels, 128, 1), conv(128, 32, 3)))
            channels += 32
    end = nn.BatchNorm2d(channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes)
    return net.extend(end)

layers_264 = {layers}
"""
GOOD = {"bias": False, "cat": "[X, super().forward(X)]", "share": 0.5, "pool": "nn.AvgPool2d", "layers": 265}
TRANSITION = """
def cheap(X, weight):
    return {cheap}

def accuracy(pool, seed, data):
    torch.manual_seed(seed)
    net = models.DenseNet(image_size=28, stem="half", growth_rate=8, stem_channels=16, num_convs=(2, 2, 2))
    if pool == "max":
        net.transition1.pool, net.transition2.pool = nn.MaxPool2d(2), nn.MaxPool2d(2)
    return fit(net, data, epochs=1, lr=0.3, seed=seed, progress=False).valid_accuracy

for_max, conclusion = "{for_max}", "higher"
"""
ONE_ONLY = "net.transition1.pool = nn.MaxPool2d(2)"
SWAPPED = "F.conv2d(F.avg_pool2d(X, 2), weight)"
MLP = """
def dense_mlp(inputs, growth, layers, classes):
    class Layer(nn.Linear):
        def forward(self, X):
            return {forward}

    hidden = [Layer({reads}, growth) for i in range(layers)]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear({last}, classes))

def accuracy(kind, seed, data):
    torch.manual_seed(seed)
    if kind == "dense":
        net = dense_mlp(784, 16, 8, 10)
    else:
        hidden = [layer for i in range(8) for layer in (nn.Linear(84 if i else 784, 84), nn.ReLU())]
        net = nn.Sequential(nn.Flatten(), *hidden, nn.Linear(84, 10))
    settings = {{"epochs": 3, "lr": 2e-3, "optimizer": "adamw", "batch_size": 64, "precision": "fp32"}}
    return fit(net, data, **settings, seed=seed, progress=False).valid_accuracy

conclusion = "lower"
"""
CAT, ALL = "torch.cat([X, super().forward(X).relu()], dim=1)", "inputs + layers * growth"
RIGHT_MLP = "from cnnlab.train import evaluate\n" + MLP.format(forward=CAT, reads="inputs + i * growth", last=ALL)

OWN_MLP = """
class Net(nn.Module):
    def __init__(self, inputs, growth, layers, classes):
        super().__init__()
        ends = [inputs + i * growth for i in range(layers + 1)]
        self.W = nn.ParameterList([torch.randn(a, growth) for a in ends[:-1]] + [torch.randn(ends[-1], classes)])
        self.b = nn.ParameterList([torch.zeros(growth) for _ in ends[:-1]] + [torch.zeros(classes)])

    def forward(self, X):
        X = X.flatten(1)
        for W, b in zip(self.W[:-1], self.b[:-1]):
            X = torch.cat([X, X @ W + b], 1)
        return X @ self.W[-1] + self.b[-1]

dense_mlp = Net

def accuracy(kind, seed, data):
    return 0.5

conclusion = "lower"
"""

WRONG = [
    ("table", TABLE.format(**GOOD).replace("channels, num_classes)", "channels, 1000)"), "num_classes is not used"),
    ("table", TABLE.format(**GOOD).replace("nn.MaxPool2d", "nn.AvgPool2d"), "the pooling in the stem averages"),
    ("table", TABLE.format(**GOOD).replace("AdaptiveAvg", "AdaptiveMax"), "the largest of each map is taken"),
    (
        "table",
        TABLE.format(**GOOD).replace("nn.BatchNorm2d(channels), nn.ReLU(),", "nn.BatchNorm2d(channels),"),
        "the ReLU after the last batch norm is missing",
    ),
    (
        "transition",
        TRANSITION.format(cheap="F.avg_pool2d((X[:, None] * weight[None]).sum(2), 2)", for_max="no"),
        "computed at every pixel",
    ),
    (
        "transition",
        TRANSITION.format(
            cheap="F.avg_pool2d(torch.stack([sum(w * x for w, x in zip(row[:, 0, 0], X.transpose(0, 1))) for row in weight], 1), 2)",
            for_max="no",
        ),
        "computed at every pixel",
    ),
    ("dense_mlp", OWN_MLP, "the ReLU is missing"),
    (
        "dense_mlp",
        OWN_MLP.replace("X @ W + b]", "(X @ W + b).relu()]")
        .replace("+ self.b[-1]", "+ self.b[-1]).relu()")
        .replace("return X @", "return (X @"),
        "the scores go through a ReLU",
    ),
    (
        "fewer_parameters",
        COUNTS.format("9 * c_in * growth * layers", RESIDUAL, RATIO, "it writes few channels"),
        "it reads all that was written since",
    ),
    (
        "fewer_parameters",
        COUNTS.format(
            "sum(9 * (c_in + i * growth) ** 2 for i in range(layers))", RESIDUAL, RATIO, "it writes few channels"
        ),
        "not all it has read",
    ),
    (
        "fewer_parameters",
        COUNTS.format(DENSE, "9 * channels * layers", RATIO, "it writes few channels"),
        "c_in is left out",
    ),
    ("fewer_parameters", COUNTS.format(DENSE, RESIDUAL, "248 / 32", "it writes few channels"), "not how many weights"),
    ("fewer_parameters", COUNTS.format(DENSE, RESIDUAL, RATIO, "it reads few channels"), "a factor of 1.5"),
    ("memory", KEPT.format(own="set()", back="sum(kept.values())", times=1.5), "leave them out"),
    ("memory", KEPT.format(own=OWN, back="total", times=1.5), "count each storage once"),
    ("memory", KEPT.format(own=OWN, back="sum(kept.values())", times=0.0678), "ratio of the parameters"),
    ("table", TABLE.format(**GOOD | {"bias": True}), "have biases"),
    ("table", TABLE.format(**GOOD | {"share": 1}), "keep half of its channels"),
    ("table", TABLE.format(**GOOD | {"pool": "nn.MaxPool2d"}), "takes the maximum"),
    ("table", TABLE.format(**GOOD | {"cat": "[super().forward(X), X]"}), "behind those that were given"),
    ("table", TABLE.format(**GOOD | {"layers": 264}), "count what its table gives"),
    (
        "transition",
        TRANSITION.format(cheap="F.avg_pool2d(F.conv2d(X, weight), 2)", for_max="no"),
        "computed at every pixel",
    ),
    ("transition", TRANSITION.format(cheap="F.conv2d(X, weight, stride=2)", for_max="no"), "all four are averaged"),
    ("transition", TRANSITION.format(cheap=SWAPPED, for_max="yes"), "the sum of the maxima is 2"),
    ("transition", TRANSITION.format(cheap=SWAPPED, for_max="no"), "it trains for 8 steps, and what is asked makes 64"),
    (
        "transition",
        TRANSITION.format(cheap=SWAPPED, for_max="no")
        .replace("net.transition1.pool, net.transition2.pool = nn.MaxPool2d(2), nn.MaxPool2d(2)", ONE_ONLY)
        .replace("epochs=1, lr=0.3,", 'epochs=2, lr=0.3, schedule="one-cycle", batch_size=64, precision="fp32",'),
        "both transitions have a pool",
    ),
    (
        "dense_mlp",
        MLP.format(forward="super().forward(X).relu()", reads="growth if i else inputs", last="growth"),
        "only the one before",
    ),
    (
        "dense_mlp",
        MLP.format(forward="torch.cat([X, super().forward(X)], dim=1)", reads="inputs + i * growth", last=ALL),
        "the ReLU is missing",
    ),
    ("dense_mlp", RIGHT_MLP, "does not follow"),
    ("dense_mlp", RIGHT_MLP.replace('kind == "dense"', 'kind == "plain"'), "look exchanged"),
    (
        "dense_mlp",
        RIGHT_MLP.replace("return fit", "fit").replace(".valid_accuracy", "\n    return evaluate(net, data.train)"),
        "accuracies on training images",
    ),
]
