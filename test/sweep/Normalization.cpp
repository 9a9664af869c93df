// Softmax and normalisations on every axis.
#include "test/sweep/Sweep.h"

using namespace mlir;

namespace mlc::sweep {
namespace {

const std::vector<Shape> kShapes = {{1},        {7},           {65},   {3, 5}, {4, 64}, {5, 1},
                                    {2, 3, 17}, {2, 2, 3, 33}, {0, 3}, {3, 0}, {2, 130}};

template <typename Op> void softmaxes(std::vector<Case> &cases, Tolerance tolerance) {
  std::string op = Op::getOperationName().str() + " ";
  for (DType dtype : kFloats)
    for (const Shape &shape : sample(kShapes, 5, op + textOf(dtype)))
      for (int64_t axis = 0; axis < int64_t(shape.size()); ++axis)
        for (Fill::Kind fill : {Fill::Moderate, Fill::Any})
          cases.push_back(
              {op + textOf(dtype) + " " + textOf(shape) + " axis " + std::to_string(axis) +
                   (fill == Fill::Any ? " any" : ""),
               {{dtype, shape, {fill}}},
               [axis](GraphBuilder &g, ValueRange x) { return Values{g.make<Op>(x, g.integer("axis", axis))}; },
               tolerance});
}

void layerNorms(std::vector<Case> &cases) {
  for (DType dtype : kFloats)
    for (const Shape &shape : sample(kShapes, 4, "layer_norm" + textOf(dtype)))
      for (int64_t axis = 0; axis < int64_t(shape.size()); ++axis)
        for (int given = 0; given < 4; ++given) {
          Shape normalised(shape.begin() + axis, shape.end());
          std::vector<Input> inputs = {{dtype, shape, {Fill::Moderate}}};
          for (int bit : {1, 2})
            if (given & bit)
              inputs.push_back({dtype, normalised, {Fill::Moderate}});
          // One element has variance 0, and the rest is divided by about 1.
          cases.push_back(
              {"layer_norm " + textOf(dtype) + " " + textOf(shape) + " axis " + std::to_string(axis) + " " +
                   std::to_string(given),
               inputs,
               [axis, given](GraphBuilder &g, ValueRange x) {
                 int32_t hasScale = given & 1, hasBias = given >> 1;
                 return Values{g.make<LayerNormOp>(
                     x, {g.integer("axis", axis), g.real("epsilon", 1e-2),
                         g.attr("operandSegmentSizes", g.attrs().getDenseI32ArrayAttr({1, hasScale, hasBias}))})};
               },
               {8, 4}});
        }
}

void batchNorms(std::vector<Case> &cases) {
  for (DType dtype : kFloats)
    for (const Shape &shape : sample(kShapes, 4, "batch_norm" + textOf(dtype)))
      for (int64_t axis = 0; axis < int64_t(shape.size()); ++axis) {
        Input channel{dtype, {shape[size_t(axis)]}, {Fill::Moderate}};
        Input variance{dtype, {shape[size_t(axis)]}, range(1, 9)};
        cases.push_back({"batch_norm " + textOf(dtype) + " " + textOf(shape) + " axis " + std::to_string(axis),
                         {{dtype, shape, {Fill::Moderate}}, channel, channel, channel, variance},
                         [axis](GraphBuilder &g, ValueRange x) {
                           return Values{g.make<BatchNormOp>(x, {g.integer("axis", axis), g.real("epsilon", 1e-5)})};
                         },
                         {4, 4}});
      }
}

} // namespace

std::vector<Case> normalizationCases() {
  std::vector<Case> cases;
  softmaxes<SoftmaxOp>(cases, {6, 1e-6});
  softmaxes<LogSoftmaxOp>(cases, {6, 4});
  layerNorms(cases);
  batchNorms(cases);
  return cases;
}

} // namespace mlc::sweep
