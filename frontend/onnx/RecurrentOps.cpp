// RNN, GRU and LSTM of ONNX, unrolled: the products with the inputs of all steps are one product, and each step adds
// the product with the state.
#include "frontend/onnx/Activations.h"
#include "frontend/onnx/NodeContext.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

// Steps are made one by one: so many of them keep a program within what one compiles in minutes.
constexpr int64_t kMaxSteps = 4096;

// One direction of one layer.
struct Direction {
  bool reverse;
  ArrayRef<Activation> activations;
  double clip;                               // of what goes into an activation; 0: none
  bool option;                               // linear_before_reset of GRU, input_forget of LSTM
  Value recurrent, recurrentBias, peepholes; // recurrentBias: of GRU

  Value f(Compose &c, size_t index, Value x) const {
    return activations[index](c, clip > 0 ? c.clamp(x, -clip, clip) : x);
  }
};

// [batch, hidden] each; LSTM has the cell state beside.
struct State {
  Value hidden, cell;
};

// The `index`-th part of `hidden` elements along the last dimension.
Value gate(Compose &c, Value gates, int64_t index, int64_t hidden) {
  return gates ? c.slice(gates, Compose::type(gates).getRank() - 1, index * hidden, hidden) : gates;
}

Value blend(Compose &c, Value weight, Value a, Value b) { // weight * a + (1 - weight) * b
  return c.add(c.mul(weight, a), c.mul(c.add(c.apply<NegOp>(weight), 1), b));
}

// `x`: the product of the step's input with the weights, and biases; [batch, gates * hidden]. GRU adds those of the
// state itself, to what it multiplies by its reset gate.
State stepRnn(Compose &c, const Direction &d, Value x, State s) {
  return {d.f(c, 0, c.add(x, c.matmul(s.hidden, d.recurrent, false, true))), {}};
}

// Cho et al., https://arxiv.org/abs/1406.1078. Gates in the order update, reset, hidden.
State stepGru(Compose &c, const Direction &d, Value x, State s) {
  int64_t hidden = Compose::shape(s.hidden)[1];
  Value rows = c.slice(d.recurrent, 0, 0, 2 * hidden), candidateRows = c.slice(d.recurrent, 0, 2 * hidden, hidden);
  Value bias = gate(c, d.recurrentBias, 2, hidden);
  Value recurrent = c.add(c.matmul(s.hidden, rows, false, true), c.slice(d.recurrentBias, 0, 0, 2 * hidden));
  auto gateOf = [&](int64_t i) { return d.f(c, 0, c.add(gate(c, x, i, hidden), gate(c, recurrent, i, hidden))); };
  Value update = gateOf(0), reset = gateOf(1), candidate;
  if (d.option)
    candidate = c.mul(reset, c.add(c.matmul(s.hidden, candidateRows, false, true), bias));
  else
    candidate = c.add(c.matmul(c.mul(reset, s.hidden), candidateRows, false, true), bias);
  candidate = d.f(c, 1, c.add(gate(c, x, 2, hidden), candidate));
  return {blend(c, update, s.hidden, candidate), {}};
}

// Hochreiter and Schmidhuber, 1997. Gates in the order input, output, forget, cell; peepholes input, output, forget.
State stepLstm(Compose &c, const Direction &d, Value x, State s) {
  int64_t hidden = Compose::shape(s.hidden)[1];
  Value gates = c.add(x, c.matmul(s.hidden, d.recurrent, false, true));
  auto gateOf = [&](int64_t i, Value cell) {
    Value value = gate(c, gates, i, hidden);
    return d.f(c, 0, d.peepholes ? c.add(value, c.mul(gate(c, d.peepholes, i, hidden), cell)) : value);
  };
  Value input = gateOf(0, s.cell), candidate = d.f(c, 1, gate(c, gates, 3, hidden));
  Value forget = d.option ? c.add(c.apply<NegOp>(input), 1) : gateOf(2, s.cell);
  Value cell = c.add(c.mul(forget, s.cell), c.mul(input, candidate));
  Value output = gateOf(1, cell);
  // What goes into the last activation is not clipped, as in onnxruntime.
  return {c.mul(output, d.activations[2](c, cell)), cell};
}

struct Kind {
  int64_t gates;
  std::vector<std::string> activations;
  State (*step)(Compose &, const Direction &, Value, State);
  bool hasCell, addsStateBias;
};

std::optional<std::vector<Activation>> readActivations(NodeContext &n, const Kind &kind, size_t directions) {
  std::vector<Activation> result;
  const auto *names = n.typedAttr("activations", onnx::AttributeProto::STRINGS);
  const auto *alphas = n.typedAttr("activation_alpha", onnx::AttributeProto::FLOATS);
  const auto *betas = n.typedAttr("activation_beta", onnx::AttributeProto::FLOATS);
  size_t count = kind.activations.size() * directions;
  if (names && static_cast<size_t>(names->strings_size()) != count)
    (void)n.unsupported("attribute 'activations' has " + Twine(names->strings_size()) + " entries, expected " +
                        Twine(count));
  int nextAlpha = 0, nextBeta = 0;
  for (size_t i = 0; i < count && n.problems.empty(); ++i) {
    std::string name = names ? names->strings(static_cast<int>(i)) : kind.activations[i % kind.activations.size()];
    std::optional<Activation> one = Activation::named(name);
    if (!one) {
      (void)n.unsupported("attribute 'activations': '" + name + "' is not known");
      continue;
    }
    // The lists have entries for the activations that take one only.
    if (one->takesAlpha() && alphas && nextAlpha < alphas->floats_size())
      one->alpha = alphas->floats(nextAlpha++);
    if (one->takesBeta() && betas && nextBeta < betas->floats_size())
      one->beta = betas->floats(nextBeta++);
    result.push_back(*one);
  }
  return n.problems.empty() ? std::optional(result) : std::nullopt;
}

LogicalResult recurrent(NodeContext &n, const Kind &kind, bool option) {
  std::string direction = n.stringAttr("direction", "forward");
  bool batchFirst = n.intAttr("layout", 0) != 0, both = direction == "bidirectional";
  if (!both && direction != "forward" && direction != "reverse")
    (void)n.unsupported("attribute 'direction' = '" + direction + "' is not known");
  size_t directions = both ? 2 : 1;
  std::optional<std::vector<Activation>> activations = readActivations(n, kind, directions);
  double clip = n.floatAttr("clip", 0);
  ArrayRef<int64_t> input = n.shapeOf(0), weights = n.shapeOf(1), recurrentShape = n.shapeOf(2);
  int64_t hidden = recurrentShape.size() == 3 ? recurrentShape[2] : 0, rows = kind.gates * hidden;
  int64_t count = static_cast<int64_t>(directions);
  if (int64_t given = n.intAttr("hidden_size", hidden); given != hidden)
    (void)n.unsupported("attribute 'hidden_size' = " + Twine(given) + " contradicts the operands' shapes");
  if (input.size() != 3 || hidden < 1 || weights != ArrayRef<int64_t>{count, rows, input.back()} ||
      recurrentShape != ArrayRef<int64_t>{count, rows, hidden})
    (void)n.unsupported("it needs an input of rank 3, weights [" + Twine(count) + ", " + Twine(kind.gates) +
                        " * hidden, input] and recurrence weights [" + Twine(count) + ", " + Twine(kind.gates) +
                        " * hidden, hidden]");
  if (!n.problems.empty())
    return failure();
  Compose c(n.g);
  Value x = batchFirst ? c.moveAxis(n.operand(0), 1, 0) : n.operand(0);
  if (!x)
    return failure();
  int64_t steps = Compose::shape(x)[0], batch = Compose::shape(x)[1];
  if (steps < 1 || steps > kMaxSteps)
    return n.unsupported("it has " + Twine(steps) + " steps; they are unrolled, and must be in [1, " +
                         Twine(kMaxSteps) + "]");
  // Slices of an operand for one direction.
  auto part = [&](size_t index, int64_t d, ArrayRef<int64_t> shape, bool isState = false) {
    if (!n.has(index))
      return n.g.make<BroadcastOp>(c.like(x, 0), n.g.ints("shape", shape));
    return c.g.reshape(c.slice(n.operand(index), isState && batchFirst ? 1 : 0, d, 1), shape);
  };
  // Steps behind the end of a sequence give zeros, and leave the state.
  Value lengths = n.has(4) ? c.g.reshape(c.g.cast(n.operand(4), c.i64()), {batch, 1}) : Value();
  SmallVector<Value> outputs(static_cast<size_t>(steps), Value()), finalHidden, finalCell;
  for (int64_t d = 0; d < count; ++d) {
    Value bias = part(3, d, {2 * rows});
    Value inputBias = c.slice(bias, 0, 0, rows), stateBias = c.slice(bias, 0, rows, rows);
    if (!kind.addsStateBias)
      inputBias = c.add(inputBias, stateBias);
    size_t functions = kind.activations.size();
    Direction one{direction == "reverse" || d == 1,
                  ArrayRef(*activations).slice(static_cast<size_t>(d) * functions, functions),
                  clip,
                  option,
                  part(2, d, {rows, hidden}),
                  stateBias,
                  kind.hasCell && n.has(7) ? part(7, d, {3 * hidden}) : Value()};
    Value products = c.add(c.matmul(x, part(1, d, {rows, input[2]}), false, true), inputBias);
    State state{part(5, d, {batch, hidden}, true), kind.hasCell ? part(6, d, {batch, hidden}, true) : Value()};
    for (int64_t i = 0; i < steps; ++i) {
      int64_t step = one.reverse ? steps - 1 - i : i;
      if (!products || !state.hidden)
        return failure();
      State next = kind.step(c, one, c.g.reshape(c.slice(products, 0, step, 1), {batch, rows}), state);
      Value output = next.hidden;
      if (lengths) {
        Value isInside = c.compare(ComparePredicate::GT, lengths, static_cast<double>(step));
        output = c.select(isInside, next.hidden, c.like(next.hidden, 0));
        next.hidden = c.select(isInside, next.hidden, state.hidden);
        next.cell = kind.hasCell ? c.select(isInside, next.cell, state.cell) : Value();
      }
      state = next;
      Value &slot = outputs[static_cast<size_t>(step)];
      output = c.g.reshape(output, {1, 1, batch, hidden});
      slot = d == 0 ? output : c.concat({slot, output}, 1);
      if (!slot)
        return failure();
    }
    finalHidden.push_back(c.expand(state.hidden, 0));
    finalCell.push_back(kind.hasCell ? c.expand(state.cell, 0) : Value());
  }
  if (n.wantsOutput(0)) { // [steps, directions, batch, hidden], or the batch first.
    Value all = c.concat(outputs, 0);
    if (failed(n.result(0, batchFirst ? c.moveAxis(all, 2, 0) : all)))
      return failure();
  }
  for (auto [index, values] : {std::pair<int, ArrayRef<Value>>{1, finalHidden}, {2, finalCell}}) {
    if (!n.wantsOutput(index))
      continue;
    Value all = c.concat(values, 0);
    if (failed(n.result(static_cast<size_t>(index), batchFirst ? c.moveAxis(all, 1, 0) : all)))
      return failure();
  }
  return success();
}

LogicalResult rnn(NodeContext &n) { return recurrent(n, {1, {"Tanh"}, stepRnn, false, false}, false); }
LogicalResult gru(NodeContext &n) {
  return recurrent(n, {3, {"Sigmoid", "Tanh"}, stepGru, false, true}, n.intAttr("linear_before_reset", 0) != 0);
}
LogicalResult lstm(NodeContext &n) {
  return recurrent(n, {4, {"Sigmoid", "Tanh", "Tanh"}, stepLstm, true, false}, n.intAttr("input_forget", 0) != 0);
}

} // namespace

void frontend::addRecurrentOps(OpTable &table) {
  table["RNN"] = {rnn, 7, "unrolled: 1 to 4096 steps"};
  table["GRU"] = {gru, 7, "unrolled: 1 to 4096 steps"};
  table["LSTM"] = {lstm, 7, "unrolled: 1 to 4096 steps"};
}
