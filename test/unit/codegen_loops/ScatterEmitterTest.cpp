// Scatter: every kind and element type against the interpreter; empty rows, many columns, wrong indices.
#include "codegen/loops/LoopEmitter.h"
#include "test/unit/codegen/Harness.h"

namespace mlc::codegen {
namespace {

using namespace test;

std::string scatter(const std::string &kind, const std::string &element, int64_t size, int64_t count, int64_t columns) {
  auto tensor = [&](int64_t rows, const std::string &type, bool isRow) {
    return "tensor<" + std::to_string(rows) + "x" + (isRow ? std::to_string(columns) + "x" : "") + type + ">";
  };
  std::string data = tensor(size, element, true), ids = tensor(count, "i64", false),
              updates = tensor(count, element, true);
  return "func.func @k(%d: " + data + ", %i: " + ids + ", %u: " + updates + ") -> " + data + " {\n  %r = mlc.scatter " +
         kind + " %d, %i, %u : (" + data + ", " + ids + ", " + updates + ") -> " + data + "\n  return %r : " + data +
         "\n}";
}

TEST(Scatter, EveryKindAndType) {
  auto emitter = createScatterEmitter();
  for (const char *kind : {"set", "add", "mul", "max", "min"})
    for (const char *element : {"f32", "f64", "i8", "i32", "i64"}) {
      SCOPED_TRACE(std::string(kind) + " of " + element);
      CheckOptions options;
      options.bound = 5; // indices, repeated ones among them
      checkAgainstReference(*emitter, scatter(kind, element, 5, 12, 3), options);
    }
  for (const char *element : {"bf16", "f16", "i1"}) {
    CheckOptions options;
    options.bound = 2;
    checkAgainstReference(*emitter, scatter("set", element, 5, 12, 3), options);
  }
}

TEST(Scatter, SizesOfRows) {
  auto emitter = createScatterEmitter();
  for (int64_t columns : {1, 17, 1023, 1024, 1025, 4100}) {
    SCOPED_TRACE(columns);
    CheckOptions options;
    options.bound = 3;
    checkAgainstReference(*emitter, scatter("add", "f32", 3, 7, columns), options);
  }
  checkAgainstReference(*emitter, scatter("add", "f32", 3, 0, 4)); // nothing to add
}

TEST(Scatter, WrongIndexIsReported) {
  Kernel kernel(scatter("set", "f32", 3, 2, 2));
  auto emitter = createScatterEmitter();
  TargetDesc target = targetOf("x86-64-v3");
  ASSERT_TRUE(emitter->accepts(kernel.function, target));
  LoadedKernel loaded(*emitter, kernel.function, target);
  float data[6] = {1, 2, 3, 4, 5, 6}, updates[4] = {7, 8, 9, 10}, out[6];
  for (auto [index, code] : {std::pair<int64_t, int32_t>{2, MLC_KERNEL_OK},
                             {-3, MLC_KERNEL_OK},
                             {3, MLC_KERNEL_INDEX_OUT_OF_RANGE},
                             {-4, MLC_KERNEL_INDEX_OUT_OF_RANGE}}) {
    int64_t indices[2] = {0, index};
    EXPECT_EQ(loaded.launch({data, indices, updates, out}, 0, loaded.tiles()), code) << index;
  }
}

} // namespace
} // namespace mlc::codegen
