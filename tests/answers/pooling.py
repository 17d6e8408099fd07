COST = "def comparisons(c, h, w, kernel, stride, padding):\n    a, b = ((n + 2 * p - k) // s + 1 for n, k, s, p in zip((h, w), kernel, stride, padding))\n    return {}\n\nparameters = {}"
LAYER = "def average_layer(channels, kernel, stride, padding):\n    layer = nn.Conv2d(channels, channels, kernel, stride, padding, {})\n    {}\n    return layer"
PAIR = "def counterexample():\n    return torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([[0.0, 1.0], [0.0, 0.0]])\n\n"
FOLD = "def relu_max_pool(X, k):\n    values = [X[..., i::k, j::k] for i in range(k) for j in range(k)]\n    best = {}\n    for value in values{}:\n        best = {}\n    return best"
GOOD_FOLD = FOLD.format("values[0]", "[1:]", "F.relu(best - value) + value")
MIN = "def min_pool(X, k):\n    return -F.max_pool2d(-X, k)\n\n"
SOFT = (
    "def softmax_pool(X, k, beta):\n    B, C, h, w = X.shape\n    W = F.unfold(X, k, stride=k).reshape(B, C, k * k, -1)\n"
    "    return {}.reshape(B, C, h // k, w // k)"
)
GOOD_SOFT = SOFT.format("((beta * W).softmax(2) * W).sum(2)")
MAX_WINS = "def max_wins():\n    a = torch.zeros(4, 4)\n    a[::2, ::2] = 1\n    return a, {}\n\n"
AVERAGE_WINS = "def average_wins():\n    a = torch.zeros(4, 4)\n    a[::2, ::2] = 1\n    return a, {}\n\n"
GOOD_PAIRS = MAX_WINS.format("torch.full((4, 4), 0.25)") + AVERAGE_WINS.format("torch.ones(4, 4)")
BACKWARD = (
    "def max_pool_backward(X, dY, k, s):\n    dX = torch.zeros_like(X)\n    for i in range(dY.shape[0]):\n        for j in range(dY.shape[1]):\n"
    "            place = slice(i * s, i * s + k), slice(j * s, j * s + k)\n            W = X[place]\n            {}\n    return dX"
)

WRONG = [
    ("cost", COST.format("c * a * b * kernel[0] * kernel[1]", 0), "n − 1 comparisons"),
    ("cost", COST.format("a * b * (kernel[0] * kernel[1] - 1)", 0), "channels are left out"),
    ("cost", COST.format("c * h * w * (kernel[0] * kernel[1] - 1)", 0), "at every input pixel"),
    ("cost", COST.format("c * a * b * (kernel[0] * kernel[1] - 1)", 9), "none of them is a weight"),
    ("average_as_conv", LAYER.format("bias=False, groups=channels", "nn.init.ones_(layer.weight)"), "not its mean"),
    (
        "average_as_conv",
        LAYER.format("bias=False", "nn.init.constant_(layer.weight, 1 / kernel**2)"),
        "channels are mixed",
    ),
    ("average_as_conv", LAYER.format("groups=channels", "pass"), "still random"),
    (
        "average_as_conv",
        "def average_layer(channels, kernel, stride, padding):\n    return nn.AvgPool2d(kernel, stride, padding)",
        "nn.Conv2d is wanted",
    ),
    (
        "not_linear",
        "def counterexample():\n    A = torch.tensor([[1.0, 0.0], [0.0, 0.0]])\n    return A, 2 * A\n\n" + GOOD_FOLD,
        "where A is largest B is largest too",
    ),
    ("not_linear", PAIR + FOLD.format("values[0]", "[1:]", "F.relu(best - value) + best"), "added to b, not to a"),
    ("not_linear", PAIR + FOLD.format("0 * values[0]", "", "F.relu(best - value) + value"), "starts from 0"),
    ("not_linear", PAIR + "def relu_max_pool(X, k):\n    return F.max_pool2d(X, k)", "from +, − and ReLU alone"),
    ("min_softmax", "def min_pool(X, k):\n    return F.max_pool2d(-X, k)\n\n" + GOOD_SOFT, "not turned back"),
    ("min_softmax", "def min_pool(X, k):\n    return -F.max_pool2d(X, k)\n\n" + GOOD_SOFT, "input is not turned"),
    ("min_softmax", MIN + SOFT.format("(W.softmax(2) * W).sum(2)"), "beta is left out"),
    (
        "min_softmax",
        MIN + SOFT.format("((beta * W).exp() * W).sum(2).div((beta * W).exp().sum(2))"),
        "take the largest away first",
    ),
    ("min_softmax", MIN + SOFT.format("((beta * W).softmax(3) * W).sum(2)"), "numbers differ"),
    ("min_softmax", MIN + SOFT.format("(beta * W).logsumexp(2)"), "log-sum-exp"),
    (
        "max_or_average",
        MAX_WINS.format("torch.full((4, 4), 0.5)") + AVERAGE_WINS.format("torch.ones(4, 4)") + 'steadier = "average"',
        "average pooling tells these two apart as well",
    ),
    (
        "max_or_average",
        MAX_WINS.format("a.flip(0)") + AVERAGE_WINS.format("torch.ones(4, 4)") + 'steadier = "average"',
        "same numbers in each window",
    ),
    ("max_or_average", GOOD_PAIRS + 'steadier = "max"', "keeps the noisiest"),
    ("max_or_average", GOOD_PAIRS + 'steadier = "both"', "half the standard deviation"),
    ("ties_gradient", BACKWARD.format("dX[place] += (W == W.max()) * dY[i, j]"), "to the first alone"),
    (
        "ties_gradient",
        BACKWARD.format("dX[place] += (W == W.max()) * dY[i, j] / (W == W.max()).sum()"),
        "share the gradient",
    ),
    (
        "ties_gradient",
        BACKWARD.format("r, c = divmod(int(W.argmax()), k)\n            dX[i * s + r, j * s + c] = dY[i, j]"),
        "added, not overwritten",
    ),
    ("ties_gradient", BACKWARD.format("dX[place] += dY[i, j] / k**2"), "average pooling"),
]
