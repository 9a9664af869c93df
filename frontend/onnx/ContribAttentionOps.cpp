// Attention of the domain com.microsoft, as encoders use it: without a cache of past keys.
#include "frontend/onnx/Contrib.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

constexpr double kLowest = std::numeric_limits<float>::lowest();

// [batch, sequence, heads * size] as [batch, heads, sequence, size].
Value splitHeads(Compose &c, Value x, int64_t heads) {
  if (!x)
    return {};
  ArrayRef<int64_t> s = Compose::shape(x);
  return c.g.transpose(c.g.reshape(x, {s[0], s[1], heads, s[2] / heads}), {0, 2, 1, 3});
}

// What a node masks, to be added to the scores [batch, heads, queries, keys]: nothing, or the filter value. The mask is
// 1 at what counts, [batch, keys] or [batch, queries, keys]; or the number of keys that count, [batch], or the ends and
// then the starts of what counts, [2 * batch].
Value maskBias(NodeContext &n, size_t index, int64_t batch, int64_t keys, Type type) {
  Compose c(n.g);
  ArrayRef<int64_t> shape = n.shapeOf(index);
  Value mask = n.operand(index), counts;
  if (shape == ArrayRef<int64_t>{batch, keys}) {
    counts = c.compare(ComparePredicate::GT, c.g.reshape(mask, {batch, 1, 1, keys}), 0);
  } else if (shape.size() == 3 && shape[0] == batch && shape[2] == keys) {
    counts = c.compare(ComparePredicate::GT, c.expand(mask, 1), 0);
  } else if (shape == ArrayRef<int64_t>{batch} || shape == ArrayRef<int64_t>{2 * batch}) {
    auto bound = [&](int64_t i) {
      return c.g.reshape(c.g.cast(c.slice(mask, 0, i * batch, batch), c.i64()), {batch, 1, 1, 1});
    };
    Value key = c.iota(keys);
    counts = c.compare(ComparePredicate::LT, key, bound(0));
    if (shape[0] != batch)
      counts = c.apply<AndOp>(counts, c.compare(ComparePredicate::GE, key, bound(1)));
  } else {
    (void)n.unsupported("its mask must have the shape [batch, keys], [batch, queries, keys], [batch] or [2 * batch]");
    return {};
  }
  double filter = n.floatAttr("mask_filter_value", -10000);
  return c.select(counts, c.g.scalar(type, 0), c.g.scalar(type, filter));
}

struct Inputs {
  Value query, key, value; // [batch, heads, sequence, size]
  std::optional<size_t> mask, bias;
};

// [batch, sequence, heads * size]
Value attend(NodeContext &n, const Inputs &in) {
  bool causal = n.intAttr("unidirectional", 0) != 0;
  double given = n.floatAttr("scale", 0);
  (void)n.floatAttr("mask_filter_value", -10000);
  if (!in.query || !in.key || !in.value)
    return {};
  Compose c(n.g);
  Dims q(Compose::shape(in.query)), k(Compose::shape(in.key));
  Type type = Compose::element(in.query);
  SmallVector<Value> operands = {in.query, in.key, in.value};
  SmallVector<NamedAttribute> attributes = {
      n.g.real("scale", given == 0 ? 1 / std::sqrt(static_cast<double>(q[3])) : given)};
  Value added;
  if (in.mask) {
    added = maskBias(n, *in.mask, q[0], k[2], type);
    if (!added)
      return {};
  }
  if (causal && !added) {
    attributes.push_back(n.g.unit("causal"));
  } else if (causal) { // A finite number: a row whose first keys are masked too stays defined.
    Value visible = c.compare(ComparePredicate::LE, c.iota(k[2]), c.iota(q[2], 1));
    added = c.select(visible, added, c.g.scalar(type, kLowest));
  }
  if (in.bias) {
    Value bias = n.operand(*in.bias);
    added = added ? c.add(added, bias) : bias;
  }
  if (added)
    operands.push_back(added);
  Value result = n.g.make<AttentionOp>(operands, attributes);
  if (!result)
    return {};
  Dims s(Compose::shape(result));
  return c.g.reshape(c.g.transpose(result, {0, 2, 1, 3}), {s[0], s[2], s[1] * s[3]});
}

bool refuseCache(NodeContext &n, ArrayRef<size_t> inputs, ArrayRef<int> outputs) {
  bool cached = llvm::any_of(inputs, [&](size_t i) { return n.has(i); }) ||
                llvm::any_of(outputs, [&](int i) { return n.wantsOutput(i); });
  if (cached)
    (void)n.unsupported("past and present keys and values are of text generation, which is not supported");
  return cached;
}

LogicalResult attention(NodeContext &n) {
  bool whole = n.requireInt("do_rotary", 0, 0);
  if (refuseCache(n, {4, 6}, {1}) || !whole)
    return failure();
  (void)n.intAttr("past_present_share_buffer", 0);
  ArrayRef<int64_t> input = n.shapeOf(0), weights = n.shapeOf(1);
  if (input.size() != 3 || weights.size() != 2)
    return n.unsupported("it needs an input of rank 3 and weights of rank 2");
  std::vector<int64_t> sizes = n.intsAttr("qkv_hidden_sizes", std::vector<int64_t>(3, weights[1] / 3));
  Compose c(n.g);
  Value projected = c.matmul(n.operand(0), n.operand(1));
  if (n.has(2))
    projected = c.add(projected, n.operand(2));
  return selfAttention(n, projected, sizes, 3, 5);
}

// The product with the weights in integers; the rest in floats.
LogicalResult quantizedAttention(NodeContext &n) {
  bool whole = n.requireInt("do_rotary", 0, 0);
  if (refuseCache(n, {8}, {1}) || !whole)
    return failure();
  (void)n.intAttr("past_present_share_buffer", 0);
  Compose c(n.g);
  Value product = integerMatmul(n, 1, 6, 7);
  if (!product || Compose::type(product).getRank() != 3)
    return product ? n.unsupported("it needs an input of rank 3") : failure();
  Value scale = c.mul(c.g.reshape(n.operand(3), {}), n.operand(4));
  Value projected = c.add(c.mul(c.g.cast(product, n.typeOf(3).getElementType()), scale), n.operand(2));
  return selfAttention(n, projected, std::vector<int64_t>(3, n.shapeOf(1)[1] / 3), 5, std::nullopt);
}

// One operand of [batch, sequence, heads, parts, size].
bool isPacked(NodeContext &n, size_t index, int64_t heads, int64_t parts) {
  return n.rankOf(index) == 5 && n.shapeOf(index)[2] == heads && n.shapeOf(index)[3] == parts;
}

LogicalResult multiHeadAttention(NodeContext &n) {
  if (refuseCache(n, {6, 7, 8, 9}, {1, 2, 3}))
    return failure();
  Compose c(n.g);
  int64_t heads = n.intAttr("num_heads", 0);
  if (heads < 1)
    return n.unsupported("attribute 'num_heads' must be positive");
  Value flat[3]; // [batch, sequence, heads * size]
  auto unpack = [&](size_t index, int64_t parts, Value *out) {
    ArrayRef<int64_t> s = n.shapeOf(index);
    for (int64_t part = 0; part < parts; ++part)
      *out++ = c.g.reshape(c.slice(n.operand(index), 3, part, 1), {s[0], s[1], heads * s[4]});
  };
  if (isPacked(n, 0, heads, 3) && !n.has(1) && !n.has(2)) {
    unpack(0, 3, flat);
  } else {
    flat[0] = n.operand(0);
    if (n.has(1) && isPacked(n, 1, heads, 2) && !n.has(2))
      unpack(1, 2, flat + 1);
    else if (n.has(1) && n.has(2))
      std::tie(flat[1], flat[2]) = std::pair(n.operand(1), n.operand(2));
  }
  for (Value part : flat)
    if (!part || Compose::type(part).getRank() != 3 || Compose::shape(part)[2] % heads)
      return n.unsupported("query, key and value must be [batch, sequence, hidden] with heads that divide hidden, or "
                           "packed as [batch, sequence, heads, 3 or 2, size]");
  int64_t offset = 0;
  for (Value &part : flat) {
    int64_t size = Compose::shape(part)[2];
    if (n.has(3))
      part = c.add(part, c.slice(n.operand(3), 0, offset, size));
    offset += size;
    part = splitHeads(c, part, heads);
  }
  Inputs in{flat[0], flat[1], flat[2], {}, {}};
  if (n.has(4))
    in.mask = 4;
  if (n.has(5))
    in.bias = 5;
  return n.result(attend(n, in));
}

// As of ai.onnx, but for the order of the operands, and one position that may stand for all that follow it.
LogicalResult rotaryEmbedding(NodeContext &n) {
  Compose c(n.g);
  bool interleaved = n.intAttr("interleaved", 0) != 0;
  (void)n.requireInt("is_packed_batching", 0, 0);
  double scale = n.floatAttr("scale", 1);
  int64_t heads = n.intAttr("num_heads", 0), turned = n.intAttr("rotary_embedding_dim", 0);
  ArrayRef<int64_t> s = n.shapeOf(0), cache = n.shapeOf(2);
  if (scale != 1)
    (void)n.unsupported("attribute 'scale' is not supported");
  bool threeD = s.size() == 3;
  if (cache.size() != 2 || n.shapeOf(3) != cache || (!threeD && s.size() != 4))
    return n.unsupported("it needs an operand of rank 3 or 4, and caches of rank 2");
  // Without the attributes, a head is as large as the caches say.
  int64_t size = !threeD ? s[3] : heads ? s[2] / heads : 2 * cache[1];
  turned = turned ? turned : size;
  if (turned > size || cache[1] != turned / 2 || size < 1 || (threeD && s[2] % size))
    (void)n.unsupported("its caches must have half of the rotated " + Twine(turned) + " elements");
  if (!n.problems.empty())
    return failure();
  int64_t sequence = threeD ? s[1] : s[2];
  Value positions = n.operand(1),
        x = threeD ? c.g.reshape(n.operand(0), {s[0], s[1], s[2] / size, size}) : n.operand(0);
  if (n.rankOf(1) != 2)
    positions = c.add(c.expand(c.iota(sequence), 0), c.g.reshape(positions, {1, 1}));
  auto angles = [&](size_t index) { return c.expand(c.gather(n.operand(index), positions, 0), threeD ? 2 : 1); };
  return n.result(c.g.reshape(rotated(c, x, angles(2), angles(3), turned, interleaved), s));
}

} // namespace

LogicalResult frontend::selfAttention(NodeContext &n, Value projected, ArrayRef<int64_t> hiddenSizes, size_t mask,
                                      std::optional<size_t> bias) {
  Compose c(n.g);
  int64_t heads = n.intAttr("num_heads", 0), offset = 0;
  if (!projected)
    return failure();
  int64_t columns = Compose::shape(projected)[2];
  bool fits = heads > 0 && hiddenSizes.size() == 3;
  for (int64_t size : hiddenSizes) {
    fits = fits && size > 0 && size <= columns && size % heads == 0;
    offset += fits ? size : 0;
  }
  if (!fits || offset != columns)
    return n.unsupported("attribute 'num_heads' = " + Twine(heads) +
                         " must divide the sizes of query, key and value, which add up to the weights' columns");
  offset = 0;
  Value parts[3];
  for (auto [part, size] : llvm::zip_equal(parts, hiddenSizes)) {
    part = splitHeads(c, c.slice(projected, 2, offset, size), heads);
    offset += size;
  }
  Inputs in{parts[0], parts[1], parts[2], {}, {}};
  if (n.has(mask))
    in.mask = mask;
  if (bias && n.has(*bias))
    in.bias = bias;
  return n.result(attend(n, in));
}

void frontend::addContribAttentionOps(OpTable &table) {
  table["com.microsoft.Attention"] = {attention, 1, "without past and present keys"};
  table["com.microsoft.QAttention"] = {quantizedAttention, 1, "without past and present keys"};
  table["com.microsoft.MultiHeadAttention"] = {multiHeadAttention, 1, "without past and present keys"};
  table["com.microsoft.RotaryEmbedding"] = {rotaryEmbedding, 1, "scale is 1; not packed"};
}
