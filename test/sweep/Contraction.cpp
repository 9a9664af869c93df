// Matrix products, convolutions and attention: shapes around the tiles, all attributes.
#include "dialects/mlc/Inference.h"
#include "test/sweep/Sweep.h"

using namespace mlir;

namespace mlc::sweep {
namespace {

// Sums of `depth` products of numbers in [-2, 2]: rounding errors add up as a random walk. f16 and bf16 accumulate in
// f32 and round once; sums in f64 are compared with one that is rounded just as they are, in another order.
Tolerance sumOf(DType dtype, int64_t depth) {
  double terms = std::max<double>(1, std::sqrt(double(depth))) * (dtype == DType::F64 ? 2 : 1);
  return dtype == DType::F16 || dtype == DType::BF16 ? Tolerance{1, 0.5} : Tolerance{4 + terms, 4};
}

void matmuls(std::vector<Case> &cases) {
  struct Product {
    Shape lhsBatch, rhsBatch;
    int64_t m, n, k;
  };
  const std::vector<Product> all = {{{}, {}, 1, 1, 1},      {{}, {}, 1, 17, 5},  {{}, {}, 9, 1, 7},
                                    {{}, {}, 5, 7, 1},      {{}, {}, 7, 50, 33}, {{}, {}, 16, 16, 16},
                                    {{}, {}, 65, 31, 40},   {{3}, {3}, 5, 9, 4}, {{2, 3}, {2, 3}, 7, 18, 9},
                                    {{2, 1}, {3}, 4, 5, 6}, {{}, {4}, 3, 33, 5}, {{4}, {}, 3, 6, 5},
                                    {{1}, {5}, 2, 2, 2},    {{}, {}, 0, 4, 3},   {{}, {}, 4, 0, 3},
                                    {{}, {}, 4, 3, 0},      {{0}, {1}, 2, 3, 4}, {{2}, {1, 1}, 33, 3, 65}};
  for (DType dtype : kNumbers)
    for (const Product &p : sample(all, isFloat(dtype) ? 7 : 5, "matmul" + textOf(dtype)))
      for (int transposes = 0; transposes < 4; ++transposes) {
        if (!isFull() && !isFloat(dtype) && transposes % 2)
          continue;
        auto matrix = [](Shape batch, int64_t rows, int64_t columns, bool transpose) {
          batch.push_back(transpose ? columns : rows);
          batch.push_back(transpose ? rows : columns);
          return batch;
        };
        Shape lhs = matrix(p.lhsBatch, p.m, p.k, transposes & 1), rhs = matrix(p.rhsBatch, p.k, p.n, transposes & 2);
        cases.push_back(
            {"matmul " + textOf(dtype) + " " + textOf(lhs) + " " + textOf(rhs) + " " + std::to_string(transposes),
             {{dtype, lhs, {Fill::Sparse}}, {dtype, rhs, {Fill::Moderate}}},
             [transposes](GraphBuilder &g, ValueRange x) {
               std::vector<NamedAttribute> attributes;
               if (transposes & 1)
                 attributes.push_back(g.unit("transpose_lhs"));
               if (transposes & 2)
                 attributes.push_back(g.unit("transpose_rhs"));
               return Values{g.make<MatmulOp>(x, attributes)};
             },
             sumOf(dtype, p.k)});
      }
}

void packedMatmuls(std::vector<Case> &cases) {
  struct Product {
    Shape lhs;
    int64_t n;
  };
  for (DType dtype : kFloats)
    for (const auto &[lhs, n] :
         std::vector<Product>{{{5}, 9}, {{7, 5}, 33}, {{2, 9, 40}, 16}, {{1, 1}, 1}, {{0, 3}, 4}})
      for (auto [lanes, interleave] : {std::pair(4, 1), std::pair(16, 1), std::pair(16, 2), std::pair(16, 4)})
        cases.push_back(
            {"packed_matmul " + textOf(dtype) + " " + textOf(lhs) + " " + std::to_string(n) + " lanes " +
                 std::to_string(lanes) + "x" + std::to_string(interleave),
             {{dtype, lhs, {Fill::Sparse}}, {dtype, {lhs.back(), n}, {Fill::Moderate}}},
             [lanes, interleave, n = n](GraphBuilder &g, ValueRange x) {
               Value packed = g.make<PackOp>(x[1], {g.integer("lanes", lanes), g.integer("interleave", interleave)});
               Shape low(mlc::shapeOf(x[0]).size(), 0), high = low;
               high.back() = llvm::alignTo(mlc::shapeOf(x[0]).back(), interleave) - mlc::shapeOf(x[0]).back();
               Value lhs = high.back()
                               ? g.make<PadOp>(x[0], {g.ints("low", low), g.ints("high", high), g.real("value", 0)})
                               : x[0];
               return Values{g.make<PackedMatmulOp>({lhs, packed}, g.integer("n", n))};
             },
             sumOf(dtype, lhs.back())});
}

struct Conv {
  std::string name;
  int64_t images, channels, outputs, groups;
  Shape size, window, strides, low, high, dilations;
};

const std::vector<Conv> kConvs = {{"1d", 1, 3, 5, 1, {11}, {3}, {1}, {1}, {1}, {1}},
                                  {"1d strided", 2, 4, 2, 2, {13}, {4}, {3}, {2}, {0}, {1}},
                                  {"pointwise", 1, 5, 18, 1, {6, 7}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {1, 1}},
                                  {"pointwise strided", 1, 16, 16, 1, {9, 9}, {1, 1}, {2, 2}, {0, 0}, {0, 0}, {1, 1}},
                                  {"3x3", 1, 7, 33, 1, {9, 8}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
                                  {"3x3 strided", 2, 3, 16, 1, {10, 11}, {3, 3}, {2, 2}, {0, 1}, {1, 2}, {1, 1}},
                                  {"7x7", 1, 3, 8, 1, {15, 15}, {7, 7}, {2, 2}, {3, 3}, {3, 3}, {1, 1}},
                                  {"dilated", 1, 4, 5, 1, {12, 13}, {3, 2}, {1, 2}, {2, 1}, {1, 0}, {2, 3}},
                                  {"grouped", 1, 6, 9, 3, {6, 6}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
                                  {"depthwise", 1, 17, 17, 17, {8, 9}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
                                  {"depthwise strided", 1, 16, 16, 16, {9, 9}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}},
                                  {"depthwise doubled", 1, 4, 8, 4, {5, 5}, {2, 2}, {1, 1}, {0, 0}, {0, 0}, {1, 1}},
                                  {"one pixel", 1, 1, 1, 1, {1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {1, 1}},
                                  {"whole window", 1, 3, 4, 1, {5, 4}, {5, 4}, {1, 1}, {0, 0}, {0, 0}, {1, 1}},
                                  {"3d", 1, 2, 3, 1, {4, 5, 6}, {2, 3, 2}, {1, 2, 1}, {1, 0, 0}, {0, 1, 1}, {1, 1, 2}},
                                  {"no image", 0, 3, 4, 1, {5, 5}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}}};

Shape shapeOfImage(const Conv &c, int64_t channels, bool last) {
  Shape shape = {c.images};
  if (!last)
    shape.push_back(channels);
  shape.insert(shape.end(), c.size.begin(), c.size.end());
  if (last)
    shape.push_back(channels);
  return shape;
}

Shape shapeOfFilter(const Conv &c, bool last) {
  if (!last) {
    Shape shape = {c.outputs, c.channels / c.groups};
    shape.insert(shape.end(), c.window.begin(), c.window.end());
    return shape;
  }
  Shape shape = c.window;
  shape.push_back(c.channels / c.groups);
  shape.push_back(c.outputs);
  return shape;
}

std::vector<NamedAttribute> attributesOf(const Conv &c, GraphBuilder &g, bool last) {
  return {g.ints("strides", c.strides),
          g.ints("pad_low", c.low),
          g.ints("pad_high", c.high),
          g.ints("dilations", c.dilations),
          g.integer("groups", c.groups),
          g.attr("layout", LayoutAttr::get(g.context(), last ? Layout::ChannelsLast : Layout::ChannelsFirst))};
}

int64_t depthOf(const Conv &c) {
  int64_t depth = c.channels / c.groups;
  for (int64_t size : c.window)
    depth *= size;
  return depth;
}

void convs(std::vector<Case> &cases) {
  for (DType dtype : kFloats)
    for (const Conv &c : sample(kConvs, dtype == DType::F32 ? kConvs.size() : 5, "conv" + textOf(dtype)))
      for (bool last : {false, true})
        cases.push_back(
            {"conv " + c.name + " " + textOf(dtype) + (last ? " channels last" : ""),
             {{dtype, shapeOfImage(c, c.channels, last), {Fill::Sparse}},
              {dtype, shapeOfFilter(c, last), {Fill::Moderate}}},
             [c, last](GraphBuilder &g, ValueRange x) { return Values{g.make<ConvOp>(x, attributesOf(c, g, last))}; },
             sumOf(dtype, depthOf(c))});
}

void packedConvs(std::vector<Case> &cases) {
  for (DType dtype : kFloats)
    for (const Conv &c : kConvs) {
      if (c.groups != 1 || (!isFull() && dtype != DType::F32 && c.window.size() != 2))
        continue;
      cases.push_back({"packed_conv " + c.name + " " + textOf(dtype),
                       {{dtype, shapeOfImage(c, c.channels, true), {Fill::Sparse}},
                        {dtype, shapeOfFilter(c, true), {Fill::Moderate}}},
                       [&c](GraphBuilder &g, ValueRange x) {
                         Shape low(c.size.size() + 2, 0), high = low;
                         std::copy(c.low.begin(), c.low.end(), low.begin() + 1);
                         std::copy(c.high.begin(), c.high.end(), high.begin() + 1);
                         Value image =
                             g.make<PadOp>(x[0], {g.ints("low", low), g.ints("high", high), g.real("value", 0)});
                         Value filter = g.make<PackOp>(x[1], g.integer("lanes", 16));
                         return Values{g.make<PackedConvOp>({image, filter}, {g.ints("strides", c.strides),
                                                                              g.ints("dilations", c.dilations),
                                                                              g.integer("out_channels", c.outputs)})};
                       },
                       sumOf(dtype, depthOf(c))});
    }
}

// Groups in panels: several whole ones in one, panels of each alone, full and padded.
const std::vector<Conv> kGrouped = {
    {"4 of 4", 1, 16, 16, 4, {7, 9}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    {"8 of 4 strided", 2, 32, 32, 8, {7, 8}, {3, 3}, {2, 2}, {1, 1}, {1, 0}, {1, 1}},
    {"4 of 8", 1, 32, 32, 4, {6, 5}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    {"2 of 16", 1, 32, 32, 2, {9, 11}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    {"2 of 40", 1, 14, 80, 2, {5, 5}, {3, 2}, {1, 1}, {1, 0}, {1, 0}, {1, 1}},
    {"3 of 24 by 7", 1, 21, 72, 3, {4, 19}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {1, 1}},
    {"prime groups", 3, 35, 14, 7, {11, 3}, {3, 1}, {1, 1}, {2, 3}, {3, 2}, {2, 1}},
    {"odd groups", 1, 15, 15, 5, {7, 7}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    {"wide groups of few", 1, 160, 16, 4, {3, 4}, {2, 2}, {1, 1}, {0, 0}, {1, 1}, {1, 1}},
    {"groups of one", 1, 36, 12, 12, {6, 6}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    {"depthwise doubled", 1, 24, 48, 24, {9, 10}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    {"long sums", 1, 4 * 130, 8, 4, {5, 3}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    {"1d dilated", 2, 12, 24, 6, {23}, {3}, {1}, {2}, {2}, {2}},
    {"3d", 1, 8, 8, 2, {4, 3, 5}, {2, 3, 2}, {1, 2, 1}, {1, 1, 0}, {0, 1, 1}, {1, 1, 1}}};

// As mlc-pack-weights does it.
mlir::Value packGroups(GraphBuilder &g, mlir::Value filter, const Conv &c) {
  constexpr int64_t lanes = 16;
  Shape shape = shapeOfFilter(c, true);
  int64_t each = c.outputs / c.groups, missing = (lanes - each % lanes) % lanes;
  if (each < lanes) {
    int64_t together = std::min(c.groups, lanes / each);
    while (c.groups % together)
      --together;
    return g.make<PackOp>(filter, g.integer("lanes", together * each));
  }
  shape.back() = c.groups;
  shape.push_back(each);
  Shape low(shape.size(), 0), high = low;
  high.back() = missing;
  Value split = g.make<ReshapeOp>(filter, g.ints("shape", shape));
  Value padded = g.make<PadOp>(split, {g.ints("low", low), g.ints("high", high), g.real("value", 0)});
  shape.pop_back();
  shape.back() = c.groups * (each + missing);
  return g.make<PackOp>(g.make<ReshapeOp>(padded, g.ints("shape", shape)), g.integer("lanes", lanes));
}

Shape shapeOfResult(const Conv &c) { // channels last
  Shape result = {c.images};
  for (size_t d = 0; d < c.size.size(); ++d)
    result.push_back((c.size[d] + c.low[d] + c.high[d] - c.dilations[d] * (c.window[d] - 1) - 1) / c.strides[d] + 1);
  result.push_back(c.outputs);
  return result;
}

// With all that may come behind: a bias, a residual, relu.
void groupedConvs(std::vector<Case> &cases) {
  for (DType dtype : kFloats)
    for (const Conv &c : sample(kGrouped, dtype == DType::F32 ? kGrouped.size() : 5, "grouped" + textOf(dtype)))
      for (bool more : {false, true}) {
        std::vector<Input> inputs = {{dtype, shapeOfImage(c, c.channels, true), {Fill::Sparse}},
                                     {dtype, shapeOfFilter(c, true), {Fill::Moderate}}};
        if (more) {
          inputs.push_back({dtype, {c.outputs}, {Fill::Moderate}});
          inputs.push_back({dtype, shapeOfResult(c), {Fill::Moderate}});
        }
        Tolerance tolerance = sumOf(dtype, depthOf(c));
        if (more && (dtype == DType::F16 || dtype == DType::BF16)) // three roundings, of numbers of this size
          tolerance = {2, 8};
        cases.push_back(
            {"packed_conv " + c.name + " " + textOf(dtype) + (more ? " with epilogue" : ""), inputs,
             [c, more](GraphBuilder &g, ValueRange x) {
               Shape low(c.size.size() + 2, 0), high = low;
               std::copy(c.low.begin(), c.low.end(), low.begin() + 1);
               std::copy(c.high.begin(), c.high.end(), high.begin() + 1);
               Value image = g.make<PadOp>(x[0], {g.ints("low", low), g.ints("high", high), g.real("value", 0)});
               Value y = g.make<PackedConvOp>({image, packGroups(g, x[1], c)},
                                              {g.ints("strides", c.strides), g.ints("dilations", c.dilations),
                                               g.integer("out_channels", c.outputs), g.integer("groups", c.groups)});
               if (more) {
                 y = g.make<AddOp>({y, x[2]});
                 y = g.make<ReluOp>(g.make<AddOp>({y, x[3]}));
               }
               return Values{y};
             },
             tolerance});
      }
}

// A window for each channel: lines of blocks at borders and inside, of all sizes; padding wider than the window.
const std::vector<Conv> kDepthwise = {
    {"30 columns", 1, 40, 40, 40, {5, 30}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    {"one result", 2, 16, 16, 16, {3, 3}, {3, 3}, {1, 1}, {0, 0}, {0, 0}, {1, 1}},
    {"two channels", 3, 2, 2, 2, {4, 17}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    {"5x5 strided", 1, 33, 33, 33, {9, 41}, {5, 5}, {2, 2}, {2, 2}, {2, 2}, {1, 1}},
    {"stride above window", 1, 16, 16, 16, {10, 50}, {2, 2}, {3, 5}, {1, 1}, {0, 3}, {1, 1}},
    {"dilated", 1, 24, 24, 24, {11, 33}, {3, 3}, {1, 1}, {4, 4}, {4, 4}, {4, 4}},
    {"padding alone", 1, 17, 17, 17, {2, 3}, {2, 2}, {1, 1}, {5, 12}, {4, 9}, {2, 3}},
    {"valid", 2, 20, 20, 20, {8, 25}, {3, 4}, {1, 1}, {0, 0}, {0, 0}, {1, 1}},
    {"1d", 1, 130, 130, 130, {37}, {7}, {1}, {6}, {0}, {1}},
    {"1d long window", 1, 19, 19, 19, {70}, {45}, {1}, {22}, {22}, {1}},
    {"3d", 1, 18, 18, 18, {4, 5, 12}, {2, 3, 3}, {1, 2, 1}, {1, 1, 1}, {0, 1, 1}, {1, 1, 1}},
    {"column", 1, 16, 16, 16, {9, 1}, {3, 1}, {1, 1}, {1, 0}, {1, 0}, {1, 1}}};

// What comes behind: nothing, what stays in registers, what is a loop.
void depthwiseConvs(std::vector<Case> &cases) {
  for (DType dtype : kFloats)
    for (const Conv &c : sample(kDepthwise, dtype == DType::F32 ? kDepthwise.size() : 4, "depthwise" + textOf(dtype)))
      for (const std::string epilogue : {"", " with a residual", " with gelu"}) {
        std::vector<Input> inputs = {{dtype, shapeOfImage(c, c.channels, true), {Fill::Sparse}},
                                     {dtype, shapeOfFilter(c, true), {Fill::Moderate}}};
        if (epilogue == " with a residual")
          inputs.push_back({dtype, shapeOfResult(c), {Fill::Moderate}});
        Tolerance tolerance = sumOf(dtype, depthOf(c));
        if (!epilogue.empty() && (dtype == DType::F16 || dtype == DType::BF16)) // roundings in between
          tolerance = {2, 8};
        cases.push_back({"depthwise " + c.name + " " + textOf(dtype) + epilogue, inputs,
                         [c, epilogue](GraphBuilder &g, ValueRange x) {
                           Value y = g.make<ConvOp>(x.take_front(2), attributesOf(c, g, true));
                           if (epilogue == " with a residual")
                             y = g.make<ReluOp>(g.make<AddOp>({y, x[2]}));
                           else if (!epilogue.empty())
                             y = g.make<GeluOp>(y);
                           return Values{y};
                         },
                         tolerance});
      }
}

void attentions(std::vector<Case> &cases) {
  struct Heads {
    int64_t batch, heads, keyHeads, queries, keys, size, valueSize;
  };
  for (DType dtype : kFloats)
    for (const Heads &h :
         sample<Heads>({{1, 1, 1, 1, 1, 1, 1}, {2, 3, 3, 5, 7, 4, 6}, {1, 4, 2, 9, 9, 8, 8}, {1, 2, 1, 17, 33, 16, 5}},
                       2, textOf(dtype)))
      for (HeadLayout layout : {HeadLayout::BHSD, HeadLayout::BSHD})
        for (int mask = 0; mask < 3; ++mask) { // none; per key, with a guard; per score and causal
          auto shape = [&](int64_t heads, int64_t sequence, int64_t size) {
            return layout == HeadLayout::BHSD ? Shape{h.batch, heads, sequence, size}
                                              : Shape{h.batch, sequence, heads, size};
          };
          std::vector<Input> inputs = {{dtype, shape(h.heads, h.queries, h.size), {Fill::Moderate}},
                                       {dtype, shape(h.keyHeads, h.keys, h.size), {Fill::Moderate}},
                                       {dtype, shape(h.keyHeads, h.keys, h.valueSize), {Fill::Moderate}}};
          if (mask)
            inputs.push_back(
                {dtype, mask == 1 ? Shape{h.batch, 1, 1, h.keys} : Shape{h.queries, h.keys}, {Fill::Moderate}});
          bool narrow = dtype == DType::F16 || dtype == DType::BF16;
          cases.push_back(
              {"attention " + textOf(dtype) + " " + std::to_string(h.queries) + "x" + std::to_string(h.keys) + " " +
                   stringifyHeadLayout(layout).str() + " mask " + std::to_string(mask),
               inputs,
               [=](GraphBuilder &g, ValueRange x) {
                 std::vector<NamedAttribute> attributes = {g.real("scale", 0.25),
                                                           g.attr("layout", HeadLayoutAttr::get(g.context(), layout))};
                 if (mask)
                   attributes.push_back(g.unit(mask == 1 ? "zero_nan_rows" : "causal"));
                 return Values{g.make<AttentionOp>(x, attributes)};
               },
               narrow ? Tolerance{2, 2} : Tolerance{16, 2}});
        }
}

} // namespace

std::vector<Case> contractionCases() {
  std::vector<Case> cases;
  matmuls(cases);
  packedMatmuls(cases);
  convs(cases);
  packedConvs(cases);
  groupedConvs(cases);
  depthwiseConvs(cases);
  attentions(cases);
  return cases;
}

} // namespace mlc::sweep
