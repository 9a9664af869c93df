// Chains that end in a reduction, a normalisation or a pool, and become one kernel with it: casts from every integer
// type, and products next to sums, over extents that are no multiple of a vector.
#include "test/sweep/Sweep.h"

using namespace mlir;

namespace mlc::sweep {
namespace {

struct Consumer {
  std::string name;
  Shape shape;
  Tolerance tolerance;
  std::function<Value(GraphBuilder &, Value)> build;
};

Value reduce(GraphBuilder &g, Value x, ReduceKind kind, const Shape &axes) {
  return g.make<ReduceOp>(x, {g.attr("kind", ReduceKindAttr::get(g.context(), kind)), g.ints("axes", axes)});
}

Value pool(GraphBuilder &g, Value x, PoolKind kind, const Shape &window) {
  Shape one(window.size(), 1), zero(window.size(), 0);
  return g.make<PoolOp>(x, {g.attr("kind", PoolKindAttr::get(g.context(), kind)), g.ints("window", window),
                            g.ints("strides", one), g.ints("pad_low", zero), g.ints("pad_high", one),
                            g.ints("dilations", one)});
}

Value layerNorm(GraphBuilder &g, Value x, int64_t axis) {
  return g.make<LayerNormOp>(x, {g.integer("axis", axis), g.real("epsilon", 1e-2),
                                 g.attr("operandSegmentSizes", g.attrs().getDenseI32ArrayAttr({1, 0, 0}))});
}

const std::vector<Consumer> &consumers() {
  const Tolerance exact{0, 0, false}, sum{8, 8};
  static const std::vector<Consumer> all = {
      {"sum", {5, 36}, sum, [](auto &g, Value x) { return reduce(g, x, ReduceKind::Sum, {1}); }},
      {"outer sum", {36, 21}, sum, [](auto &g, Value x) { return reduce(g, x, ReduceKind::Sum, {0}); }},
      {"mean", {2, 5, 21}, sum, [](auto &g, Value x) { return reduce(g, x, ReduceKind::Mean, {1}); }},
      {"max", {5, 36}, exact, [](auto &g, Value x) { return reduce(g, x, ReduceKind::Max, {1}); }},
      {"min", {3, 133}, exact, [](auto &g, Value x) { return reduce(g, x, ReduceKind::Min, {1}); }},
      {"global mean", {1, 21, 7, 7}, sum, [](auto &g, Value x) { return reduce(g, x, ReduceKind::Mean, {2, 3}); }},
      {"softmax",
       {5, 36},
       {16, 1e-6},
       [](auto &g, Value x) { return g.template make<SoftmaxOp>(x, g.integer("axis", 1)); }},
      {"log_softmax",
       {5, 37},
       {6, 4},
       [](auto &g, Value x) { return g.template make<LogSoftmaxOp>(x, g.integer("axis", 1)); }},
      {"layer_norm", {5, 36}, {32, 4}, [](auto &g, Value x) { return layerNorm(g, x, 1); }},
      {"layer_norm of two", {7, 3, 5}, {32, 4}, [](auto &g, Value x) { return layerNorm(g, x, 1); }},
      {"cum_sum", {3, 19}, sum, [](auto &g, Value x) { return g.template make<CumSumOp>(x, g.integer("axis", 1)); }},
      {"max pool", {1, 5, 6, 7}, exact, [](auto &g, Value x) { return pool(g, x, PoolKind::Max, {2, 3}); }},
      {"average pool", {1, 5, 6, 7}, {4, 2}, [](auto &g, Value x) { return pool(g, x, PoolKind::Average, {3, 2}); }},
  };
  return all;
}

// Scaled into [-2, 4), exactly: sums do not overflow.
Value scaled(GraphBuilder &g, Value x, DType from) {
  if (from == DType::I1)
    return x;
  Type type = cast<RankedTensorType>(x.getType()).getElementType();
  return g.make<MulOp>({x, g.scalar(type, 4 * std::ldexp(1.0, -8 * int(sizeOf(from))))});
}

void castsInto(std::vector<Case> &cases) {
  std::vector<DType> sources = kIntegers;
  sources.push_back(DType::I1);
  for (DType from : sources)
    for (const Consumer &consumer : consumers()) {
      std::string name = consumer.name + " of " + textOf(from);
      for (DType to : sample<DType>({DType::F32, DType::F64}, 1, name))
        cases.push_back({name + " as " + textOf(to),
                         {{from, consumer.shape, {}}},
                         [=](GraphBuilder &g, ValueRange x) {
                           return Values{
                               consumer.build(g, scaled(g, g.cast(x[0], toElementType(g.context(), to)), from))};
                         },
                         consumer.tolerance});
      if (sizeOf(from) < 4) // as quantised numbers come: less their zero point, in i32
        cases.push_back({name + " by way of i32",
                         {{from, consumer.shape, {}}},
                         [=](GraphBuilder &g, ValueRange x) {
                           Type i32 = toElementType(g.context(), DType::I32);
                           Value centred = g.make<SubOp>({g.cast(x[0], i32), g.scalar(i32, 100)});
                           return Values{consumer.build(
                               g, scaled(g, g.cast(centred, toElementType(g.context(), DType::F32)), DType::I16))};
                         },
                         consumer.tolerance});
    }
}

// What a product next to a sum rounds to must not depend on where its element lies: in a vector or behind the last one.
void productsInto(std::vector<Case> &cases) {
  using Map = std::function<Value(GraphBuilder &, ValueRange)>;
  const std::vector<std::pair<std::string, Map>> maps = {
      {"x * x", [](GraphBuilder &g, ValueRange x) { return g.make<MulOp>({x[0], x[0]}); }},
      {"x * a + z * b",
       [](GraphBuilder &g, ValueRange x) {
         return g.make<AddOp>({g.make<MulOp>({x[0], x[2]}), g.make<MulOp>({x[1], x[3]})});
       }},
      {"x * sigmoid(z) - x", [](GraphBuilder &g, ValueRange x) {
         return g.make<SubOp>({g.make<MulOp>({x[0], g.make<SigmoidOp>(x[1])}), x[0]});
       }}};
  struct Line {
    Shape shape, axes;
  };
  std::vector<Line> lines = {{{1, 7, 7, 24}, {1, 2}}, {{21, 33, 3}, {1}}, {{2, 33, 16}, {1}}};
  for (int64_t width : {1, 2, 3, 4, 5, 7, 8, 9, 12, 17, 20, 31, 33, 40, 72, 100, 127})
    lines.insert(lines.end(), {{{33, width}, {0}}, {{101, width}, {1}}, {{1, width, 7, 7}, {2, 3}}});
  for (DType dtype : {DType::F32, DType::F64})
    for (const auto &[text, map] : maps)
      for (const auto &[shape, axes] : sample(lines, 9, text + textOf(dtype)))
        for (bool normalised : {false, true}) {
          std::string name = (normalised ? "normalised " : "mean of ") + text + " " + textOf(dtype) + " ";
          Shape channel = shape.size() == 4 && axes[0] == 2 ? Shape{shape[1], 1, 1} : Shape{shape.back()};
          Input full{dtype, shape, {Fill::Moderate}}, scale{dtype, channel, {Fill::Moderate}};
          cases.push_back({name + textOf(shape) + " axes " + textOf(axes),
                           {full, full, scale, scale},
                           [=](GraphBuilder &g, ValueRange x) {
                             Value y = map(g, x);
                             if (normalised)
                               return Values{layerNorm(g, y, int64_t(shape.size()) - 1)};
                             return Values{reduce(g, y, ReduceKind::Mean, axes)};
                           },
                           {64, 8}});
        }
}

// One running sum of so many squares would be wrong by 50 ulp and more.
void longSums(std::vector<Case> &cases) {
  struct Line {
    Shape shape, axes;
  };
  for (const auto &[shape, axes] : std::vector<Line>{{{3, 20011}, {1}},
                                                     {{20011, 5}, {0}},
                                                     {{9001, 70}, {0}},
                                                     {{2, 3, 150, 151}, {2, 3}},
                                                     {{150, 5, 151}, {0, 2}},
                                                     {{3000, 3, 3, 7}, {0, 2}},
                                                     {{40, 3000, 4}, {1}},
                                                     {{7, 11, 13, 17}, {0, 1, 2, 3}}})
    cases.push_back({"long sum " + textOf(shape) + " axes " + textOf(axes),
                     {{DType::F32, shape, {Fill::Moderate}}},
                     [=](GraphBuilder &g, ValueRange x) {
                       return Values{reduce(g, g.make<MulOp>({x[0], x[0]}), ReduceKind::Mean, axes)};
                     },
                     {8, 0}});
  // Rows that no stack holds.
  for (const auto &[shape, axes] : std::vector<Line>{{{1, 61000}, {1}}, {{1, 30011, 3}, {1, 2}}, {{2, 1000, 70}, {1}}})
    for (bool isSoftmax : {false, true})
      cases.push_back(
          {std::string(isSoftmax ? "softmax" : "layer_norm") + " of a long row, " + textOf(shape),
           {{DType::F32, shape, {Fill::Moderate}}},
           [=](GraphBuilder &g, ValueRange x) {
             if (isSoftmax)
               return Values{g.make<SoftmaxOp>(x, g.integer("axis", 1))};
             return Values{layerNorm(g, g.make<AddOp>({x[0], g.scalar(toElementType(g.context(), DType::F32), 3)}), 1)};
           },
           isSoftmax ? Tolerance{12, 0} : Tolerance{12, 2}});
}

} // namespace

std::vector<Case> fusionCases() {
  std::vector<Case> cases;
  castsInto(cases);
  productsInto(cases);
  longSums(cases);
  return cases;
}

} // namespace mlc::sweep
