// Which bucket of an entry point a run takes: the one of its shapes, or the smallest that they can be padded to.
#include "runtime/core/Checks.h"
#include "runtime/core/Module.h"
#include "runtime/core/Tensor.h"
#include <algorithm>
#include <optional>
#include <tuple>

namespace mlc::runtime {
namespace {

// A rank that no bucket has is refused before the shape is read: it may be garbage.
void checkInput(const EntryPlan &entry, size_t input, const mlc_tensor &tensor) {
  auto rankIn = [input](const BucketPlan &plan) {
    const auto *shape = plan.bucket->inputs()->Get(input)->shape();
    return shape ? size_t(shape->size()) : 0;
  };
  const bool known = std::any_of(entry.buckets.begin(), entry.buckets.end(), [&](const BucketPlan &plan) {
    return tensor.rank >= 0 && rankIn(plan) == size_t(tensor.rank);
  });
  checkShape(tensor, known ? size_t(tensor.rank) : rankIn(entry.buckets[0]), "input",
             entry.buckets[0].bucket->inputs()->Get(input)->name()->c_str());
}

// Of one input at a time: buckets that differ in capacity do so for one mask.
class NonZeroCount {
public:
  explicit NonZeroCount(const mlc_tensor *inputs) : inputs(inputs) {}
  uint64_t of(size_t input, const char *name) {
    if (known(input))
      return count;
    checkData(inputs[input], Access::read, "input", name);
    counted = input;
    return count = countNonZeros(inputs[input]);
  }
  std::optional<uint64_t> known(size_t input) const { return input == counted ? std::optional(count) : std::nullopt; }

private:
  const mlc_tensor *inputs;
  size_t counted = SIZE_MAX;
  uint64_t count = 0;
};

bool hasShapes(const BucketPlan &plan, const mlc_tensor *inputs) {
  for (size_t i = 0; i < plan.inputBytes.size(); ++i) {
    const program::TensorSpec &spec = *plan.bucket->inputs()->Get(i);
    const mlc_tensor &input = inputs[i];
    const std::vector<int32_t> &padded = plan.paddedInputs[i];
    if (padded.empty()) {
      if (!sameShapeAndType(spec, input))
        return false;
      continue;
    }
    if (int(input.dtype) != int(spec.dtype()) || size_t(input.rank) != padded.size())
      return false;
    for (size_t dim = 0; dim < padded.size(); ++dim) {
      const int64_t size = input.shape[dim];
      if (padded[dim] < 0 && size != spec.shape()->Get(dim))
        return false;
      if (padded[dim] < 0)
        continue;
      // All that name it have the size of the first, which stands in this input or in one before.
      const PaddedDim &dimension = plan.paddedDims[padded[dim]];
      if (size < 1 || size > dimension.size || size != inputs[dimension.input].shape[dimension.dim])
        return false;
    }
  }
  return true;
}

// The capacity of a bucket that fits the inputs, the largest number where it has none; 0: it does not fit.
uint64_t roomIn(const BucketPlan &plan, const mlc_tensor *inputs, NonZeroCount &nonZeros) {
  if (!hasShapes(plan, inputs))
    return 0;
  uint64_t room = UINT64_MAX;
  for (size_t i = 0; i < plan.inputBytes.size(); ++i) {
    const program::TensorSpec &spec = *plan.bucket->inputs()->Get(i);
    if (!spec.capacity())
      continue;
    if (nonZeros.of(i, spec.name()->c_str()) > spec.capacity())
      return 0;
    room = std::min(room, spec.capacity());
  }
  return room;
}

// "ids: i64[8x128], x: f32[batch<=8 x 3]"
std::string signature(const BucketPlan &plan) {
  std::string result;
  for (size_t i = 0; i < plan.inputBytes.size(); ++i) {
    const program::TensorSpec &spec = *plan.bucket->inputs()->Get(i);
    result += (i ? ", " : "") + spec.name()->str() + ": " + describe(spec);
    if (spec.capacity())
      result += concat(" (at most ", spec.capacity(), " that are not 0)");
  }
  return result;
}

} // namespace

int64_t BucketPlan::outputSize(size_t output, size_t dim, const mlc_tensor *inputs) const {
  const std::vector<int32_t> &padded = paddedOutputs[output];
  if (padded.empty() || padded[dim] < 0)
    return bucket->outputs()->Get(output)->shape()->Get(dim);
  const PaddedDim &dimension = paddedDims[padded[dim]];
  return inputs[dimension.input].shape[dimension.dim];
}

static void checkInputs(const EntryPlan &entry, const mlc_tensor *inputs, size_t count) {
  const size_t expected = entry.buckets[0].inputBytes.size();
  if (count != expected)
    fail(MLC_INVALID_ARGUMENT, concat("entry point '", entry.entry->name()->c_str(), "' takes ", expected, " inputs (",
                                      signature(entry.buckets[0]), "), but ", count, " were given"));
  for (size_t i = 0; i < count; ++i)
    checkInput(entry, i, inputs[i]);
}

void Module::checkBucket(const EntryPlan &entry, size_t bucket, const mlc_tensor *inputs, size_t count) const {
  checkInputs(entry, inputs, count);
  if (!hasShapes(entry.buckets[bucket], inputs))
    fail(MLC_INVALID_ARGUMENT, concat("bucket ", bucket, " of entry point '", entry.entry->name()->c_str(),
                                      "' is not for these inputs, but for ", signature(entry.buckets[bucket])));
}

size_t Module::findBucket(const EntryPlan &entry, const mlc_tensor *inputs, size_t count) const {
  checkInputs(entry, inputs, count);
  // Of those that fit, the smallest; of buckets of the same shapes the one with the least room to spare.
  NonZeroCount nonZeros(inputs);
  size_t best = entry.buckets.size();
  std::tuple<uint64_t, uint64_t> least;
  bool anyPadded = false; // may any dimension be smaller?
  for (size_t b = 0; b < entry.buckets.size(); ++b) {
    const BucketPlan &plan = entry.buckets[b];
    anyPadded |= !plan.paddedDims.empty();
    const std::tuple<uint64_t, uint64_t> size{plan.inputElements, roomIn(plan, inputs, nonZeros)};
    if (std::get<1>(size) && (best == entry.buckets.size() || size < least)) {
      best = b;
      least = size;
    }
  }
  if (best < entry.buckets.size())
    return best;
  std::string given;
  const char *advice = anyPadded ? "\nGive inputs of these shapes and types, with one size from 1 on wherever a "
                                   "dimension has a name, or compile for yours with --shape"
                                 : "\nGive inputs of these shapes and types, or compile for yours with --shape";
  for (size_t i = 0; i < count; ++i) {
    const program::TensorSpec &spec = *entry.buckets[0].bucket->inputs()->Get(i);
    given += concat(i ? ", " : "", spec.name()->c_str(), ": ", describe(inputs[i]));
    if (std::optional<uint64_t> counted = nonZeros.known(i)) {
      given += concat(" (", *counted, " that are not 0)");
      advice = "\nGive fewer tokens, or compile for as many with --unpad";
    }
  }
  std::string buckets;
  for (const BucketPlan &plan : entry.buckets)
    buckets += "\n  " + signature(plan);
  fail(MLC_INVALID_ARGUMENT, concat("entry point '", entry.entry->name()->c_str(), "' was not compiled for inputs ",
                                    given, ". It was compiled for:", buckets, advice));
}

} // namespace mlc::runtime
