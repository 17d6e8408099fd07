LENET = """
def lenet(pool, activation):
    Pool = {"avg": nn.AvgPool2d, "max": nn.MaxPool2d}[pool]
    Act = {"sigmoid": nn.Sigmoid, "relu": nn.ReLU}[activation]
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), Act(), Pool(2), nn.Conv2d(6, 16, 5), Act(), Pool(2), nn.Flatten(),
        nn.Linear(400, 120), Act(), nn.Linear(120, 84), Act(), nn.Linear(84, 10),
    )


def accuracy(variant, seed, data):
    torch.manual_seed(seed)
    net = init_xavier(lenet(*variant), seed)
    recipe = {"epochs": 3, "lr": 3e-3, "optimizer": "adamw", "batch_size": 64}
    return fit(net, data, seed=seed, progress=False, **recipe).valid_accuracy


larger = "ReLU"
"""
ACTIVATIONS = """
def activations(net, X):
    kept, mode = {}, net.training
    net.eval()

    def keeper(name):
        def hook(layer, inputs, output):
            kept[name] = output.detach()

        return hook

    handles = [layer.register_forward_hook(keeper(name)) for name, layer in net.named_children()]
    net(X)
    for handle in handles:
        handle.remove()
    net.train(mode)
    return kept


def spread(kind, seed, data):
    torch.manual_seed(seed)
    net = models.build("lenet")
    fit(net, data, epochs=3, lr=3e-3, optimizer="adamw", batch_size=64, seed=seed, progress=False)
    X, _ = next(data.valid.batches(500))
    if kind == "noise":
        X = torch.randn_like(X) * X.std() + X.mean()
    return activations(net, X)["act2"].std(dim=0).mean().item()


conclusion = "lower"
"""
SETTINGS = """
def accuracy_after(change, seed, data):
    torch.manual_seed(seed)
    net = init_xavier(models.build("lenet"), seed)
    if change == "tiny weights":
        for layer in net.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.normal_(layer.weight, std=0.01)
    lr = 0.003 if change == "small rate" else 0.1
    epochs = 10 if change == "more epochs" else 3
    return fit(net, data, epochs=epochs, lr=lr, batch_size=32, seed=seed, progress=False).valid_accuracy


about_rate, about_weights, about_epochs = "lower", "lower", "higher"
"""
WRONG = [
    ("max_relu", LENET.replace("nn.Linear(84, 10)", "nn.Linear(84, 10), nn.Softmax(1)"), "a softmax stands behind"),
    (
        "max_relu",
        LENET.replace("nn.Linear(400, 120), Act()", "nn.Linear(400, 120)").replace("84), Act()", "84)"),
        "the dense layers have no activation",
    ),
    ("max_relu", LENET.replace("Pool(2)", "nn.AvgPool2d(2)").replace("Act()", "nn.ReLU()"), "setting activation used"),
    (
        "activations",
        ACTIVATIONS.replace("net.train(mode)", "net.train()"),
        "was in evaluation mode and is left in training",
    ),
    ("activations", ACTIVATIONS.replace("net.train(mode)", "net.training = mode"), "left in the other mode"),
    ("max_relu", LENET.replace('"max": nn.MaxPool2d', '"max": nn.AvgPool2d'), "setting pool used"),
    ("max_relu", LENET.replace('"sigmoid": nn.Sigmoid', '"sigmoid": nn.ReLU'), "setting activation used"),
    ("max_relu", LENET.replace("Act(), Pool(2)", "Pool(2), Act()"), "pools before the activation"),
    ("max_relu", LENET.replace("nn.Linear(84, 10)", "nn.Linear(84, 10), Act()"), "behind the last layer"),
    ("max_relu", LENET.replace(", padding=2", "").replace("400", "256"), "without it 16×4×4 = 256"),
    ("max_relu", LENET.replace('larger = "ReLU"', 'larger = "max pooling"'), "does not follow"),
    (
        "raise_accuracy",
        "def better_lenet():\n    net = models.build('lenet')\n    net.conv2, net.fc1 = nn.Conv2d(6, 32, 5), nn.Linear(800, 120)\n"
        "    return net",
        "most parameters sit where the maps are flattened",
    ),
    (
        "raise_accuracy",
        "def better_lenet():\n    return models.build('lenet', pool='max')",
        "ReLU and max pooling alone",
    ),
    (
        "raise_accuracy",
        "def better_lenet():\n    return nn.Sequential(*models.build('lenet'), nn.Softmax(dim=1))",
        "applies softmax itself",
    ),
    (
        "raise_accuracy",
        "def better_lenet():\n    net = models.build('lenet_max')\n    net.extra = nn.Linear(10, 10)\n"
        "    net.forward = lambda X: net[:12](X)\n    return net",
        "never used in forward",
    ),
    ("activations", ACTIVATIONS.replace("    net.eval()\n", ""), "in training mode: batch norm"),
    (
        "activations",
        ACTIVATIONS.replace('["act2"].std(dim=0).mean()', '["act2"].std()'),
        "the deviation of all numbers at once",
    ),
    ("activations", ACTIVATIONS.replace("output.detach()", "inputs[0].detach()"), "inputs of the layers"),
    ("activations", ACTIVATIONS.replace("handle.remove()", "pass"), "hook is left"),
    ("activations", ACTIVATIONS.replace("    net.train(mode)\n", ""), "left in evaluation mode"),
    ("activations", ACTIVATIONS.replace('"lower"', '"higher"'), "does not follow"),
    (
        "activations",
        ACTIVATIONS.replace('kind == "noise"', 'kind == "garments"').replace('"lower"', '"higher"'),
        "look exchanged",
    ),
    ("settings", SETTINGS.replace('"tiny weights"', '"small weights"'), "spelt as in the question"),
    (
        "settings",
        SETTINGS.replace('"lower", "lower", "higher"', '"lower", "no clear difference", "higher"'),
        "does not follow",
    ),
    ("settings", SETTINGS.replace("    return fit", "    fit"), "it gives back None"),
    (
        "settings",
        SETTINGS.replace(".valid_accuracy", ".column('train_accuracy')[-1]"),
        "accuracies on training images",
    ),
    ("settings", SETTINGS.replace("else 3", "else 1"), "what the question asks for makes"),
]
