WITHOUT_BIAS = """
def without_bias(conv, norm):
    conv, norm = copy.deepcopy(conv), copy.deepcopy(norm)
    {}
    conv.bias = None
    return conv, norm

redundant = {}
"""
RATE = """
def accuracy(norm, lr, seed, data):
    torch.manual_seed(seed)
    net = init_xavier(models.BNLeNet(activation="relu", norm={}), seed)
    history = fit(net, data, **RECIPE | {{"lr": lr}}, seed=seed)
    return history.valid_accuracy if history.rows else 0.0

largest = {}
"""
ELSEWHERE = """
def lenet(places, order):
    def block(name, layer, norm):
        follow = [norm, nn.Sigmoid()] if {} else [nn.Sigmoid(), norm]
        return nn.Sequential(layer, *(follow if name in places else [nn.Sigmoid()]))

    return nn.Sequential(
        block("conv1", nn.Conv2d(1, 6, 5), nn.BatchNorm2d(6)), nn.AvgPool2d(2),
        block("conv2", nn.Conv2d(6, 16, 5), nn.BatchNorm2d(16)), nn.AvgPool2d(2), nn.Flatten(),
        block("fc1", nn.Linear(256, 120{}), nn.BatchNorm1d(120)),
        block("fc2", nn.Linear(120, 84), nn.BatchNorm1d(84)),
        nn.Linear(84, 10),
    )

def accuracy(variant, seed, data):
    torch.manual_seed(seed)
    net = init_xavier(lenet(*variant), seed)
    return fit(net, data, **RECIPE, seed=seed).valid_accuracy

after, convolutions_only = "no clear difference", "{}"
"""
PARTS = """
def normalise(X, mean, var, part):
    shape = [1, -1] + [1] * (X.dim() - 2)
    if {}:
        X = X - mean.reshape(shape)
    if part != "mean":
        X = X / {}
    return X

def accuracy(part, seed, data):
    affine = part != "no γ and β"
    torch.manual_seed(seed)
    net = models.BNLeNet(norm_layer=lambda c: PartNorm(c, normalise, part if affine else "full", affine))
    return fit(init_xavier(net, seed), data, **RECIPE, seed=seed).valid_accuracy

mean_only, variance_only, without_scale = "lower", "{}", "no clear difference"
"""
GLOBAL = """
def global_norm(channels):
    class GlobalNorm(nn.BatchNorm2d):
        def forward(self, X):
            axes = [0, *range(2, X.dim())]
            mean, var = self.running_mean.clone(), self.running_var.clone()
            if self.training:
                self.running_mean.lerp_(X.mean(axes).detach(), 0.1)
                self.running_var.lerp_(X.var(axes).detach(), 0.1)
            {}
            return F.batch_norm(X, mean, var, self.weight, self.bias, training={})

    return GlobalNorm(channels)

def accuracy(statistics, seed, data):
    torch.manual_seed(seed)
    net = models.BNLeNet(norm_layer=global_norm if statistics == "global" else None)
    return fit(init_xavier(net, seed), data, **RECIPE | {{"lr": 1}}, seed=seed).valid_accuracy

conclusion = "{}"
"""
NEW_AVERAGES = "mean, var = self.running_mean.clone(), self.running_var.clone()"
DROPOUT = """
def accuracies(kind, seed, data):
    torch.manual_seed(seed)
    net = models.BNLeNet(activation="relu", norm="before" if kind == "batch norm" else "none")
    if kind == "dropout":
        net.act3, net.act4 = (nn.Sequential(nn.ReLU(), nn.Dropout(0.5)) for _ in range(2))
    settings = {{"epochs": 4, "lr": 2e-3, "optimizer": "adamw", "batch_size": 64, "precision": "fp32"}}
    history = fit(net, data, **settings, seed=seed, progress=False)
    return {}

accuracy, gap = "higher", "lower"
"""
BUGS = """
class Layer(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum={momentum}):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight, self.bias = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))
        {buffers}

    def forward(self, X):
        axes, shape = [0, *range(2, X.dim())], [1, -1] + [1] * (X.dim() - 2)
        if {mode}:
            mean, var = X.mean(axes), X.var(axes, correction=0)
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean.detach()
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * X.var(axes).detach()
        else:
            mean, var = self.running_mean, self.running_var
        X_hat = (X - mean.reshape(shape)) / torch.sqrt(var.reshape(shape) + self.eps)
        return self.weight.reshape(shape) * X_hat + self.bias.reshape(shape)


def corrected(num_features):
    return Layer(num_features)
"""
BUFFERS = (
    'self.register_buffer("running_mean", torch.zeros(num_features)); '
    'self.register_buffer("running_var", torch.ones(num_features))'
)
PLAIN = "self.running_mean, self.running_var = torch.zeros(num_features), torch.ones(num_features)"

LENET = ELSEWHERE.format('order == "before"', "", "lower")

WRONG = [
    ("elsewhere", LENET.replace("AvgPool", "MaxPool"), "the poolings take the largest"),
    ("elsewhere", LENET.replace("Sigmoid", "Tanh"), "the activation is a tanh"),
    ("elsewhere", LENET.replace("Sigmoid", "ReLU"), "the activation is a ReLU"),
    ("elsewhere", LENET.replace("nn.Linear(84, 10)", "nn.Linear(84, 10), nn.Softmax(1)"), "a softmax stands behind"),
    (
        "elsewhere",
        LENET.replace("nn.Linear(84, 10)", "nn.Linear(84, 10), nn.Softmax(1)").replace("AvgPool", "MaxPool"),
        "the largest; this LeNet averages, and a softmax",
    ),
    (
        "elsewhere",
        LENET.replace("[norm, nn.Sigmoid()]", "[norm, nn.Sigmoid() if order == 'after' else nn.ReLU()]"),
        "the activation is a ReLU",
    ),
    ("elsewhere", LENET.replace("name in places", "name in places[:1]"), "the batch norms are at conv1"),
    (
        "bias_needed",
        WITHOUT_BIAS.format("norm.running_mean -= conv.bias.detach()", 226)
        .replace("conv, norm = copy", "conv, norm = copy")
        .replace("    return conv, norm", "    return nn.Conv2d(conv.in_channels, conv.out_channels, 3), norm"),
        "still has a bias",
    ),
    (
        "find_bugs",
        BUGS.format(momentum=0.1, buffers=BUFFERS, mode="self.training").replace("self.eps)", "0.1)"),
        "not that of nn.BatchNorm",
    ),
    (
        "global_statistics",
        GLOBAL.format(NEW_AVERAGES, "False", "lower").replace("[0, *range(2, X.dim())]", "[0, 2, 3]"),
        "(B, C) behind a linear layer",
    ),
    ("bias_needed", WITHOUT_BIAS.format("pass", 226), "running mean still contains the bias"),
    ("bias_needed", WITHOUT_BIAS.format("norm.running_mean += conv.bias.detach()", 226), "the sign"),
    ("bias_needed", WITHOUT_BIAS.format("norm.bias.data += conv.bias.detach()", 226), "β is not the place"),
    ("bias_needed", WITHOUT_BIAS.format("norm.running_mean -= conv.bias.detach()", 236), "no batch norm follows"),
    ("bias_needed", WITHOUT_BIAS.format("norm.running_mean -= conv.bias.detach()", 452), "γ and β are learned"),
    (
        "bias_needed",
        "def without_bias(conv, norm):\n    norm.running_mean -= conv.bias.detach()\n    conv.bias = None\n"
        "    return conv, norm\n\nredundant = 226",
        "work on copies",
    ),
    ("largest_rate", RATE.format("norm", '{"none": 0.1, "before": 0.1}'), "still learns at rate 1"),
    ("largest_rate", RATE.format("norm", '{"none": 0.1, "before": 10}'), "does not learn at rate 10"),
    ("largest_rate", RATE.format('"none"', '{"none": 0.1, "before": 0.1}'), "is the variant used?"),
    (
        "largest_rate",
        "def accuracy(norm, lr, seed, data):\n    return 0.1 + 0.001 * seed + 0.5 * (lr <= (1 if norm == 'none' else 0.1))\n\n"
        "largest = {'none': 1, 'before': 0.1}",
        "never read the training images",
    ),
    ("elsewhere", ELSEWHERE.format("True", "", "lower"), "batch norm comes first"),
    ("elsewhere", ELSEWHERE.format('order == "before"', ", bias=False", "lower"), "fc1 has no bias"),
    ("elsewhere", ELSEWHERE.format('order == "before"', "", "higher"), "does not follow"),
    (
        "parts",
        PARTS.format('part != "variance"', "(var.reshape(shape) + 1e-5)", "lower"),
        "standard deviation is its root",
    ),
    ("parts", PARTS.format("True", "torch.sqrt(var.reshape(shape) + 1e-5)", "lower"), "still subtracts the mean"),
    ("parts", PARTS.format('part != "variance"', "(torch.sqrt(var.reshape(shape)) + 1e-5)", "lower"), "under the root"),
    ("parts", PARTS.format('part != "variance"', "torch.sqrt(var.reshape(shape) + 1e-5)", "higher"), "does not follow"),
    ("global_statistics", GLOBAL.format("", "False", "lower"), "update them first"),
    ("global_statistics", GLOBAL.format(NEW_AVERAGES, "self.training", "lower"), "ordinary batch norm"),
    ("global_statistics", GLOBAL.format(NEW_AVERAGES, "False", "higher"), "does not follow"),
    ("against_dropout", DROPOUT.format("evaluate(net, data.train), evaluate(net, data.valid)"), "does not follow"),
    (
        "against_dropout",
        DROPOUT.format("evaluate(net, data.train), evaluate(net, data.valid)")
        .replace("net.act3", "net.act1, net.act3")
        .replace("range(2)", "range(3)"),
        "drops other numbers",
    ),
    ("against_dropout", DROPOUT.format("history.valid_accuracy"), "Two accuracies are wanted"),
    ("find_bugs", BUGS.format(momentum=0.1, buffers=PLAIN, mode="self.training"), "kept as plain tensors"),
    ("find_bugs", BUGS.format(momentum=0.9, buffers=BUFFERS, mode="self.training"), "weighs the new value"),
    (
        "find_bugs",
        BUGS.format(momentum=0.1, buffers=BUFFERS, mode="torch.is_grad_enabled()"),
        "self.training is the mode",
    ),
]
