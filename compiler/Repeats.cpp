#include "compiler/Repeats.h"

using namespace mlir;

namespace mlc {
namespace {

// Longer layers than this are no layers that anyone would call so, and take long to look for.
constexpr size_t kLongest = 256;
// Of fewer launches that would not be drawn, a picture is easier to read without a frame around them.
constexpr size_t kLeastSaved = 2;

class Repeats {
public:
  explicit Repeats(ArrayRef<codegen::Launch> launches) : launches(launches) {
    llvm::DenseMap<Value, size_t> producer;
    for (auto [i, launch] : llvm::enumerate(launches)) {
      std::vector<Source> &inputs = sources.emplace_back();
      for (Value input : launch.inputs) {
        Value root = codegen::rootOf(input);
        auto found = producer.find(root);
        // Of weights it makes no difference which they are: the kernel knows their type.
        inputs.push_back({found != producer.end() ? std::optional(found->second) : std::nullopt,
                          isa<BlockArgument>(root) ? root : Value()});
      }
      for (Value result : launch.results)
        producer[result] = i;
    }
  }

  std::vector<Repeat> find() const {
    std::vector<Repeat> found;
    for (size_t at = 0; at < launches.size();) {
      Repeat best{at, 1, 1};
      size_t saved = kLeastSaved - 1;
      for (size_t length = 1; length <= std::min(kLongest, (launches.size() - at) / 2); ++length) {
        size_t count = countLayers(at, length);
        if ((count - 1) * length > saved) {
          best = {at, length, count};
          saved = (count - 1) * length;
        }
      }
      found.push_back(best);
      at += best.length * best.count;
    }
    return found;
  }

private:
  struct Source {
    std::optional<size_t> launch;
    Value argument;
  };

  size_t countLayers(size_t first, size_t length) const {
    size_t equal = 0;
    while (first + equal + length < launches.size() && isSame(first + equal, length, first))
      ++equal;
    return equal / length + 1;
  }

  // Is the launch `length` behind launch `i` the same in the next layer?
  bool isSame(size_t i, size_t length, size_t first) const {
    if (launches[i].kernel != launches[i + length].kernel)
      return false;
    for (auto [a, b] : llvm::zip_equal(sources[i], sources[i + length])) {
      bool isShared = a.launch == b.launch && a.argument == b.argument;
      bool moves = a.launch && b.launch && *b.launch == *a.launch + length;
      // What the first layer reads comes from in front of it.
      bool isFirst = (a.launch || a.argument) && (!a.launch || *a.launch < first) && i < first + length && b.launch &&
                     *b.launch >= first && *b.launch < first + length;
      if (!isShared && !moves && !isFirst)
        return false;
    }
    return true;
  }

  ArrayRef<codegen::Launch> launches;
  std::vector<std::vector<Source>> sources;
};

} // namespace

std::vector<Repeat> findRepeats(ArrayRef<codegen::Launch> launches) { return Repeats(launches).find(); }

} // namespace mlc
