import re

BLOCKS = "{18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}"


def table(block="models.Residual if depth < 50 else models.Bottleneck", stride="2 if stage and not i else 1", **parts):
    pool, classes, blocks = parts.get("pool", ", nn.MaxPool2d(3, 2, 1)"), parts.get("classes", 1000), BLOCKS
    return f"""
def resnet(depth):
    block = {block}
    stem = [nn.Conv2d(3, 64, 7, 2, 3, bias={parts.get("bias", False)}), nn.BatchNorm2d(64), nn.ReLU(){pool}]
    now, layers = 64, []
    for stage, count in enumerate({parts.get("blocks", blocks)}[depth]):
        for i in range(count):
            layers.append(block(now, 64 * 2**stage, {stride}))
            now = 64 * 2**stage * block.expansion
    return nn.Sequential(*stem, *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(now, {classes}))
"""


def bottleneck(forward="F.relu(self.f(X) + self.shortcut(X))", first=1, second="stride", bias=False, **parts):
    norm = "" if parts.get("bare") else ", nn.BatchNorm2d(4 * channels)"
    agree = parts.get("agree", "stride == 1 and c_in == 4 * channels")
    return f"""
def bottleneck(c_in, channels, stride=1):
    def unit(a, b, k, s=1):
        return [nn.Conv2d(a, b, k, s, padding=k // 2, bias={bias}), nn.BatchNorm2d(b)]

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            down, middle = unit(c_in, channels, 1, {first}), unit(channels, channels, 3, {second})
            self.f = nn.Sequential(*down, nn.ReLU(), *middle, nn.ReLU(), *unit(channels, {parts.get("out", "4 * channels")}, 1))
            around = nn.Sequential(nn.Conv2d(c_in, 4 * channels, 1, stride, bias=False){norm})
            self.shortcut = nn.Identity() if {agree} else around

        def forward(self, X):
            return {forward}

    return Block()
"""


RIGHT_SUM = "Y + (X if self.shortcut is None else self.shortcut(A))"
LAST = "nn.BatchNorm2d(now), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(now, 10)"


def preact(sum_=RIGHT_SUM, norm="c_in", last=LAST, around="nn.Conv2d(c_in, channels, 1, stride, bias=False)", stem=""):
    return f"""
def preact_block(c_in, channels, stride=1):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.bn1 = nn.BatchNorm2d({norm})
            self.conv1 = nn.Conv2d(c_in, channels, 3, stride, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(channels)
            self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
            self.shortcut = None if stride == 1 and c_in == channels else {around}

        def forward(self, X):
            A = F.relu(self.bn1(X))
            Y = self.conv2(F.relu(self.bn2(self.conv1(A))))
            return {sum_}

    return Block()


def preact_net(stages):
    now = stages[0][1]
    layers = [nn.Conv2d(1, now, 3, padding=1, bias=False){stem}]
    for blocks, channels, stride in stages:
        for i in range(blocks):
            layers.append(preact_block(now, channels, stride if i == 0 else 1))
            now = channels
    return nn.Sequential(*layers, {last})
"""


def joining(weight="torch.cat([torch.eye(c), torch.eye(c)], 1)[:, :, None, None]", channels=224, keeps="residual"):
    return f'def adding_weight(c):\n    return {weight}\n\njoined_channels = {channels}\nkeeps_input = "{keeps}"'


def deeper(body, conclusion="lower"):
    return f'def accuracy(depth, seed, data):\n{body}\n\nconclusion = "{conclusion}"'


# A net and a training that take no time; the slips are in how they are used.
QUICK = """    few = type(data)(data.train.subset(200), data.valid.subset(200), data.test, data.source)
    {seed}
    net = models.ResNet(1, 10, 28, stages=models.cifar_stages({n}), width=0.5, stem="half")
    return {value}fit(net, few, 1, lr=0.02, optimizer="adamw", progress=False{order}).valid_accuracy"""
READ = "    next(data.train.batches(8)), next(data.valid.batches(8))\n"
SEEDED = {"seed": "torch.manual_seed(seed)", "order": ", seed=seed", "n": "1", "value": ""}

HEAD_FIRST = f"""
def resnet(depth):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            block, e = (models.Residual, 1) if depth < 50 else (models.Bottleneck, 4)
            self.fc, now = nn.Linear(512 * e, 1000), 64
            self.body = nn.Sequential(nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.AvgPool2d(3, 2, 1))
            for s, n in enumerate({BLOCKS}[depth]):
                for i in range(n):
                    self.body.append(block(now, 64 << s, 2 if s and not i else 1))
                    now = e * (64 << s)

        def forward(self, X):
            return self.fc(self.body(X).amax((2, 3)))

    return Net()
"""

WRONG = [
    ("table", table().replace("nn.ReLU()", "nn.Identity()"), "the ReLU in the stem is missing"),
    ("table", table(pool=", nn.AvgPool2d(3, 2, 1)"), "pooling in the stem averages"),
    ("table", table().replace("AdaptiveAvgPool2d", "AdaptiveMaxPool2d"), "the largest of each map is taken"),
    (
        "table",
        HEAD_FIRST,
        "the ReLU in the stem is missing, and the pooling in the stem averages; it takes the largest, and at the end",
    ),
    ("bottleneck", bottleneck().replace("*middle, nn.ReLU()", "*middle"), "other numbers"),
    ("bottleneck", bottleneck().replace(", nn.ReLU(), *", ", *"), "no ReLU between the convolutions"),
    (
        "pre_activation",
        preact("Y + (X if self.shortcut is None else self.shortcut(F.relu(X)))"),
        "the shortcut's 1 × 1 reads relu(X)",
    ),
    ("pre_activation", preact().replace("stride if i == 0 else 1", "stride"), "every block of a stage has its stride"),
    ("pre_activation", preact().replace("stride if i == 0 else 1", "1"), "the stride of a stage is not used"),
    (
        "pre_activation",
        preact().replace("stride if i == 0 else 1", "stride if i == blocks - 1 else 1"),
        "not on its first block",
    ),
    ("pre_activation", preact(last=LAST.replace("AvgPool", "MaxPool")), "the largest of each map is taken"),
    (
        "pre_activation",
        preact(last="nn.BatchNorm2d(now), nn.AdaptiveAvgPool2d(1), nn.ReLU(), nn.Flatten(), nn.Linear(now, 10)"),
        "the ReLU stands behind the pooling",
    ),
    ("pre_activation", preact().replace("now = stages[0][1]", "now = 16"), "the stem has 16 channels"),
    ("table", table(block="models.Residual"), "from 50 on it is the bottleneck"),
    ("table", table(classes=10), "ends in 1,000"),
    ("table", table(stride="2 if not i else 1"), "the first stage keeps the side"),
    ("table", table(stride="1"), "no stage halves the map"),
    ("table", table(pool=""), "multiply-accumulates"),
    ("table", table(blocks=BLOCKS.replace("34: (3, 4, 6, 3)", "34: (2, 2, 2, 2)")), "blocks of 18 layers"),
    ("bottleneck", bottleneck(bias=True), "biases"),
    ("bottleneck", bottleneck(first="stride", second="1"), "stride is on the first 1 × 1"),
    ("bottleneck", bottleneck("self.f(X) + self.shortcut(X)"), "ReLU behind the sum is missing"),
    (
        "bottleneck",
        bottleneck("F.relu(F.relu(self.f(X)) + self.shortcut(X))"),
        "between the last batch norm and the sum",
    ),
    ("bottleneck", bottleneck("F.relu(self.f(X))", agree="True"), "X is not added"),
    ("bottleneck", bottleneck(bare=True), "no batch norm on the shortcut"),
    ("bottleneck", bottleneck(agree="stride == 1"), "the shortcut needs a 1 × 1"),
    ("bottleneck", bottleneck(agree="False"), "X itself is added"),
    ("bottleneck", bottleneck(out="channels"), "different shapes"),
    ("pre_activation", preact("Y + (X if self.shortcut is None else self.shortcut(X))"), "branches off behind"),
    ("pre_activation", preact(norm="channels"), "another number of channels"),
    ("pre_activation", preact(f"F.relu({RIGHT_SUM})"), "a ReLU follows the sum"),
    ("pre_activation", preact("Y + (A if self.shortcut is None else self.shortcut(A))"), "the untouched X"),
    ("pre_activation", preact(last=LAST.replace("nn.BatchNorm2d(now), nn.ReLU(), ", "")), "before the pooling"),
    (
        "pre_activation",
        preact(last=LAST.replace("nn.BatchNorm2d(now), nn.ReLU(), ", ""), stem=", nn.BatchNorm2d(now), nn.ReLU()"),
        "the one in the stem",
    ),
    ("pre_activation", preact(last=LAST.replace("nn.ReLU(), ", "")), "ReLU behind the last batch norm"),
    (
        "pre_activation",
        preact(last="nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(now), nn.ReLU(), nn.Flatten(), nn.Linear(now, 10)"),
        "behind the pooling",
    ),
    (
        "pre_activation",
        preact(around="nn.Sequential(nn.Conv2d(c_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))"),
        "the next block normalises",
    ),
    ("inception_or_residual", joining("torch.ones(c, 2 * c, 1, 1)"), "adds up all channels"),
    ("inception_or_residual", joining("torch.cat([torch.eye(c), torch.eye(c)], 1)"), "height, width"),
    ("inception_or_residual", joining("torch.eye(c).repeat_interleave(2, 1)[:, :, None, None]"), "neighbouring"),
    ("inception_or_residual", joining(channels=64), "five sums"),
    ("inception_or_residual", joining(channels=2048), "does not double"),
    ("inception_or_residual", joining(keeps="inception"), "four branches give zeros"),
    ("inception_or_residual", joining(keeps="both"), "none of its branches"),
    ("deeper", deeper(QUICK.format(**SEEDED | {"seed": "torch.manual_seed(0)", "order": ""})), "Every seed gives"),
    ("deeper", deeper(QUICK.format(**SEEDED)), "is the variant used"),
    ("deeper", deeper(QUICK.format(**SEEDED | {"seed": "", "n": "(depth - 2) // 6"})), "starts from other weights"),
    (
        "deeper",
        "import copy\nNETS = {depth: models.ResNet(1, 10, 28, stages=models.cifar_stages(1), width=depth / 32, stem='half')"
        " for depth in (8, 56)}\n"
        + re.sub(r"net = models.*", "net = copy.deepcopy(NETS[depth])", deeper(QUICK.format(**SEEDED))),
        "Two seeds start from the same weights",
    ),
    ("deeper", deeper(QUICK.format(**SEEDED | {"value": "100 * "})), "between 0 and 1"),
    ("deeper", deeper("    return 0.6 + 0.01 * seed - 0.004 * depth"), "never read the training images"),
    (
        "deeper",
        deeper(f"{READ}    return 0.6 + 0.01 * seed - 0.004 * depth", "higher"),
        "does not follow",
    ),
    ("deeper", deeper(f"{READ}    return 0.4 + 0.01 * seed + 0.004 * depth", "higher"), "look exchanged"),
    ("deeper", deeper(f"{READ}    return 0.1 + 0.01 * seed - 0.001 * depth"), "is the network trained"),
    ("deeper", deeper(QUICK.format(**SEEDED | {"n": "(depth - 2) // 6"})), "trains for 1 steps"),
    (
        "deeper",
        deeper("    next(data.train.batches(8))\n    return len(next(data.test.batches(100))[0]) / 200"),
        "test images stay sealed",
    ),
]
