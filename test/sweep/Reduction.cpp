// Reductions over every subset of axes, arg_max and arg_min with NaNs and ties, running sums, pooling.
#include "test/sweep/Sweep.h"

using namespace mlir;

namespace mlc::sweep {
namespace {

void reduces(std::vector<Case> &cases) {
  struct Kind {
    ReduceKind kind;
    const std::vector<DType> &types;
  };
  const std::vector<Shape> shapes = {{},         {1},          {7},    {67},   {3, 5},   {4, 65},
                                     {2, 3, 17}, {3, 1, 2, 5}, {0, 3}, {3, 0}, {1, 300}, {70, 3}};
  for (const Kind &kind : std::vector<Kind>{{ReduceKind::Sum, kNumbers},
                                            {ReduceKind::Mean, kFloats},
                                            {ReduceKind::Max, kNumbers},
                                            {ReduceKind::Min, kNumbers},
                                            {ReduceKind::Prod, kNumbers}})
    for (DType dtype : kind.types) {
      std::string op = "reduce " + stringifyReduceKind(kind.kind).str() + " " + textOf(dtype) + " ";
      for (const Shape &shape : sample(shapes, 3, op)) {
        std::vector<Shape> subsets;
        for (unsigned bits = 0; bits < 1u << shape.size(); ++bits) {
          Shape axes;
          for (size_t i = 0; i < shape.size(); ++i)
            if (bits >> i & 1)
              axes.push_back(int64_t(i));
          subsets.push_back(axes);
        }
        for (const Shape &axes : sample(subsets, 2, op + textOf(shape))) {
          bool keep = (axes.size() + shape.size()) % 2;
          bool extreme = kind.kind == ReduceKind::Max || kind.kind == ReduceKind::Min;
          Fill fill{extreme ? Fill::Any : Fill::Sparse};
          // Sums of n numbers of up to 2 in f32 (f64): the bound of recursive summation, n/2 ulp of the sum of moduli,
          // is far away in practice.
          Tolerance tolerance = extreme ? Tolerance{0, 0, false} : Tolerance{8, 8};
          cases.push_back({op + textOf(shape) + " axes " + textOf(axes) + (keep ? " kept" : ""),
                           {{dtype, shape, fill}},
                           [=](GraphBuilder &g, ValueRange x) {
                             std::vector<NamedAttribute> attributes = {
                                 g.attr("kind", ReduceKindAttr::get(g.context(), kind.kind)), g.ints("axes", axes)};
                             if (keep)
                               attributes.push_back(g.unit("keep_dims"));
                             return Values{g.make<ReduceOp>(x, attributes)};
                           },
                           tolerance});
        }
      }
    }
}

template <typename Op> void argReduces(std::vector<Case> &cases) {
  struct Line {
    Shape shape;
    int64_t axis;
  };
  std::string op = Op::getOperationName().str() + " ";
  for (DType dtype : kNumbers)
    for (const auto &[shape, axis] :
         sample<Line>({{{1}, 0}, {{7}, 0}, {{3, 40}, 1}, {{40, 3}, 0}, {{2, 5, 17}, 1}, {{0, 3}, 1}, {{2, 1}, 1}}, 3,
                      op + textOf(dtype)))
      for (bool last : {false, true})
        for (Fill fill : {Fill{Fill::Any}, range(0, 3)}) { // the second: ties
          bool keep = dtype == DType::F32 || dtype == DType::U8;
          cases.push_back({op + textOf(dtype) + " " + textOf(shape) + " axis " + std::to_string(axis) +
                               (last ? " last" : "") + (fill.kind == Fill::Range ? " ties" : ""),
                           {{dtype, shape, fill}},
                           [axis = axis, last, keep](GraphBuilder &g, ValueRange x) {
                             std::vector<NamedAttribute> attributes = {g.integer("axis", axis)};
                             if (last)
                               attributes.push_back(g.unit("select_last"));
                             if (keep)
                               attributes.push_back(g.unit("keep_dims"));
                             return Values{g.make<Op>(x, attributes)};
                           },
                           {}});
        }
}

void cumSums(std::vector<Case> &cases) {
  struct Line {
    Shape shape;
    int64_t axis;
  };
  for (DType dtype : kNumbers)
    for (const auto &[shape, axis] : sample<Line>({{{7}, 0}, // less than a vector
                                                   {{3, 5}, 1},
                                                   {{3, 5}, 0},
                                                   {{1}, 0},
                                                   {{0, 3}, 0},
                                                   {{3, 0}, 1},
                                                   {{2, 9, 17}, 1},   // a vector and a rest, in columns
                                                   {{3, 2, 1, 1}, 1}, // lanes of the axis, though it is not the last
                                                   {{2, 517}, 1},     // several parts
                                                   {{300, 2, 5}, 0},  // several parts, in columns
                                                   {{20, 1300}, 0},   // several tiles of columns
                                                   {{70001}, 0}},     // parts longer than the least
                                                  3, "cum_sum" + textOf(dtype)))
      for (int flags = 0; flags < 4; ++flags)
        cases.push_back({"cum_sum " + textOf(dtype) + " " + textOf(shape) + " axis " + std::to_string(axis) + " " +
                             std::to_string(flags),
                         {{dtype, shape, {Fill::Sparse}}},
                         [axis = axis, flags](GraphBuilder &g, ValueRange x) {
                           std::vector<NamedAttribute> attributes = {g.integer("axis", axis)};
                           if (flags & 1)
                             attributes.push_back(g.unit("exclusive"));
                           if (flags & 2)
                             attributes.push_back(g.unit("reverse"));
                           return Values{g.make<CumSumOp>(x, attributes)};
                         },
                         {8, 8}});
}

struct Pool {
  Shape image, window, strides, low, high, dilations, ceil; // image: [N, C, spatial...]; ceil: empty for none
};

void pools(std::vector<Case> &cases) {
  const std::vector<Pool> all = {{{1, 1, 5}, {2}, {1}, {0}, {0}, {1}, {}},
                                 {{2, 3, 9}, {3}, {2}, {1}, {1}, {1}, {}},
                                 {{1, 5, 9, 11}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, {}},
                                 {{1, 16, 7, 7}, {2, 3}, {1, 2}, {0, 1}, {1, 0}, {1, 1}, {}},
                                 {{2, 33, 6, 5}, {3, 2}, {1, 1}, {2, 0}, {0, 1}, {2, 1}, {}},
                                 {{1, 3, 8, 8}, {3, 3}, {2, 2}, {0, 0}, {1, 1}, {1, 1}, {1, 1}},
                                 {{1, 2, 7, 7}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {1, 1}, {}},
                                 {{1, 4, 6, 6}, {6, 6}, {1, 1}, {0, 0}, {0, 0}, {1, 1}, {}},
                                 {{1, 2, 4, 5, 6}, {2, 2, 3}, {2, 1, 2}, {1, 0, 1}, {0, 1, 1}, {1, 2, 1}, {}},
                                 {{2, 21, 13, 23}, {3, 3}, {1, 2}, {2, 1}, {2, 2}, {2, 3}, {}},
                                 {{1, 67, 5, 40}, {5, 5}, {1, 1}, {2, 2}, {2, 2}, {1, 1}, {}},
                                 {{1, 3, 1, 1}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, {2, 2}, {}}, // no window has an element
                                 {{0, 3, 5, 5}, {2, 2}, {1, 1}, {0, 0}, {0, 0}, {1, 1}, {}}};
  for (PoolKind kind : {PoolKind::Max, PoolKind::Average})
    for (DType dtype : kNumbers)
      for (const Pool &pool : sample(all, 4, textOf(dtype)))
        for (bool last : {false, true})
          for (bool countPad : {false, true}) {
            if (countPad && kind == PoolKind::Max)
              continue;
            Shape image = pool.image;
            if (last)
              std::rotate(image.begin() + 1, image.begin() + 2, image.end());
            cases.push_back(
                {"pool " + stringifyPoolKind(kind).str() + " " + textOf(dtype) + " " + textOf(image) + " by " +
                     textOf(pool.window) + (last ? " channels last" : "") + (countPad ? " pad counts" : ""),
                 {{dtype, image, {kind == PoolKind::Max ? Fill::Any : Fill::Sparse}}},
                 [=](GraphBuilder &g, ValueRange x) {
                   std::vector<NamedAttribute> attributes = {g.attr("kind", PoolKindAttr::get(g.context(), kind)),
                                                             g.ints("window", pool.window),
                                                             g.ints("strides", pool.strides),
                                                             g.ints("pad_low", pool.low),
                                                             g.ints("pad_high", pool.high),
                                                             g.ints("dilations", pool.dilations)};
                   if (!pool.ceil.empty())
                     attributes.push_back(g.ints("ceil_pad", pool.ceil));
                   if (countPad)
                     attributes.push_back(g.unit("count_include_pad"));
                   if (last)
                     attributes.push_back(g.attr("layout", LayoutAttr::get(g.context(), Layout::ChannelsLast)));
                   return Values{g.make<PoolOp>(x, attributes)};
                 },
                 kind == PoolKind::Max ? Tolerance{0, 0, false} : Tolerance{4, 2}});
          }
}

} // namespace

std::vector<Case> reductionCases() {
  std::vector<Case> cases;
  reduces(cases);
  argReduces<ArgMaxOp>(cases);
  argReduces<ArgMinOp>(cases);
  cumSums(cases);
  pools(cases);
  return cases;
}

} // namespace mlc::sweep
