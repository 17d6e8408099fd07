"""Wrong answers of chapter 03 with what the card says about each."""

COUNTS = """
def sides(h, w, k, s, p):
    return (h + 2 * p - k) // s + 1, (w + 2 * p - k) // s + 1

def forward(c_in, c_out, h, w, k, s, p):
    o_h, o_w = sides(h, w, k, s, p)
    products = k * k * c_in * c_out * o_h * o_w
    return products, products

def backward(c_in, c_out, h, w, k, s, p):
    o_h, o_w = sides(h, w, k, s, p)
    products = k * k * c_in * c_out * o_h * o_w
    return 2 * products, 2 * products + c_out * o_h * o_w
"""
RATIOS = """
channels_ratio = 4

def padding_ratio(n, k, p):
    return (n + 4 * p - k + 1) ** 2 / (n + 2 * p - k + 1) ** 2
"""
SAVING = """
share = 8 / 9

def saved(c_in, mid, c_out, n, k):
    return (k * k * c_in * c_out - c_in * mid - k * k * mid * c_out) * n * n
"""
EQUAL = """
triple = (1e8, -1e8, 1.0)
reason = "order of the sums"

def same_to_rounding(Y1, Y2):
    return bool((Y1 - Y2).abs().max() <= 100 * torch.finfo(Y1.dtype).eps * Y1.abs().max())
"""
BY_MATRIX = """
def conv_by_matmul(X, K, stride=1, padding=0):
    k_h, k_w = K.shape[2:]
    o_h = (X.shape[1] + 2 * padding - k_h) // stride + 1
    o_w = (X.shape[2] + 2 * padding - k_w) // stride + 1
    columns = F.unfold(X[None], (k_h, k_w), stride=stride, padding=padding)[0]
    return (K.flatten(1) @ columns).reshape(-1, o_h, o_w)
"""
COMPOSE = """
def compose(K1, K2):
    h1, w1, h2, w2 = *K1.shape[2:], *K2.shape[2:]
    K = torch.zeros(len(K2), K1.shape[1], h1 + h2 - 1, w1 + w2 - 1, dtype=K1.dtype)
    for a in range(h2):
        for b in range(w2):
            K[:, :, a : a + h1, b : b + w1] += torch.einsum("om,mixy->oixy", K2[:, :, a, b], K1)
    return K

impossible = {"max pool", "padding", "relu"}
converse = "not always"
"""
GROUPS = """
def block_diagonal(weight, groups):
    c_out, per_group = weight.shape[:2]
    full = torch.zeros(c_out, per_group * groups, *weight.shape[2:], dtype=weight.dtype)
    for g in range(groups):
        outs = slice(g * c_out // groups, (g + 1) * c_out // groups)
        full[outs, g * per_group : (g + 1) * per_group] = weight[outs]
    return full

def reached(c_in, c_out, groups, channel):
    group, per_group = channel // (c_in // groups), c_out // groups
    return list(range(group * per_group, (group + 1) * per_group))
"""


def changed(source, *pairs):
    """The right answer with pieces of it replaced."""
    for old, new in pairs:
        assert old in source, old
        source = source.replace(old, new)
    return source


WRONG = [
    ("count_operations", changed(COUNTS, ("k * k * c_in * c_out", "k * k * c_out")), "c_in is left out"),
    (
        "count_operations",
        changed(COUNTS, ("return products, products", "return products, products - c_out * o_h * o_w")),
        "the sum starts from the bias",
    ),
    (
        "count_operations",
        changed(COUNTS, ("return (h + 2 * p - k) // s + 1, (w + 2 * p - k) // s + 1", "return h, w")),
        "those of the input",
    ),
    (
        "count_operations",
        changed(COUNTS, ("    return 2 * products, 2 * products + c_out * o_h * o_w", "    return products, products")),
        "two gradients are wanted",
    ),
    (
        "count_operations",
        changed(COUNTS, ("products + c_out * o_h * o_w", "products")),
        "the gradient for the bias is left out",
    ),
    (
        "count_operations",
        changed(COUNTS, ("products + c_out * o_h * o_w", "products + c_out")),
        "not one addition a channel",
    ),
    ("cost_ratios", changed(RATIOS, ("= 4\n", "= 2\n")), "doubling one of them"),
    ("cost_ratios", changed(RATIOS, (" ** 2", "")), "the ratio of the sides is squared"),
    (
        "cost_ratios",
        changed(RATIOS, ("return (n + 4 * p - k + 1) ** 2 / (n + 2 * p - k + 1) ** 2", "return 2")),
        "no factor of the cost",
    ),
    ("cost_ratios", changed(RATIOS, (" - k + 1", "")), "those of the output"),
    ("one_by_one_saving", changed(SAVING, ("8 / 9", "1 / 9")), "the share that is left"),
    ("one_by_one_saving", changed(SAVING, ("8 / 9", "2 / 3")), "9 weights, not 3"),
    ("one_by_one_saving", changed(SAVING, (" - c_in * mid", "")), "is not free"),
    ("one_by_one_saving", changed(SAVING, (" * n * n", "")), "these are weights"),
    ("one_by_one_saving", changed(SAVING, ("mid * c_out", "c_in * c_out")), "reads mid channels"),
    ("exactly_equal", changed(EQUAL, ("(1e8, -1e8, 1.0)", "(0.1, 0.2, 0.3)")), "they differ in float64"),
    ("exactly_equal", changed(EQUAL, ("(1e8, -1e8, 1.0)", "(1, 2, 3)")), "of very different size"),
    ("exactly_equal", EQUAL + "same_to_rounding = torch.equal", "every bit is compared"),
    ("exactly_equal", EQUAL + "same_to_rounding = torch.allclose", "each number against itself"),
    (
        "exactly_equal",
        EQUAL + "def same_to_rounding(Y1, Y2):\n    return torch.allclose(Y1, Y2, atol=1e-5)",
        "a fixed tolerance",
    ),
    ("exactly_equal", changed(EQUAL, ("100 * torch.finfo(Y1.dtype).eps", "1e-5")), "does not depend on the dtype"),
    ("exactly_equal", changed(EQUAL, ("order of the sums", "different operations")), "they would be equal"),
    ("exactly_equal", changed(EQUAL, ("order of the sums", "random numbers")), "every bit is the same"),
    (
        "by_matrix",
        changed(BY_MATRIX, (", stride=1, padding=0):\n", ", stride=1, padding=0):\n    stride = 1\n")),
        "the stride is left out",
    ),
    (
        "by_matrix",
        changed(BY_MATRIX, (", stride=1, padding=0):\n", ", stride=1, padding=0):\n    padding = 0\n")),
        "the padding is left out",
    ),
    (
        "by_matrix",
        changed(BY_MATRIX, ("columns = F.unfold", "X, K = X, K.flip(2, 3)\n    columns = F.unfold")),
        "the kernels are turned",
    ),
    (
        "by_matrix",
        changed(BY_MATRIX, (").reshape(-1, o_h, o_w)", ").reshape(-1, o_w, o_h).transpose(1, 2)")),
        "column by column",
    ),
    (
        "by_matrix",
        changed(BY_MATRIX, ("K.flatten(1)", "K.permute(0, 2, 3, 1).flatten(1)")),
        "the kernels go pixel by pixel",
    ),
    (
        "by_matrix",
        "def conv_by_matmul(X, K, stride=1, padding=0):\n    return F.conv2d(X[None], K, None, stride, padding)[0]",
        "PyTorch's own convolution gave them",
    ),
    (
        "by_matrix",
        changed(BY_MATRIX, ("(K.flatten(1) @ columns)", "torch.stack([k.flatten() @ columns for k in K])")),
        "matrix products instead of one",
    ),
    (
        "compose",
        "def compose(K1, K2):\n    p = (K2.shape[2] - 1, K2.shape[3] - 1)\n    return F.conv2d(K1.transpose(0, 1), K2, padding=p).transpose(0, 1)\n"
        + COMPOSE[COMPOSE.index("\nimpossible") :],
        "one of the kernels is turned",
    ),
    ("compose", changed(COMPOSE, ("return K\n", "return K.transpose(0, 1)\n")), "axes of input and output channels"),
    ("compose", changed(COMPOSE, (', "padding"', "")), "zeros outside the first map"),
    ("compose", changed(COMPOSE, ('{"max pool", ', '{"stride", "max pool", ')), "two pixels of the input apart"),
    ("compose", changed(COMPOSE, ("not always", "always")), "17 numbers cannot be 25"),
    (
        "groups_block",
        "def block_diagonal(weight, groups):\n    return weight.repeat(1, groups, 1, 1)\n"
        + GROUPS[GROUPS.index("\ndef reached") :],
        "does not see the others",
    ),
    ("groups_block", changed(GROUPS, ("g * per_group : (g + 1) * per_group", "g::groups")), "every second or third"),
    (
        "groups_block",
        changed(
            GROUPS,
            ("outs = slice(g * c_out // groups, (g + 1) * c_out // groups)", "outs = slice(g, None, groups)"),
            ("g * per_group : (g + 1) * per_group", "g::groups"),
        ),
        "output o belongs to group o // (c_out / groups)",
    ),
    (
        "groups_block",
        changed(
            GROUPS,
            (
                "outs = slice(g * c_out // groups, (g + 1) * c_out // groups)",
                "outs = slice(g * per_group, (g + 1) * per_group if g + 1 < groups else c_out)",
            ),
        ),
        "it is as high as it is wide",
    ),
    ("groups_block", changed(GROUPS, ("= weight[outs]", "= weight[: c_out // groups]")), "each group has its own"),
    (
        "groups_block",
        changed(GROUPS, ("list(range(group * per_group, (group + 1) * per_group))", "list(range(c_out))")),
        "only those of its own group",
    ),
    (
        "groups_block",
        changed(GROUPS, ("channel // (c_in // groups)", "channel // (c_out // groups)")),
        "counted in input channels",
    ),
]
