// Attention and rotary position embedding of ONNX.
#include "frontend/onnx/Contrib.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

constexpr double kNegativeInfinity = -std::numeric_limits<double>::infinity();

// Operands as [batch, heads, sequence, head size], past keys and values in front.
struct AttentionInputs {
  Value query, key, value;
  int64_t past = 0;
  bool threeD = false;
};

std::optional<AttentionInputs> readInputs(NodeContext &n) {
  AttentionInputs in;
  Compose c(n.g);
  in.threeD = n.rankOf(0) == 3;
  int64_t heads[3] = {n.intAttr("q_num_heads", 0), n.intAttr("kv_num_heads", 0), 0};
  heads[2] = heads[1];
  Value operands[3];
  for (size_t i = 0; i < 3; ++i) {
    if (n.rankOf(i) != n.rankOf(0) || (n.rankOf(i) != 3 && n.rankOf(i) != 4)) {
      (void)n.unsupported("Q, K and V must all have rank 3 or rank 4");
      return std::nullopt;
    }
    operands[i] = n.operand(i);
    if (!in.threeD)
      continue;
    ArrayRef<int64_t> s = n.shapeOf(i);
    if (heads[i] < 1 || s[2] % heads[i]) {
      (void)n.unsupported(
          "attributes 'q_num_heads' and 'kv_num_heads' must divide the hidden sizes of operands of rank 3");
      return std::nullopt;
    }
    operands[i] = c.g.transpose(c.g.reshape(operands[i], {s[0], s[1], heads[i], s[2] / heads[i]}), {0, 2, 1, 3});
  }
  in.query = operands[0];
  for (auto [index, slot, operand] : {std::tuple<size_t, Value *, Value>{4, &in.key, operands[1]},
                                      std::tuple<size_t, Value *, Value>{5, &in.value, operands[2]}}) {
    *slot = operand;
    if (!n.has(index))
      continue;
    in.past = n.shapeOf(index).size() == 4 ? n.shapeOf(index)[2] : 0;
    *slot = c.concat({n.operand(index), operand}, 2);
  }
  return in.query && in.key && in.value ? std::optional(in) : std::nullopt;
}

// What is added to the scores, [b, h, q, k] with dimensions of 1 where it does not differ.
struct Bias {
  Value value;              // null: nothing
  bool mayMaskRows = false; // a row may be -inf throughout
  bool causal = false;      // nothing but the lower triangle
};

std::optional<Bias> readBias(NodeContext &n, const AttentionInputs &in) {
  Compose c(n.g);
  Bias bias;
  int64_t queries = Compose::shape(in.query)[2], keys = Compose::shape(in.key)[2];
  int64_t left = n.intAttr("left_window_size", -1), right = n.intAttr("right_window_size", -1);
  bool causal = n.intAttr("is_causal", 0) != 0, padded = n.has(6);
  if (causal && !padded && !n.has(3) && left < 0 && right < 0 && in.past == 0) {
    bias.causal = true;
    return bias;
  }
  // Where a key is visible: by order, by distance, and by the number of keys that are there.
  Value visible, key = c.iota(keys), position = c.iota(queries, 1);
  if (!key || !position)
    return std::nullopt;
  bool ok = true;
  auto require = [&](Value condition) {
    visible = visible && condition ? c.apply<AndOp>(visible, condition) : condition;
    ok &= bool(visible);
  };
  if (padded) {
    Value count = c.g.reshape(c.g.cast(n.operand(6), c.i64()), {Compose::shape(in.query)[0], 1, 1, 1});
    require(c.compare(ComparePredicate::LT, key, count));
    position = c.add(position, c.add(count, static_cast<double>(-queries)));
    bias.mayMaskRows = true;
  }
  position = c.add(position, static_cast<double>(in.past));
  if (causal)
    require(c.compare(ComparePredicate::LE, key, position));
  if (left >= 0)
    require(c.compare(ComparePredicate::GE, key, c.add(position, static_cast<double>(-left))));
  if (right >= 0)
    require(c.compare(ComparePredicate::LE, key, c.add(position, static_cast<double>(right))));
  if (!ok)
    return std::nullopt;

  Type type = Compose::element(in.query);
  Value hidden = n.g.scalar(type, kNegativeInfinity), zero = n.g.scalar(type, 0);
  if (n.has(3)) {
    Value mask = n.operand(3);
    Dims shape(n.shapeOf(3));
    if (shape.size() > 4 || shape.empty()) {
      (void)n.unsupported("its mask must have a rank in [1, 4]");
      return std::nullopt;
    }
    shape.insert(shape.begin(), 4 - shape.size(), 1);
    mask = c.g.reshape(mask, shape);
    mask = n.typeOf(3).getElementType().isInteger(1) ? c.select(mask, zero, hidden) : c.g.cast(mask, type);
    // Keys behind a short mask are hidden.
    if (shape[3] != 1 && shape[3] < keys)
      mask = c.pad(mask, {0, 0, 0, 0}, {0, 0, 0, keys - shape[3]}, kNegativeInfinity);
    if (!mask)
      return std::nullopt;
    bias.value = mask;
    bias.mayMaskRows = true;
  }
  if (visible) {
    bias.value = c.select(visible, bias.value ? bias.value : zero, hidden);
    if (!bias.value) // the mask has another number of queries or keys
      return std::nullopt;
    Dims shape(Compose::shape(bias.value));
    shape.insert(shape.begin(), 4 - shape.size(), 1);
    bias.value = c.g.reshape(bias.value, shape);
    bias.mayMaskRows |= left >= 0 || right >= 0;
  }
  return bias;
}

// [b, h, q, 1]: is nothing visible?
Value maskedRows(Compose &c, Value bias) {
  return c.compare(ComparePredicate::EQ, c.reduce(ReduceKind::Max, bias, {3}, true), kNegativeInfinity);
}

// Products of heads that share keys are one product: [b, hk, h / hk * q, d] x [b, hk, k, d].
Value groupedMatmul(Compose &c, Value heads, Value shared, bool transposeShared) {
  if (!heads || !shared)
    return {};
  Dims h(Compose::shape(heads)), s(Compose::shape(shared));
  Value product = c.matmul(c.g.reshape(heads, {h[0], s[1], h[1] / s[1] * h[2], h[3]}), shared, false, transposeShared);
  return c.g.reshape(product, {h[0], h[1], h[2], transposeShared ? s[2] : s[3]});
}

// The steps one by one: for what mlc.attention does not have.
LogicalResult composeAttention(NodeContext &n, const AttentionInputs &in, Bias bias, double scale, Value &result) {
  Compose c(n.g);
  Type type = Compose::element(in.query);
  int64_t queries = Compose::shape(in.query)[2], keys = Compose::shape(in.key)[2];
  double root = std::sqrt(scale), cap = n.floatAttr("softcap", 0);
  int64_t outputMode = n.intAttr("qk_matmul_output_mode", 0);
  if (bias.causal)
    bias.value = c.select(c.compare(ComparePredicate::LE, c.iota(keys), c.iota(queries, 1)), n.g.scalar(type, 0),
                          n.g.scalar(type, kNegativeInfinity));
  Value raw = groupedMatmul(c, c.mul(in.query, root), c.mul(in.key, root), true), scores = raw;
  if (cap != 0 && scores)
    scores = c.mul(c.apply<TanhOp>(c.mul(scores, 1 / cap)), cap);
  Value capped = scores;
  if (bias.value)
    scores = c.add(scores, bias.value);
  Type precision = type;
  if (n.hasAttr("softmax_precision")) {
    int32_t given = static_cast<int32_t>(n.intAttr("softmax_precision", 0));
    std::optional<DType> dtype = fromOnnxType(given);
    if (!dtype || !isFloat(*dtype))
      return n.unsupported("attribute 'softmax_precision' = " + Twine(given) + " is no type of floats");
    precision = toElementType(n.g.context(), *dtype);
  }
  Value weights = c.g.cast(c.softmax(c.g.cast(scores, precision), 3), type);
  if (bias.value && bias.mayMaskRows && weights)
    weights = c.select(maskedRows(c, bias.value), c.like(weights, 0), weights);
  result = groupedMatmul(c, weights, in.value, false);
  Value outputs[] = {raw, capped, scores, weights};
  if (outputMode < 0 || outputMode > 3)
    return n.unsupported("attribute 'qk_matmul_output_mode' = " + Twine(outputMode) + " is not known");
  return n.wantsOutput(3) ? n.result(3, outputs[outputMode]) : success();
}

LogicalResult attention(NodeContext &n) {
  std::optional<AttentionInputs> in = readInputs(n);
  if (!in)
    return failure();
  ArrayRef<int64_t> q = Compose::shape(in->query), k = Compose::shape(in->key);
  if (k[1] == 0 || q[1] % k[1])
    return n.unsupported("the " + Twine(k[1]) + " heads of keys must divide the " + Twine(q[1]) + " of queries");
  std::optional<Bias> bias = readBias(n, *in);
  if (!bias)
    return failure();
  Compose c(n.g);
  double scale = n.hasAttr("scale") ? n.floatAttr("scale", 1) : 1 / std::sqrt(static_cast<double>(q[3]));
  bool whole = n.floatAttr("softcap", 0) == 0 && !n.wantsOutput(3) && !n.hasAttr("softmax_precision");
  Value result;
  if (whole) {
    (void)n.intAttr("qk_matmul_output_mode", 0);
    SmallVector<Value> operands = {in->query, in->key, in->value};
    if (bias->value)
      operands.push_back(bias->value);
    SmallVector<NamedAttribute> attributes = {n.g.real("scale", scale)};
    if (bias->causal)
      attributes.push_back(n.g.unit("causal"));
    result = n.g.make<AttentionOp>(operands, attributes);
    // The softmax of nothing is NaN in mlc.attention, zeros in ONNX.
    if (bias->value && bias->mayMaskRows && result)
      result = c.select(maskedRows(c, bias->value), c.like(result, 0), result);
  } else if (failed(composeAttention(n, *in, *bias, scale, result))) {
    return failure();
  }
  if (!result)
    return failure();
  if (in->threeD) {
    ArrayRef<int64_t> s = Compose::shape(result);
    result = c.g.reshape(c.g.transpose(result, {0, 2, 1, 3}), {s[0], s[2], s[1] * s[3]});
  }
  if (n.wantsOutput(1) && failed(n.result(1, in->key)))
    return failure();
  if (n.wantsOutput(2) && failed(n.result(2, in->value)))
    return failure();
  return n.result(0, result);
}

// Su et al., https://arxiv.org/abs/2104.09864: pairs of elements turned by an angle that grows with the position.
LogicalResult rotaryEmbedding(NodeContext &n) {
  Compose c(n.g);
  ArrayRef<int64_t> s = n.shapeOf(0);
  bool threeD = s.size() == 3, interleaved = n.intAttr("interleaved", 0) != 0;
  int64_t heads = n.intAttr("num_heads", 0);
  if ((s.size() != 4 && !threeD) || (threeD && (heads < 1 || s[2] % heads)))
    return n.unsupported(
        "it needs an operand of rank 4, or of rank 3 with 'num_heads' that divides its last dimension");
  Value x = n.operand(0);
  if (threeD)
    x = c.g.reshape(x, {s[0], s[1], heads, s[2] / heads});
  if (!x)
    return failure();
  int64_t size = Compose::shape(x)[3], turned = n.intAttr("rotary_embedding_dim", 0);
  if (turned == 0)
    turned = size;
  if (turned > size || turned % 2 || n.rankOf(1) < 1 || n.shapeOf(1).back() != turned / 2 ||
      n.shapeOf(2) != n.shapeOf(1))
    return n.unsupported("its caches must have half of the rotated " + Twine(turned) + " elements");
  // [batch, sequence, turned / 2], with the dimension of the heads put in.
  auto cache = [&](size_t index) {
    Value table = n.operand(index);
    if (n.has(3))
      table = c.gather(table, n.operand(3), 0);
    if (table && Compose::type(table).getRank() != 3) {
      (void)n.unsupported("its caches must have rank 3, or rank 2 and position_ids of rank 2");
      return Value();
    }
    return c.expand(table, threeD ? 2 : 1);
  };
  return n.result(c.g.reshape(rotated(c, x, cache(1), cache(2), turned, interleaved), s));
}

} // namespace

Value frontend::rotated(Compose &c, Value x, Value cosine, Value sine, int64_t turned, bool interleaved) {
  if (!x || !cosine || !sine)
    return {};
  int64_t size = Compose::shape(x)[3], half = turned / 2;
  Value first = interleaved ? c.slice(x, 3, 0, half, 2) : c.slice(x, 3, 0, half);
  Value second = interleaved ? c.slice(x, 3, 1, half, 2) : c.slice(x, 3, half, half);
  Value real = c.sub(c.mul(cosine, first), c.mul(sine, second));
  Value imaginary = c.add(c.mul(sine, first), c.mul(cosine, second));
  if (!real || !imaginary)
    return {};
  Value pairs;
  if (interleaved) {
    Dims shape(Compose::shape(real));
    shape[3] = turned;
    pairs = c.g.reshape(c.concat({c.expand(real, 4), c.expand(imaginary, 4)}, 4), shape);
  } else {
    pairs = c.concat({real, imaginary}, 3);
  }
  return turned < size ? c.concat({pairs, c.slice(x, 3, turned, size - turned)}, 3) : pairs;
}

void frontend::addAttentionOps(OpTable &table) {
  table["Attention"] = {attention, 23};
  table["RotaryEmbedding"] = {rotaryEmbedding, 23};
}
