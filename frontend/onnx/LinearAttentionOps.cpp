// What mixes a sequence with a state of constant size in place of keys and values: LinearAttention and the convolution
// in front of it, CausalConvWithState. A model that generates a token at a time passes the state from run to run.
#include "frontend/Compose.h"
#include "frontend/onnx/NodeContext.h"

#include <cmath>

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

// As of recurrent layers: steps are made one by one.
constexpr int64_t kMaxSteps = 4096;

struct LinearAttentionSpec {
  int64_t batch, steps, heads, queries, keySize, valueSize; // `queries`: of each of the `heads` of keys
  bool gated, delta;
};

std::optional<LinearAttentionSpec> readLinearAttention(NodeContext &n) {
  int64_t queryHeads = n.intAttr("q_num_heads", 0), heads = n.intAttr("kv_num_heads", 0);
  std::string rule = n.stringAttr("update_rule", "gated_delta");
  (void)n.intAttr("chunk_size", 0); // how to compute it, not what
  bool gated = rule == "gated" || rule == "gated_delta", delta = rule == "delta" || rule == "gated_delta";
  if (!gated && !delta && rule != "linear")
    (void)n.unsupported("attribute 'update_rule' = '" + rule + "' is not known");
  if (n.has(4) != gated || n.has(5) != delta)
    (void)n.unsupported("update_rule '" + rule + "' needs " + (gated ? "a" : "no") + " decay and " +
                        (delta ? "a" : "no") + " beta");
  ArrayRef<int64_t> q = n.shapeOf(0), k = n.shapeOf(1), v = n.shapeOf(2);
  if (heads < 1 || queryHeads < 1 || queryHeads % heads || q.size() != 3 || k.size() != 3 || v.size() != 3 ||
      q.take_front(2) != k.take_front(2) || k.take_front(2) != v.take_front(2) || q[2] % queryHeads || k[2] % heads ||
      v[2] % heads || q[2] / queryHeads != k[2] / heads)
    (void)n.unsupported(
        "it needs queries, keys and values [batch, sequence, heads * size], whose sizes 'q_num_heads', a "
        "multiple of 'kv_num_heads', and 'kv_num_heads' divide");
  if (!n.problems.empty())
    return std::nullopt;
  LinearAttentionSpec spec{q[0], q[1], heads, queryHeads / heads, k[2] / heads, v[2] / heads, gated, delta};
  auto mayBe = [&](size_t index, ArrayRef<int64_t> sizes) {
    ArrayRef<int64_t> shape = n.shapeOf(index);
    return shape.size() == 3 && shape.take_front(2) == q.take_front(2) && llvm::is_contained(sizes, shape[2]);
  };
  if ((gated && !mayBe(4, {heads, heads * spec.keySize})) || (delta && !mayBe(5, {heads, 1})))
    (void)n.unsupported("its decay and beta must have an element for each token and head, its decay may have one for "
                        "each element of a key");
  if (n.has(3) && n.shapeOf(3) != ArrayRef<int64_t>{spec.batch, heads, spec.keySize, spec.valueSize})
    (void)n.unsupported("its past_state must have the shape [batch, kv_num_heads, key size, value size]");
  if (spec.steps < 1 || spec.steps > kMaxSteps)
    (void)n.unsupported("it has " + Twine(spec.steps) + " steps; they are unrolled, and must be in [1, " +
                        Twine(kMaxSteps) + "]");
  return n.problems.empty() ? std::optional(spec) : std::nullopt;
}

// Yang et al., https://arxiv.org/abs/2412.06464: S = exp(g) S + k (beta (v - exp(g) S^T k))^T, without exp(g), or beta
// and what is in parentheses with it, by the rule; the output is S^T q.
LogicalResult linearAttention(NodeContext &n) {
  std::optional<LinearAttentionSpec> spec = readLinearAttention(n);
  if (!spec)
    return failure();
  auto [batch, steps, heads, queries, keySize, valueSize, gated, delta] = *spec;
  Compose c(n.g);
  double scale = n.floatAttr("scale", 0);
  if (scale == 0)
    scale = 1 / std::sqrt(static_cast<double>(keySize));
  Type type = n.typeOf(0).getElementType(), stateType = n.has(3) ? n.typeOf(3).getElementType() : type;
  // [sequence, batch, heads, rows, columns] in f32: a step is a slice of the first dimension.
  auto bySteps = [&](size_t index, int64_t ofHeads, int64_t rows, int64_t columns) {
    Value apart = c.g.reshape(n.operand(index), {batch, steps, ofHeads, rows, columns});
    return c.g.cast(c.moveAxis(apart, 1, 0), c.f32());
  };
  Value q = c.mul(bySteps(0, heads, queries, keySize), scale);
  Value k = bySteps(1, heads, 1, keySize), v = bySteps(2, heads, 1, valueSize), decay, beta;
  if (gated)
    decay = c.apply<ExpOp>(bySteps(4, heads, n.shapeOf(4)[2] / heads, 1));
  if (delta)
    beta = bySteps(5, n.shapeOf(5)[2], 1, 1);
  Dims stateShape = {batch, heads, keySize, valueSize};
  Value state = n.has(3) ? c.g.cast(n.operand(3), c.f32()) : Value();
  SmallVector<Value> outputs;
  for (int64_t i = 0; i < steps; ++i) {
    auto at = [&](Value whole) {
      return whole ? c.g.reshape(c.slice(whole, 0, i, 1), Compose::shape(whole).drop_front()) : Value();
    };
    Value key = at(k), value = at(v);
    if (gated && state)
      state = c.mul(state, at(decay));
    if (delta)
      value = c.mul(state ? c.sub(value, c.matmul(key, state)) : value, at(beta));
    Value added = c.mul(c.g.reshape(key, {batch, heads, keySize, 1}), value);
    state = state ? c.add(state, added) : added;
    Value output = c.matmul(at(q), state);
    if (!output)
      return failure();
    outputs.push_back(c.g.reshape(output, {batch, 1, heads * queries * valueSize}));
  }
  if (n.wantsOutput(1) && failed(n.result(1, c.g.cast(state, stateType))))
    return failure();
  return n.result(0, c.g.cast(c.concat(outputs, 1), type));
}

LogicalResult causalConvWithState(NodeContext &n) {
  Compose c(n.g);
  std::string activation = n.stringAttr("activation", "none");
  bool silu = activation == "silu" || activation == "swish";
  if (!silu && activation != "none")
    return n.unsupported("attribute 'activation' = '" + activation + "' is not known");
  ArrayRef<int64_t> x = n.shapeOf(0), w = n.shapeOf(1);
  if (x.size() != 3 || w.size() != 3 || w[0] != x[1] || w[1] != 1 || w[2] < 1)
    return n.unsupported("it needs an input [batch, channels, length] and a kernel [channels, 1, size]");
  int64_t before = w[2] - 1;
  if (n.has(3) && n.shapeOf(3) != ArrayRef<int64_t>{x[0], x[1], before})
    return n.unsupported("its past_state must have the shape [batch, channels, kernel size - 1]");
  Value padded = n.operand(0);
  if (before && n.has(3))
    padded = c.concat({n.operand(3), padded}, 2);
  else
    padded = c.pad(padded, {0, 0, before}, {0, 0, 0}, 0);
  Value y = n.g.make<ConvOp>({padded, n.operand(1)},
                             {n.g.ints("strides", {1}), n.g.ints("pad_low", {0}), n.g.ints("pad_high", {0}),
                              n.g.ints("dilations", {1}), n.g.integer("groups", x[1])});
  if (n.has(2))
    y = c.add(y, n.g.reshape(n.operand(2), {x[1], 1}));
  if (silu) {
    Value wide = c.g.cast(y, c.f32());
    y = c.g.cast(c.mul(wide, c.apply<SigmoidOp>(wide)), n.typeOf(0).getElementType());
  }
  if (n.wantsOutput(1) && failed(n.result(1, c.slice(padded, 2, x[2], before))))
    return failure();
  return n.result(0, y);
}

} // namespace

void frontend::addLinearAttentionOps(OpTable &table) {
  table["LinearAttention"] = {linearAttention, 27, "unrolled: 1 to 4096 steps"};
  table["CausalConvWithState"] = {causalConvWithState, 27};
}
