BRANCHES = """
    return SideBySide(
        unit(c_in, c1, 1),
        nn.Sequential(unit(c_in, c3[0], 1), unit(*c3, 3)),
        nn.Sequential(unit(c_in, c5[0], 1), unit(*c5, 5)),
        nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), unit(c_in, c_pool, 1)),
    )
"""


def inception(name, layers, branches=BRANCHES):
    """An answer whose convolutions are followed by these layers."""
    return (
        f"def {name}(c_in, c1, c3, c5, c_pool):\n"
        f"    def unit(a, b, k):\n        return nn.Sequential({layers})\n{branches}"
    )


WITH_BIAS = "nn.Conv2d(a, b, k, padding=k // 2)"
CONV = "nn.Conv2d(a, b, k, padding=k // 2, bias=False)"
NORMED = f"{CONV}, nn.BatchNorm2d(b), nn.ReLU()"
PLAIN = f"{WITH_BIAS}, nn.ReLU()"
TWO_THREES = BRANCHES.replace("unit(*c5, 5)", "unit(c5[0], c5[0], 3), unit(*c5, 3)")
GOOD_BLOCK = inception("inception_v3", PLAIN, TWO_THREES)


def pair(row="(1, n), padding=(0, n // 2)", column="(n, 1), padding=(n // 2, 0)", between="nn.ReLU(), ", inner="c_in"):
    return (
        f"{GOOD_BLOCK}\ndef asymmetric(c_in, c_out, n):\n    return nn.Sequential(nn.Conv2d(c_in, {inner}, {row}), "
        f"{between}nn.Conv2d({inner}, c_out, {column}), nn.ReLU())\n"
    )


GOOD_PAIR = pair().removeprefix(GOOD_BLOCK)


def residual(forward, expand="nn.Conv2d(c1 + c3[1] + c5[1] + c_pool, c_in, 1)"):
    return f"""
def residual_inception(c_in, c1, c3, c5, c_pool):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.branches = models.Inception(c_in, c1, c3, c5, c_pool)
            self.expand = {expand}

        def forward(self, X):
            return {forward}

    return Block()
"""


def smallest(step, order="reversed(layers)", notes=1, unpadded=61):
    return (
        f"def smallest_side(layers):\n    need = 1\n    for k, s, p in {order}:\n        need = {step}\n    return need\n\n"
        f"notes_side, unpadded_side = {notes}, {unpadded}"
    )


GOOD_STEP = "max(1, (need - 1) * s + k - 2 * p)"


def sizes(size="p.element_size() / 1e6", share="dense / total", reason="no wide dense layer"):
    return f"""
def size_and_share(model):
    total = sum(p.numel() for p in model.parameters())
    dense = sum(p.numel() for m in model.modules() if isinstance(m, nn.Linear) for p in m.parameters())
    return sum(p.numel() * {size} for p in model.parameters()), {share}

reason = "{reason}"
"""


POOLED_FIRST = """
class Block(nn.Module):
    def __init__(self, c_in, c1, c3, c5, c_pool):
        super().__init__()
        unit = lambda a, b, k: nn.Sequential(nn.Conv2d(a, b, k, padding=k // 2, bias=False), nn.BatchNorm2d(b), nn.ReLU())
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), unit(c_in, c_pool, 1))
        self.one, self.three = unit(c_in, c1, 1), nn.Sequential(unit(c_in, c3[0], 1), unit(*c3, 3))
        self.five = nn.Sequential(unit(c_in, c5[0], 1), unit(*c5, 5))

    def forward(self, X):
        return torch.cat([self.one(X), self.three(X), self.five(X), self.pool(X)], 1)

inception_bn = Block
"""

WRONG = [
    ("with_batch_norm", POOLED_FIRST.replace("Max", "Avg"), "the pooling branch averages; it takes the largest"),
    (
        "with_batch_norm",
        POOLED_FIRST.replace("MaxPool2d(3, 1, 1)", "AvgPool2d(3, 1, 1, count_include_pad=False)"),
        "averages without the padding",
    ),
    (
        "with_batch_norm",
        POOLED_FIRST.replace("nn.ReLU())", "nn.ReLU() if b not in (2, 3) else nn.Identity())"),
        "reduce have no ReLU",
    ),
    ("factorised", GOOD_BLOCK + GOOD_PAIR.replace(", nn.ReLU())", ")"), "a ReLU follows the second convolution"),
    ("factorised", GOOD_BLOCK.replace("nn.MaxPool2d", "nn.AvgPool2d") + GOOD_PAIR, "the pooling branch averages"),
    ("residual_inception", residual("X + torch.relu(self.expand(self.branches(X)))"), "and the ReLU after the sum"),
    (
        "residual_inception",
        residual("torch.relu(X + self.expand(self.branches(X)) + self.expand(X.repeat(1, 4, 1, 1)))"),
        "other numbers",
    ),
    ("with_batch_norm", inception("inception_bn", f"{WITH_BIAS}, nn.BatchNorm2d(b), nn.ReLU()"), "keep their biases"),
    ("with_batch_norm", inception("inception_bn", f"{CONV}, nn.ReLU(), nn.BatchNorm2d(b)"), "stands behind the ReLU"),
    ("with_batch_norm", inception("inception_bn", PLAIN), "no batch norm yet"),
    (
        "with_batch_norm",
        inception(
            "inception_bn",
            f"{CONV}, nn.ReLU()",
            BRANCHES.replace("return SideBySide(", "return nn.Sequential(SideBySide(").rstrip()
            + ", nn.BatchNorm2d(c1 + c3[1] + c5[1] + c_pool), nn.ReLU())",
        ),
        "one batch norm behind the joined branches",
    ),
    ("with_batch_norm", inception("inception_bn", NORMED.replace("padding=k // 2, ", "")), "keeps the size"),
    (
        "with_batch_norm",
        inception("inception_bn", NORMED, BRANCHES.replace("nn.MaxPool2d", "nn.AvgPool2d")),
        "other numbers than torchvision",
    ),
    (
        "with_batch_norm",
        inception(
            "inception_bn",
            NORMED,
            BRANCHES.replace("unit(c_in, c1, 1),", "").replace("\n    )", "\n        unit(c_in, c1, 1),\n    )"),
        ),
        "joined in another order",
    ),
    ("factorised", inception("inception_v3", PLAIN) + GOOD_PAIR, "5 × 5 is still there"),
    (
        "factorised",
        inception("inception_v3", PLAIN, BRANCHES.replace("unit(*c5, 5)", "unit(*c5, 3), unit(c5[1], c5[1], 3)"))
        + GOOD_PAIR,
        "the first 3 × 3 widens",
    ),
    (
        "factorised",
        inception("inception_v3", PLAIN, BRANCHES.replace("unit(*c5, 5)", "unit(*c5, 3)")) + GOOD_PAIR,
        "one 3 × 3 sees only",
    ),
    ("factorised", pair(between=""), "no ReLU between"),
    ("factorised", pair(row="(1, n), padding=n // 2", column="(n, 1), padding=n // 2"), "padding goes to the axis"),
    ("factorised", pair(column="(1, n), padding=(0, n // 2)"), "long in the same direction"),
    ("factorised", pair(inner="c_out"), "the last one should"),
    ("residual_inception", residual("torch.relu(X + torch.relu(self.expand(self.branches(X))))"), "never take away"),
    ("residual_inception", residual("X + self.expand(self.branches(X))"), "ReLU after the sum is missing"),
    ("residual_inception", residual("torch.relu(self.expand(self.branches(X)))"), "X is not added"),
    ("residual_inception", residual("torch.relu(X + self.branches(X))"), "cannot be added"),
    ("residual_inception", residual("torch.cat([X, self.branches(X)], 1)"), "a shortcut is added"),
    ("smallest_input", smallest("(need - 1) * s + k - 2 * p"), "at least one pixel"),
    ("smallest_input", smallest("max(1, (need - 1) * s + k - p)"), "both sides"),
    ("smallest_input", smallest(GOOD_STEP, "layers"), "from the first to the last"),
    ("smallest_input", smallest(GOOD_STEP, notes=32), "2⁵"),
    ("smallest_input", smallest(GOOD_STEP, unpadded=31), "first convolution is left out"),
    ("parameter_sizes", sizes(size="p.element_size() / 2**20"), "MiB"),
    ("parameter_sizes", sizes(size="4 / 1e6"), "element_size() says"),
    ("parameter_sizes", sizes(size="1 / 1e6"), "millions of parameters"),
    ("parameter_sizes", sizes(share="100 * dense / total"), "in percent"),
    ("parameter_sizes", sizes(reason="fewer layers"), "57 convolutions"),
    ("parameter_sizes", sizes(reason="smaller maps"), "on a large map"),
]
