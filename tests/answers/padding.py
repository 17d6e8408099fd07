WRONG = [
    ("out_size", "def out_size(n, k, s=1, p=0, d=1):\n    return (n + 2 * p - d * (k - 1) - 1) // s", "+ 1 is missing"),
    ("out_size", "def out_size(n, k, s=1, p=0, d=1):\n    return (n + p - d * (k - 1) - 1) // s + 1", "per side"),
    ("out_size", "def out_size(n, k, s=1, p=0, d=1):\n    return (n + 2 * p - k) // s + 1", "dilation is left out"),
    (
        "out_size",
        "import math\n\ndef out_size(n, k, s=1, p=0, d=1):\n    return math.ceil((n + 2 * p - d * (k - 1) - 1) / s) + 1",
        "rounded up",
    ),
    ("out_size", "def out_size(n, k, s=1, p=0, d=1):\n    return (n + 2 * p - d * (k - 1) - 1) / s + 1", "//"),
    (
        "to_56",
        "def to_56():\n    every = ((k, s, p) for k in range(1, 12) for s in range(1, 9) for p in range(6))\n"
        "    return {(k, s, p) for k, s, p in every if (224 + 2 * p - k) / s + 1 == 56}",
        "divide evenly",
    ),
    (
        "to_56",
        "def to_56():\n    every = ((k, s, p) for k in range(1, 12) for s in range(1, 9) for p in range(6))\n"
        "    return {(k, s, p) for k, s, p in every if (224 + p - k) // s + 1 == 56}",
        "on both sides",
    ),
    ("to_56", "def to_56():\n    return {4}", "triples"),
    (
        "even_same",
        "def same_conv(X, K):\n    p = len(K) // 2\n    return F.conv2d(X[None, None], K[None, None], padding=p)[0, 0]",
        "one pixel too large",
    ),
    (
        "even_same",
        "def same_conv(X, K):\n    p = (len(K) - 1) // 2\n    return F.conv2d(X[None, None], K[None, None], padding=p)[0, 0]",
        "one pixel too small",
    ),
    (
        "even_same",
        "def same_conv(X, K):\n    a = (len(K) - 1) // 2\n    b = len(K) - 1 - a\n"
        "    return F.conv2d(F.pad(X, (b, a, b, a))[None, None], K[None, None])[0, 0]",
        "stands before the image",
    ),
    (
        "audio_stride",
        "def reflect_pad(x, p):\n    return torch.cat([x[:p].flip(0), x, x[len(x) - p :].flip(0)])\n\nheard_hz = 2000",
        "sample at the edge is repeated",
    ),
    ("audio_stride", "def reflect_pad(x, p):\n    return F.pad(x, (p, p))\n\nheard_hz = 2000", "zeros are added"),
    (
        "audio_stride",
        'def reflect_pad(x, p):\n    return F.pad(x[None, None], (p, p), mode="reflect")[0, 0]\n\nheard_hz = 3000',
        "frequencies are not halved",
    ),
    (
        "transposed_size",
        "def transposed_size(n, k, s=1, p=0, o=0, d=1):\n    return (n - 1) * s + 2 * p + d * (k - 1) + o + 1",
        "crops the output",
    ),
    (
        "transposed_size",
        "def transposed_size(n, k, s=1, p=0, o=0, d=1):\n    return n * s - 2 * p + d * (k - 1) + o + 1",
        "n − 1 steps",
    ),
    (
        "transposed_size",
        "def transposed_size(n, k, s=1, p=0, o=0, d=1):\n    return (n - 1) * s - 2 * p + d * k + o",
        "one tap too long",
    ),
    (
        "out_size",
        "def out_size(n, k, s, p, d):\n    return min((n + 2 * p - d * (k - 1) - 1) // s + 1, 46)",
        "number differs",
    ),  # right up to 40 pixels
    (
        "to_56",
        "def to_56():\n    return {(k, s, p) for k in range(1, 11) for s in range(1, 8) for p in range(5)"
        " if (224 + 2 * p - k) // s + 1 == 56}",
        "the largest k, s and p count as well",
    ),
]
