"""What NumPy expects of contractions: products, convolutions, attention, and their packed and fast forms."""
import numpy as np
from harness import FLOATS, INTS, TYPES, Module, in_f64, samples, softmax, windows


def conv(x, w, strides, low, high, dilations, groups=1):
    """x [N, C, spatial...], w [O, C/groups, window...], all f64."""
    indices = windows(x, w.shape[2:], strides, low, high, dilations)
    flat = np.concatenate([x.reshape(*x.shape[:2], -1), np.zeros((*x.shape[:2], 1))], -1)
    columns = flat[..., indices]  # [N, C, outputs..., taps]; -1 is the zero behind
    n, c, o = x.shape[0], w.shape[1], w.shape[0] // groups
    parts = [np.einsum("nc...t,oct->no...", columns[:, g * c:(g + 1) * c], w[g * o:(g + 1) * o].reshape(o, c, -1))
             for g in range(groups)]
    return np.concatenate(parts, 1)


def winograd(tile):
    """G, B^T, A^T of F(tile x tile, 3 x 3): Toom and Cook's matrices for these points and infinity."""
    points = [0, 1, -1] if tile == 2 else [0, 0.75, -0.75, 1.5, -1.5]
    others = lambda p: [q for q in points if q != p]
    last = np.eye(1, 3, 2)
    filters = np.concatenate([[np.array([1, p, p * p]) / np.prod([p - q for q in others(p)]) for p in points], last])
    inputs = np.array([[*np.poly(others(p))[::-1], 0] for p in points] + [np.poly(points)[::-1]])
    outputs = np.array([[*(float(p) ** i for p in points), i == tile - 1] for i in range(tile)])
    return filters, inputs, outputs


def winograd_filter(w, tile):
    """w [O, C, 3, 3] -> [(tile + 2)^2, C, O]."""
    filters = winograd(tile)[0]
    transformed = np.einsum("ai,bj,ocij->abco", filters, filters, w.astype(np.float64))
    return transformed.reshape(-1, *transformed.shape[2:])


def winograd_conv(x, u, tile, low, high, rounded=lambda v: v):
    """x [N, H, W, C], u as winograd_filter makes it, all f64; `rounded` is done to the transformed image."""
    _, inputs, outputs = winograd(tile)
    rows, columns = (x.shape[1 + d] + low[d] + high[d] - 2 for d in (0, 1))
    fill = [-(-size // tile) * tile - size for size in (rows, columns)]
    padded = np.pad(x, [(0, 0), *((low[d], high[d] + fill[d]) for d in (0, 1)), (0, 0)])
    result = np.zeros((x.shape[0], rows + fill[0], columns + fill[1], u.shape[-1]))
    for i in range(0, rows, tile):
        for j in range(0, columns, tile):
            v = np.einsum("ai,bj,nijc->nabc", inputs, inputs, padded[:, i:i + tile + 2, j:j + tile + 2])
            sums = np.einsum("nabc,abco->nabo", rounded(v), u.reshape(tile + 2, tile + 2, *u.shape[1:]))
            result[:, i:i + tile, j:j + tile] = np.einsum("ia,jb,nabo->nijo", outputs, outputs, sums)
    return result[:, :rows, :columns]


def attention(q, k, v, mask, scale, causal):
    """[B, H, S, D]; keys and values may have fewer heads."""
    k, v = (np.repeat(t, q.shape[1] // t.shape[1], axis=1) for t in (k, v))
    scores = q @ k.swapaxes(-1, -2) * scale + mask
    if causal:
        rows, columns = np.indices(scores.shape[-2:])
        scores = np.where(columns > rows, -np.inf, scores)
    return softmax(scores, -1) @ v


def strassen_sums(x, of_rhs):
    """The seven sums of quadrants of a matrix, padded to an even size."""
    x = np.pad(x, [(0, x.shape[0] % 2), (0, x.shape[1] % 2)])
    (a, b), (c, d) = [np.hsplit(half, 2) for half in np.vsplit(x, 2)]
    return np.stack([a + d, c - a, d, c + d, a, b - d, a + b] if of_rhs else [a + d, d, a + b, b - d, c + d, a, c - a])


def strassen(lhs, rhs, rows, columns):
    """The result's quadrants from seven products, without what pads it."""
    p = np.matmul(lhs, rhs)
    return np.block([[p[0] + p[1] - p[2] + p[3], p[2] + p[5]], [p[1] + p[4], p[0] - p[4] + p[5] + p[6]]])[:rows, :columns]


def contractions(element):
    m, dtype = Module(), TYPES[element]
    a, b = samples(element, (2, 1, 3, 4), 1, element in INTS), samples(element, (3, 4, 5), 2, element in INTS)
    if element in INTS:
        wide = np.uint64 if element.startswith("ui") else np.int64
        product = lambda x, y: np.matmul(x.astype(wide), y.astype(wide)).astype(dtype)
    else:
        product = in_f64(np.matmul, dtype)
    m.add("matmul", [a, b], product(a, b))
    swap = lambda x: np.ascontiguousarray(x.swapaxes(-1, -2))
    m.add("matmul", [swap(a), swap(b)], product(a, b), "transpose_lhs, transpose_rhs")
    if element in ("i8", "ui8"):
        for other in ("i8", "ui8"):
            c = samples(other, (3, 4, 5), 3)
            m.add("matmul", [a, c], np.matmul(a.astype(np.int32), c.astype(np.int32)), "wide_result")
    if element in INTS:
        return m
    f = lambda function: in_f64(function, dtype)
    draw = lambda seed, *shape: samples(element, shape, seed, special=False)

    x, w = draw(3, 2, 4, 7, 6), draw(4, 6, 2, 3, 2)
    settings = dict(strides=(2, 1), low=(1, 0), high=(0, 2), dilations=(1, 2), groups=2)
    text = ("strides = array<i64: 2, 1>, pad_low = array<i64: 1, 0>, pad_high = array<i64: 0, 2>, "
            "dilations = array<i64: 1, 2>, groups = 2 : i64")
    m.add("conv", [x, w], f(lambda x, w: conv(x, w, **settings))(x, w), text)
    one = dict(settings, groups=1)
    w = draw(5, 5, 4, 3, 2)
    expected = np.moveaxis(f(lambda x, w: conv(x, w, **one))(x, w), 1, -1)
    m.add("conv", [np.moveaxis(x, 1, -1).copy(), w.transpose(2, 3, 1, 0).copy()], np.ascontiguousarray(expected),
          text.replace("groups = 2", "groups = 1") + ", layout = #mlc<layout channels_last>")

    def panels(weight, lanes):  # [D..., N] -> [P, D..., lanes]
        count = -(-weight.shape[-1] // lanes)
        packed = np.zeros((count, *weight.shape[:-1], lanes), weight.dtype)
        for n in range(weight.shape[-1]):
            packed[n // lanes, ..., n % lanes] = weight[..., n]
        return packed

    lhs, rhs = draw(6, 2, 3, 4), draw(7, 4, 5)
    m.add("packed_matmul", [lhs, panels(rhs, 3)], f(np.matmul)(lhs, rhs), "n = 5 : i64")
    s, t = draw(12, 3, 1, 5), draw(13, 5, 7)  # every dimension is odd
    lhs_sums, rhs_sums = f(lambda x: strassen_sums(x.reshape(3, 5), False))(s), f(lambda x: strassen_sums(x, True))(t)
    m.add("strassen_sums", [s], lhs_sums)
    m.add("strassen_sums", [t], rhs_sums, "of_rhs")
    m.add("strassen_matmul", [lhs_sums, panels(rhs_sums, 3)], f(lambda x, y: strassen(x, y, 3, 7).reshape(3, 1, 7))(
        lhs_sums, rhs_sums), "shape = array<i64: 3, 1, 7>")
    bare = dict(strides=(2, 1), low=(0, 0), high=(0, 0), dilations=(1, 2))
    expected = np.moveaxis(f(lambda x, w: conv(x, w, **bare))(x, w), 1, -1)
    m.add("packed_conv", [np.moveaxis(x, 1, -1).copy(), panels(w.transpose(2, 3, 1, 0), 3)],
          np.ascontiguousarray(expected),
          "strides = array<i64: 2, 1>, dilations = array<i64: 1, 2>, out_channels = 5 : i64")

    x, w = draw(12, 2, 4, 7, 6), draw(13, 5, 4, 3, 3)
    plain = np.moveaxis(conv(*(t.astype(np.float64) for t in (x, w)), (1, 1), (1, 0), (0, 2), (1, 1)), 1, -1)
    x = np.moveaxis(x, 1, -1).copy()
    for tile in (2, 4):
        u = winograd_filter(w, tile)
        assert np.allclose(winograd_conv(x.astype(np.float64), u, tile, (1, 0), (0, 2)), plain, 1e-9, 1e-9)
        u = u.astype(dtype)
        rounded = (lambda v: v.astype(dtype).astype(np.float64)) if element in ("f16", "bf16") else (lambda v: v)
        expected = f(lambda x, u: winograd_conv(x, u, tile, (1, 0), (0, 2), rounded))(x, u)
        m.add("winograd_conv", [x, panels(u, 3)], expected,
              f"pad_low = array<i64: 1, 0>, pad_high = array<i64: 0, 2>, tile = {tile} : i64, out_channels = 5 : i64")

    q, k, v, mask = draw(8, 2, 4, 3, 5), draw(9, 2, 2, 6, 5), draw(10, 2, 2, 6, 7), draw(11, 1, 1, 3, 6)
    m.add("attention", [q, k, v, mask], f(lambda q, k, v, s: attention(q, k, v, s, 0.5, False))(q, k, v, mask),
          "scale = 0.5 : f64")
    heads_last = lambda t: np.ascontiguousarray(t.swapaxes(1, 2))
    expected = f(lambda q, k, v: attention(q, k, v, 0, 0.25, True))(q, k, v)
    m.add("attention", [heads_last(q), heads_last(k), heads_last(v)], heads_last(expected),
          "scale = 0.25 : f64, causal, layout = #mlc<head_layout bshd>")
    return m


def packed_sequences(element):
    """Three sequences of 2, 0 and 4 tokens, wherever the mask is not 0."""
    m, dtype = Module(), TYPES[element]
    mask = np.array([[0, 1, 0, 0, 1], [0, 0, 0, 0, 0], [1, 1, 1, 0, 1]]).astype(dtype)
    offsets = np.array([0, 2, 2, 6], np.int32)
    m.add("cu_seqlens", [mask], offsets, "capacity = 6 : i64")
    x, row = samples(element, (3, 5, 2), 1), samples(element, (1, 5, 2), 2)
    pack = lambda x: np.concatenate([np.broadcast_to(x, (3, 5, 2))[mask != 0], np.zeros((2, 2), dtype)])
    m.add("unpad", [x, mask, offsets], pack(x), "capacity = 8 : i64")
    m.add("unpad", [row, mask, offsets], pack(row), "capacity = 8 : i64")
    packed = samples(element, (8, 2), 3)
    expected = np.zeros((3, 5, 2), dtype)
    expected[mask != 0] = packed[:6]
    m.add("repad", [packed, mask, offsets], expected)
    if element not in FLOATS or element == "f64":
        return m
    draw = lambda seed, *shape: samples(element, shape, seed, special=False)
    q, k, v = draw(4, 8, 4, 5), draw(5, 8, 2, 5), draw(6, 8, 2, 3)

    def varlen(causal):
        def compute(q, k, v):
            heads = lambda t: t.swapaxes(0, 1)[None]
            result = np.zeros((8, 4, 3))
            for begin, end in zip(offsets[:-1], offsets[1:]):
                if begin < end:
                    part = attention(*(heads(t[begin:end]) for t in (q, k, v)), 0, 0.5, causal)
                    result[begin:end] = part[0].swapaxes(0, 1)
            return result

        return in_f64(compute, dtype)(q, k, v)

    m.add("varlen_attention", [q, k, v, offsets], varlen(False), "scale = 0.5 : f64, max_seqlen = 5 : i64")
    m.add("varlen_attention", [q, k, v, offsets], varlen(True), "scale = 0.5 : f64, max_seqlen = 4 : i64, causal")
    return m
