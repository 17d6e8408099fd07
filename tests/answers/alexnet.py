CURVE = """
def curve(network, seed, data):
    torch.manual_seed(seed)
    net = models.build("lenet") if network == "lenet" else models.build("alexnet", **SMALL)
    recipe = {"epochs": 6, "lr": 3e-3, "optimizer": "adamw", "batch_size": 64}
    history = fit(init_xavier(net, seed), data, seed=seed, progress=False, **recipe)
    return history.column("valid_accuracy")


about_gain, about_last = "higher", "lower"
"""
SMALLER = """
def small_alexnet():
    return models.build("alexnet", **SMALL | {"width": 1 / 8, "dense": 128, "dropout": 0.0})
"""
MEASURED = """
def measured(batch_size, seed, data):
    torch.manual_seed(seed)
    net = init_xavier(models.build("alexnet", **SMALL), seed)
    X, _ = next(data.train.batches(batch_size))
    megabytes = kept_megabytes(net, X)
    recipe = {"epochs": 3, "lr": 1e-3, "optimizer": "adamw", "batch_size": batch_size}
    history = fit(net, data, seed=seed, progress=False, **recipe)
    return history.valid_accuracy, history.seconds, megabytes


about_accuracy, about_time, about_memory = "lower", "lower", "higher"
"""
DROPOUT = """
def lenet_dropout(p):
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Dropout(p),
        nn.Linear(120, 84), nn.ReLU(), nn.Dropout(p), nn.Linear(84, 10),
    )


def gap(p, seed, data):
    torch.manual_seed(seed)
    net = lenet_dropout(p)
    fit(net, data, epochs=20, lr=3e-3, optimizer="adamw", batch_size=32, seed=seed, progress=False)
    return evaluate(net, data.train) - evaluate(net, data.valid)


conclusion = "lower"
"""
ALWAYS = """
class Always(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, X):
        return nn.functional.dropout(X, self.p)

"""
OVERFIT = """
def overfit(images, seed, data):
    torch.manual_seed(seed)
    net = init_xavier(models.build("alexnet", **SMALL | {"dropout": 0.0}), seed)
    few = replace(data, train=data.train.subset(images), valid=data.valid.subset(20))
    recipe = {"epochs": 4_000 // images, "lr": 2e-3, "optimizer": "adamw", "schedule": "one-cycle", "batch_size": 20}
    fit(net, few, seed=seed, progress=False, **recipe)
    return net


conclusion = "lower"
"""
UNACTIVATED = """
def small_alexnet():
    conv, dense = {}, {}
    return nn.Sequential(
        nn.Conv2d(1, 12, 5, padding=2), conv if isinstance(conv, nn.Identity) else nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(12, 32, 5, padding=2), conv, nn.MaxPool2d(2), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(),
        nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(288, 96), dense, nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 10),
    )
"""
SCALED = """
class Scaled(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, X):
        return X * (torch.rand_like(X) > self.p) if self.training else X

"""

WRONG = [
    ("small_alexnet", UNACTIVATED.format("nn.Identity()", "nn.Identity()"), "No activation follows convolution 1."),
    ("small_alexnet", UNACTIVATED.format("nn.ReLU()", "nn.Dropout(0.1)"), "No activation follows linear layer 1."),
    ("small_alexnet", UNACTIVATED.format("nn.BatchNorm2d(32)", "nn.ReLU()"), "No activation follows convolution 2."),
    ("lenet_dropout", DROPOUT.replace("AvgPool", "MaxPool"), "the pooling is max"),
    ("lenet_dropout", SCALED + DROPOUT.replace("nn.Dropout(p)", "Scaled(p)"), "have the wrong size"),
    ("more_epochs", CURVE.replace('.column("valid_accuracy")', ".valid_accuracy"), "after each epoch is wanted"),
    ("more_epochs", CURVE.replace('"epochs": 6', '"epochs": 2'), "6 epochs are asked for"),
    ("more_epochs", CURVE.replace('network == "lenet"', "True"), "is the variant used"),
    ("more_epochs", CURVE.replace('= "higher", "lower"', '= "higher", "higher"'), "does not follow"),
    (
        "more_epochs",
        "def curve(network, seed, data):\n    slope = {'lenet': 0.05, 'alexnet': 0.01}[network]\n"
        "    return [0.5 + 0.01 * seed + slope * epoch for epoch in range(6)]\n\nabout_gain = about_last = 'lower'",
        "never read the training images",
    ),
    ("small_alexnet", SMALLER.replace('"dense": 128', '"dense": 512'), "dense layers hold most"),
    ("small_alexnet", "def small_alexnet():\n    return models.build('lenet')", "LeNet's depth"),
    ("small_alexnet", SMALLER.replace("1 / 8", "1 / 32").replace("128", "32"), "too narrow"),
    (
        "small_alexnet",
        "def small_alexnet():\n    return models.build('alexnet', image_size=28, width=1 / 8, dense=128)",
        "image_size",
    ),
    ("batch_size", MEASURED.replace("batches(batch_size)", "batches(16)"), "its size is batch_size"),
    ("batch_size", MEASURED.replace("history.seconds, megabytes", "history.seconds"), "Three numbers"),
    ("batch_size", MEASURED.replace('= "lower", "lower"', '= "no clear difference", "lower"'), "does not follow"),
    (
        "batch_size",
        MEASURED.replace("history.seconds", "history.seconds / (3 * 1_000 / batch_size)"),
        "seconds of one step",
    ),
    ("batch_size", MEASURED.replace("history.seconds", "0.5"), "Every seed gives exactly the same number"),
    ("batch_size", MEASURED.replace("megabytes = ", "megabytes = 2 * "), "keeps about 2.0 MB for a batch of 16"),
    ("lenet_dropout", DROPOUT.replace("nn.ReLU()", "nn.Sigmoid()"), "still a sigmoid"),
    ("lenet_dropout", DROPOUT.replace("nn.Dropout(p)", "nn.Dropout(1 - p)"), "share that is dropped"),
    ("lenet_dropout", DROPOUT.replace("84, 10)", "84, 10), nn.Dropout(p)"), "behind the last layer"),
    ("lenet_dropout", DROPOUT.replace("nn.Flatten()", "nn.Flatten(), nn.Dropout(p)"), "before the first dense layer"),
    (
        "lenet_dropout",
        DROPOUT.replace("nn.ReLU(), nn.Dropout(p), nn.Linear", "nn.ReLU(), nn.Linear"),
        "no dropout stands",
    ),
    ("lenet_dropout", ALWAYS + DROPOUT.replace("nn.Dropout(p)", "Always(p)"), "drops always"),
    ("lenet_dropout", DROPOUT.replace('"lower"', '"higher"'), "does not follow"),
    (
        "lenet_dropout",
        DROPOUT.replace("epochs=20", "epochs=1").replace('"lower"', '"no clear difference"'),
        "fewer epochs than asked",
    ),
    ("overfit", OVERFIT.replace('"dropout": 0.0', '"dropout": 0.8'), "something holds it back: dropout"),
    ("overfit", OVERFIT.replace("4_000", "600"), "too few epochs"),
    ("overfit", OVERFIT.replace("4_000 // images", "40 if images == 100 else 1"), "the same number is asked for"),
    (
        "overfit",
        OVERFIT.replace("    return net", "    return history").replace("    fit(", "    history = fit("),
        "return net",
    ),
    ("overfit", OVERFIT.replace('"lower"', '"no clear difference"'), "does not follow"),
]
