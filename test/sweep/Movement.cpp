// Ops that move elements, in every type: results are the same bytes.
#include "test/sweep/Sweep.h"

using namespace mlir;

namespace mlc::sweep {
namespace {

// A movement of one input, in all types or some.
void one(std::vector<Case> &cases, const std::string &name, const Shape &shape,
         std::function<Value(GraphBuilder &, Value)> make, size_t types = 3) {
  for (DType dtype : sample(kAll, types, name + textOf(shape)))
    cases.push_back({name + " " + textOf(dtype) + " " + textOf(shape),
                     {{dtype, shape, {}}},
                     [make](GraphBuilder &g, ValueRange x) { return Values{make(g, x[0])}; },
                     {}});
}

std::string textOfList(ArrayRef<int64_t> values) {
  std::string text;
  for (int64_t value : values)
    text += (text.empty() ? "" : ",") + std::to_string(value);
  return "[" + text + "]";
}

void transposes(std::vector<Case> &cases) {
  struct Permuted {
    Shape shape, permutation;
  };
  for (const auto &[shape, permutation] : std::vector<Permuted>{{{}, {}},
                                                                {{7}, {0}},
                                                                {{5, 9}, {1, 0}},
                                                                {{1, 33}, {1, 0}},
                                                                {{64, 48}, {1, 0}},
                                                                {{3, 4, 5}, {2, 0, 1}},
                                                                {{2, 17, 3}, {1, 0, 2}},
                                                                {{2, 3, 5, 9}, {0, 2, 1, 3}},
                                                                {{2, 3, 4, 5}, {3, 2, 1, 0}},
                                                                {{2, 0, 4}, {2, 1, 0}},
                                                                {{2, 3, 1, 4, 5}, {4, 0, 2, 1, 3}}})
    one(cases, "transpose " + textOfList(permutation), shape,
        [permutation](GraphBuilder &g, Value x) { return g.make<TransposeOp>(x, g.ints("permutation", permutation)); });
}

void reshapes(std::vector<Case> &cases) {
  struct Reshaped {
    Shape from, to;
  };
  for (const auto &[from, to] : std::vector<Reshaped>{{{6}, {2, 3}},
                                                      {{}, {1, 1}},
                                                      {{1, 1}, {}},
                                                      {{2, 3, 4}, {4, 6}},
                                                      {{0, 3}, {5, 0}},
                                                      {{2, 1, 9}, {18}},
                                                      {{3, 8}, {4, 6}}}) {
    auto make = [to](GraphBuilder &g, Value x) { return g.make<ReshapeOp>(x, g.ints("shape", to)); };
    one(cases, "reshape to " + textOf(to), from, make);
    // As part of a kernel: behind a transpose, before one.
    one(cases, "reshape of a reversed to " + textOf(to), from, [make](GraphBuilder &g, Value x) {
      SmallVector<int64_t> permutation(
          llvm::reverse(llvm::seq<int64_t>(0, cast<RankedTensorType>(x.getType()).getRank())));
      return make(g, g.make<TransposeOp>(x, g.ints("permutation", permutation)));
    });
  }
}

void broadcasts(std::vector<Case> &cases) {
  struct Stretched {
    Shape from, to;
  };
  for (const auto &[from, to] : std::vector<Stretched>{{{}, {3, 5}},
                                                       {{1}, {33}},
                                                       {{5}, {3, 5}},
                                                       {{3, 1}, {3, 19}},
                                                       {{2, 1, 4}, {2, 3, 4}},
                                                       {{1, 4}, {0, 4}},
                                                       {{7}, {7}},
                                                       {{1, 1, 3}, {2, 5, 3}}})
    one(cases, "broadcast to " + textOf(to), from,
        [to](GraphBuilder &g, Value x) { return g.make<BroadcastOp>(x, g.ints("shape", to)); });
}

void slices(std::vector<Case> &cases) {
  struct Box {
    Shape shape, offsets, sizes, strides;
  };
  for (const auto &[shape, offsets, sizes, strides] : std::vector<Box>{{{9}, {2}, {5}, {1}},
                                                                       {{9}, {8}, {9}, {-1}},
                                                                       {{40}, {1}, {20}, {2}},
                                                                       {{4, 8}, {0, 2}, {4, 3}, {1, 2}},
                                                                       {{4, 8}, {3, 7}, {2, 4}, {-2, -2}},
                                                                       {{4, 33}, {1, 0}, {2, 33}, {1, 1}},
                                                                       {{3, 5}, {0, 0}, {0, 5}, {1, 1}},
                                                                       {{2, 3, 17}, {0, 2, 16}, {2, 1, 17}, {1, 1, -1}},
                                                                       {{2, 3, 17}, {1, 0, 3}, {1, 3, 7}, {1, 1, 2}},
                                                                       {{0, 3}, {0, 1}, {0, 2}, {1, 1}},
                                                                       {{}, {}, {}, {}}})
    one(cases, "slice " + textOfList(offsets) + textOfList(sizes) + textOfList(strides), shape,
        [=](GraphBuilder &g, Value x) {
          return g.make<SliceOp>(x, {g.ints("offsets", offsets), g.ints("sizes", sizes), g.ints("strides", strides)});
        });
}

void pads(std::vector<Case> &cases) {
  struct Padded {
    Shape shape, low, high;
    double value;
  };
  for (const auto &[shape, low, high, value] : std::vector<Padded>{{{5}, {2}, {3}, 0},
                                                                   {{5}, {0}, {0}, 1},
                                                                   {{3, 5}, {1, 0}, {0, 4}, 1},
                                                                   {{2, 3, 4}, {0, 1, 2}, {3, 0, 1}, -1},
                                                                   {{0, 3}, {1, 0}, {1, 1}, 2},
                                                                   {{0}, {0}, {0}, 1},
                                                                   {{}, {}, {}, 1},
                                                                   {{1, 31}, {1, 1}, {1, 1}, 300},
                                                                   {{4}, {1}, {1}, -INFINITY},
                                                                   {{4}, {1}, {1}, NAN},
                                                                   {{4}, {1}, {1}, 0.1}})
    one(
        cases, "pad " + textOfList(low) + textOfList(high) + " " + std::to_string(value), shape,
        [=](GraphBuilder &g, Value x) {
          return g.make<PadOp>(x, {g.ints("low", low), g.ints("high", high), g.real("value", value)});
        },
        6);
}

void concats(std::vector<Case> &cases) {
  struct Joined {
    std::vector<Shape> shapes;
    int64_t axis;
  };
  std::vector<Joined> all = {{{{3}}, 0},
                             {{{3}, {5}}, 0},
                             {{{3, 5}, {3, 1}, {3, 18}}, 1},
                             {{{1, 5}, {4, 5}}, 0},
                             {{{2, 0, 3}, {2, 4, 3}, {2, 0, 3}}, 1},
                             {{{2, 3, 4}, {2, 3, 4}}, 2},
                             {{{0, 2}, {0, 3}}, 1}};
  all.push_back({std::vector<Shape>(20, Shape{2, 3}), 1}); // many
  all.push_back({std::vector<Shape>(9, Shape{1}), 0});
  for (const auto &[shapes, axis] : all)
    for (DType dtype : sample(kAll, 3, textOf(shapes.back()) + std::to_string(shapes.size()))) {
      std::vector<Input> inputs;
      for (const Shape &shape : shapes)
        inputs.push_back({dtype, shape, {}});
      cases.push_back(
          {"concat " + textOf(dtype) + " " + std::to_string(shapes.size()) + " of " + textOf(shapes.front()) +
               " axis " + std::to_string(axis),
           inputs,
           [axis](GraphBuilder &g, ValueRange x) { return Values{g.make<ConcatOp>(x, g.integer("axis", axis))}; },
           {}});
    }
  cases.push_back(
      {"concat of one value twice",
       {{DType::F32, {3, 5}, {}}},
       [](GraphBuilder &g, ValueRange x) { return Values{g.make<ConcatOp>({x[0], x[0]}, g.integer("axis", 1))}; },
       {}});
}

void gathers(std::vector<Case> &cases) {
  struct Taken {
    Shape data;
    int64_t axis;
    Shape indices;
  };
  for (const auto &[data, axis, indices] : std::vector<Taken>{{{9}, 0, {5}},
                                                              {{9}, 0, {}},
                                                              {{7, 5}, 0, {3}},
                                                              {{7, 5}, 1, {2, 3}},
                                                              {{2, 7, 33}, 1, {4}},
                                                              {{2, 3, 7}, 2, {1}},
                                                              {{1, 3}, 0, {4}},
                                                              {{4, 0}, 0, {3}},
                                                              {{4, 3}, 0, {0}},
                                                              {{0, 4, 3}, 1, {2}}})
    for (DType dtype : sample(kAll, 4, textOf(data) + textOf(indices)))
      for (DType indexType : {DType::I32, DType::I64})
        cases.push_back(
            {"gather " + textOf(dtype) + " " + textOf(data) + " axis " + std::to_string(axis) + " " +
                 textOf(indexType) + " " + textOf(indices),
             {{dtype, data, {}}, {indexType, indices, range(-data[size_t(axis)], data[size_t(axis)] - 1)}},
             [axis](GraphBuilder &g, ValueRange x) { return Values{g.make<GatherOp>(x, g.integer("axis", axis))}; },
             {}});
  for (auto [low, high] : {std::pair<int64_t, int64_t>{7, 9}, {-10, -8}})
    for (DType indexType : {DType::I32, DType::I64}) {
      Case outside{"gather outside " + textOf(indexType) + " " + std::to_string(low),
                   {{DType::F32, {7, 5}, {}}, {indexType, {3}, range(low, high)}},
                   [](GraphBuilder &g, ValueRange x) { return Values{g.make<GatherOp>(x, g.integer("axis", 0))}; },
                   {}};
      outside.refuses = true;
      cases.push_back(outside);
    }
}

void scatters(std::vector<Case> &cases) {
  auto add = [&](ScatterKind kind, DType dtype, DType indexType, const Shape &data, const Shape &indices, int64_t low,
                 int64_t high, bool refuses) {
    Shape updates = indices;
    updates.insert(updates.end(), data.begin() + 1, data.end());
    Case scatter{"scatter " + stringifyScatterKind(kind).str() + " " + textOf(dtype) + " " + textOf(data) + " " +
                     textOf(indexType) + " " + textOf(indices) + " " + std::to_string(low),
                 {{dtype, data, {}}, {indexType, indices, range(low, high)}, {dtype, updates, {}}},
                 [kind](GraphBuilder &g, ValueRange x) {
                   return Values{g.make<ScatterOp>(x, g.attr("kind", ScatterKindAttr::get(g.context(), kind)))};
                 },
                 {}};
    scatter.refuses = refuses;
    cases.push_back(scatter);
  };
  for (const auto &[data, indices] : std::vector<std::pair<Shape, Shape>>{{{9}, {5}},
                                                                          {{9}, {}},
                                                                          {{7, 5}, {12}},
                                                                          {{3, 2, 33}, {2, 3}},
                                                                          {{2, 1025}, {3}},
                                                                          {{4, 0}, {3}},
                                                                          {{4, 3}, {0}}}) {
    for (DType dtype : sample(kAll, 4, textOf(data)))
      for (DType indexType : {DType::I32, DType::I64})
        add(ScatterKind::Set, dtype, indexType, data, indices, -data[0], data[0] - 1, false);
    for (DType dtype : {DType::F32, DType::F64, DType::I8, DType::U8, DType::I32, DType::U64})
      for (ScatterKind kind : {ScatterKind::Add, ScatterKind::Mul, ScatterKind::Max, ScatterKind::Min})
        add(kind, dtype, DType::I64, data, indices, -data[0], data[0] - 1, false);
  }
  for (auto [low, high] : {std::pair<int64_t, int64_t>{7, 9}, {-10, -8}})
    add(ScatterKind::Add, DType::F32, DType::I64, {7, 5}, {3}, low, high, true);
}

void packs(std::vector<Case> &cases) {
  for (const Shape &shape : {Shape{16}, Shape{5, 33}, Shape{2, 3, 7}, Shape{1, 1}, Shape{3, 0}})
    for (int64_t lanes : {1, 4, 16}) {
      auto pack = [=](GraphBuilder &g, Value x) { return g.make<PackOp>(x, g.integer("lanes", lanes)); };
      one(cases, "pack " + std::to_string(lanes), shape, pack, 2);
      one(
          cases, "unpack " + std::to_string(lanes), shape,
          [=](GraphBuilder &g, Value x) { return g.make<UnpackOp>(pack(g, x), g.integer("size", shape.back())); }, 2);
    }
}

} // namespace

std::vector<Case> movementCases() {
  std::vector<Case> cases;
  transposes(cases);
  reshapes(cases);
  broadcasts(cases);
  slices(cases);
  pads(cases);
  concats(cases);
  gathers(cases);
  scatters(cases);
  packs(cases);
  return cases;
}

} // namespace mlc::sweep
