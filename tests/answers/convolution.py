"""Wrong answers of chapter 01 with what the card says about each."""

EDGES = "horizontal = torch.tensor([[-1.0], [1.0]])\ndiagonal = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])\n"
CORR2D = """
def corr2d(X, K):
    h, w = K.shape
    Y = torch.zeros(X.shape[0] - h + 1, X.shape[1] - w + 1, dtype=X.dtype)
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + h, j : j + w] * K).sum()
    return Y
"""
GRADIENTS = """
def gradients(X, K, G):
    h, w = K.shape
    for_X, for_K = torch.zeros_like(X), torch.zeros_like(K)
    for i in range(G.shape[0]):
        for j in range(G.shape[1]):
            for_X[i : i + h, j : j + w] += G[i, j] * K
            for_K += G[i, j] * X[i : i + h, j : j + w]
    return for_X, for_K
"""
IM2COL = "def im2col(X, h, w):\n    return F.unfold(X[None, None], (h, w))[0]\n"
TOEPLITZ = """
def toeplitz(K, H, W):
    h, w = K.shape
    T = torch.zeros(H - h + 1, W - w + 1, H, W, dtype=K.dtype)
    for i in range(H - h + 1):
        for j in range(W - w + 1):
            T[i, j, i : i + h, j : j + w] = K
    return T.reshape(-1, H * W)
"""
DENSE = """
def dense_layer(h, w):
    layer = nn.Linear(h * w, h * (w - 1), bias=False)
    weight = torch.zeros(h, w - 1, h, w)
    for i in range(h):
        for j in range(w - 1):
            weight[i, j, i, j], weight[i, j, i, j + 1] = 1, -1
    layer.weight.data = weight.reshape(h * (w - 1), h * w)
    return layer

weights = 592_704
"""
DERIVATIVES = """
blur = torch.full((3, 3), 1 / 9)
second = torch.tensor([[1.0, -2.0, 1.0]])

def directional(angle):
    along_x = torch.tensor([[0.0, 0, 0], [-1, 0, 1], [0, 0, 0]]) / 2
    return math.cos(angle) * along_x + math.sin(angle) * along_x.t()

def smallest(d):
    return d + 1
"""
LEARN = """
def learn(X, Y):
    K = torch.zeros(3, 3, requires_grad=True)
    for _ in range(200):
        error = (F.conv2d(X[None, None], K[None, None])[0, 0] - Y).square().mean()
        (gradient,) = torch.autograd.grad(error, K)
        K.data -= 0.2 * gradient
    return K.detach()

def recoverable(X, stride):
    return int(torch.linalg.matrix_rank(F.unfold(X[None, None].double(), 3, stride=stride)[0])) == 9
"""


def changed(source, *pairs):
    """The right answer with pieces of it replaced."""
    for old, new in pairs:
        assert old in source, old
        source = source.replace(old, new)
    return source


WRONG = [
    ("diagonal_edges", EDGES + "horizontal = horizontal.t()", "upright edges"),
    ("diagonal_edges", EDGES + "horizontal = -horizontal", "the sign is turned"),
    ("diagonal_edges", EDGES + "horizontal = torch.tensor([[0.0], [1.0]])", "do not add up to 0"),
    ("diagonal_edges", EDGES + "horizontal = diagonal.flip(0)", "every column must add up to 0"),
    ("diagonal_edges", EDGES + "horizontal = torch.tensor([[1.0], [-2], [1]])", "second derivative has both signs"),
    ("diagonal_edges", EDGES + "diagonal = diagonal.flip(1)", "the other diagonal"),
    ("diagonal_edges", EDGES + "diagonal = horizontal", "from bottom left to top right"),
    ("diagonal_edges", EDGES + "diagonal = [[0, 1], [-1, 0]]", "a list"),
    ("true_convolution", "def true_conv(X, K):\n    return scratch.corr2d(X, K)", "values of cross-correlation"),
    ("true_convolution", "def true_conv(X, K):\n    return scratch.corr2d(X, K.flip(1))", "only one axis is turned"),
    ("true_convolution", "def true_conv(X, K):\n    return scratch.corr2d(X.flip(0, 1), K)", "never turned back"),
    (
        "loop_gradient",
        changed(CORR2D, (".sum()", ".sum().item()")) + GRADIENTS,
        "turns a tensor into bare numbers",
    ),
    ("loop_gradient", changed(CORR2D, ("* K)", "* K.data)")) + GRADIENTS, "The gradient for K does not come through"),
    ("loop_gradient", CORR2D + changed(GRADIENTS, ("w] += G", "w] = G")), "a pixel lies in several windows"),
    ("loop_gradient", CORR2D + changed(GRADIENTS, ("for_K +=", "for_K =")), "every window adds to the same weights"),
    ("loop_gradient", CORR2D + changed(GRADIENTS, ("G[i, j] * ", "")), "G is left out"),
    ("loop_gradient", CORR2D + changed(GRADIENTS, ("return for_X, for_K", "return for_K, for_X")), "the order is"),
    ("as_matrix", changed(IM2COL, ("[0]", "[0].t()")) + TOEPLITZ, "one window is one column"),
    (
        "as_matrix",
        changed(IM2COL, ("(h, w))", "(h, w), stride=(h, w))")) + TOEPLITZ,
        "windows may overlap",
    ),
    ("as_matrix", IM2COL + changed(TOEPLITZ, ("= K\n", "= K.flip(0, 1)\n")), "the kernel is turned"),
    ("as_matrix", IM2COL + changed(TOEPLITZ, ("H * W)", "H * W).t()")), "one row of T is one output"),
    (
        "as_matrix",
        IM2COL
        + """
def toeplitz(K, H, W):
    h, w = K.shape
    T = torch.zeros((H - h + 1) * (W - w + 1), H * W, dtype=K.dtype)
    for row in range(len(T)):
        for a in range(h):
            T[row, row + a * W : row + a * W + w] = K[a]
    return T
""",
        "the kernel has to jump",
    ),
    ("dense_edges", changed(DENSE, ("= 1, -1", "= -1, 1")), "the left pixel minus the right one"),
    ("dense_edges", changed(DENSE, (", bias=False", "")), "the bias is still the random one"),
    (
        "dense_edges",
        changed(
            DENSE,
            ("(h * w, h * (w - 1), ", "(h * (w - 1), h * w, "),
            ("    layer.weight.data", "    layer.weight.data.t()[:]"),
        ),
        "inputs first, then the outputs",
    ),
    (
        "dense_edges",
        """
def dense_layer(h, w):
    layer = nn.Linear(h * w, h * (w - 1), bias=False)
    layer.weight.data = torch.eye(h * (w - 1), h * w) - torch.eye(h * (w - 1), h * w + 1)[:, :-1].roll(1, 1)
    return layer

weights = 592_704
""",
        "are no neighbours",
    ),
    ("dense_edges", changed(DENSE, ("592_704", "28**4")), "one column narrower"),
    ("dense_edges", changed(DENSE, ("592_704", "2 * 28 * 27")), "stores and learns the zeros"),
    ("derivatives", DERIVATIVES + "blur = torch.ones(3, 3)", "divide by the sum"),
    ("derivatives", DERIVATIVES + "blur = torch.tensor([[0.0, -1, 0], [-1, 5, -1], [0, -1, 0]])", "sharpen"),
    ("derivatives", DERIVATIVES + "second = -second", "the ends are positive"),
    ("derivatives", DERIVATIVES + "second = torch.tensor([[-1.0, 1.0]])", "first derivative"),
    ("derivatives", DERIVATIVES + "second = second / 2", "x² has the second derivative 2"),
    ("derivatives", changed(DERIVATIVES, ("]]) / 2", "]])")), "divide by 2"),
    ("derivatives", changed(DERIVATIVES, ("cos(angle)", "sin(angle)"), ("+ math.sin", "+ math.cos")), "exchanged"),
    ("derivatives", changed(DERIVATIVES, ("+ math.sin", "- math.sin")), "y points down"),
    ("derivatives", changed(DERIVATIVES, ("[-1, 0, 1]", "[1, 0, -1]")), "the sign is turned"),
    ("derivatives", changed(DERIVATIVES, ("(angle):\n", "(angle):\n    angle = math.radians(angle)\n")), "in radians"),
    ("derivatives", changed(DERIVATIVES, ("return d + 1", "return d")), "one more than d"),
    ("derivatives", changed(DERIVATIVES, ("return d + 1", "return 2 * d + 1")), "fewer do"),
    ("learn_kernel", changed(LEARN, ("200", "5")), "still falling"),
    ("learn_kernel", changed(LEARN, ("0.2", "5")), "lower the learning rate"),
    ("learn_kernel", changed(LEARN, ("K.detach()", "K.detach().flip(0, 1)")), "the turned kernel is learned"),
    (
        "learn_kernel",
        changed(
            LEARN,
            (
                "int(torch.linalg.matrix_rank(F.unfold(X[None, None].double(), 3, stride=stride)[0])) == 9",
                "bool(X.std() > 0)",
            ),
        ),
        "along one direction only",
    ),
    ("learn_kernel", changed(LEARN, ("stride=stride", "stride=1")), "the stride is left out"),
    (
        "learn_kernel",
        changed(
            LEARN,
            (
                "int(torch.linalg.matrix_rank(F.unfold(X[None, None].double(), 3, stride=stride)[0])) == 9",
                "F.unfold(X[None, None], 3, stride=stride).shape[2] >= 9",
            ),
        ),
        "tell no more than one",
    ),
]
