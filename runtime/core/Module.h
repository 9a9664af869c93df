// A loaded module: the mapped file, its verified program, its code, and for each entry point the command lists that
// this machine can run, flattened for the run path. Immutable after loading, shared by sessions.
#ifndef MLC_RUNTIME_CORE_MODULE_H
#define MLC_RUNTIME_CORE_MODULE_H

#include "mlc/kernel_abi.h"
#include "mlc/runtime.h"
#include "runtime/core/Error.h"
#include "runtime/program_generated.h"
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mlc::runtime {

// The blocks that a bucket's bindings refer to, as indices into one table of addresses:
// arenas | params | constants | variables | inputs | outputs.
struct BlockTable {
  uint32_t arenas = 0, params = 0, constants = 0, variables = 0, inputs = 0, outputs = 0, count = 0;
};

struct ResolvedBinding {
  uint32_t block;
  uint32_t slot;
  uint64_t offset;
  int64_t slotStride;
};

// One step of a flattened command list.
struct Step {
  enum Kind : uint8_t { launch, copy, repeatBegin, repeatEnd } kind;
  uint32_t kernel = 0;       // launch
  uint32_t command = 0;      // launch, copy: position in the list
  uint32_t firstBinding = 0; // launch: all; copy: destination, source
  uint32_t bindingCount = 0;
  uint32_t slot = 0;    // repeat
  uint32_t partner = 0; // repeatBegin: its end; repeatEnd: its begin
  int64_t tiles = 0;    // launch
  uint64_t size = 0;    // copy: bytes; repeat: count
  const int64_t *constants = nullptr;
};

// A symbolic dimension that runs may be smaller in; their size is that of dimension `dim` of `input`.
struct PaddedDim {
  std::string_view name;
  int64_t size; // the largest
  uint32_t input, dim;
};

struct BucketPlan {
  const program::Bucket *bucket;
  BlockTable blocks;
  std::vector<Step> steps;
  std::vector<ResolvedBinding> bindings;
  std::vector<uint64_t> inputBytes, outputBytes;
  std::vector<uint32_t> visibleOutputs; // outputs that the caller gets: those not tied to a variable
  uint32_t maxBindings = 0;
  std::vector<PaddedDim> paddedDims;
  // Of each tensor: for each dimension the index into paddedDims, or -1; nothing where all are exact.
  std::vector<std::vector<int32_t>> paddedInputs, paddedOutputs;
  uint64_t inputElements = 0;

  // The size of a dimension of an output in a run with these inputs, which fit the bucket.
  int64_t outputSize(size_t output, size_t dim, const mlc_tensor *inputs) const;
};

struct EntryPlan {
  const program::EntryPoint *entry;
  std::vector<BucketPlan> buckets; // never empty
};

class Module {
public:
  // To run it; or to describe it, whatever this machine is: then without entries and code.
  enum class Purpose { run, describe };
  static std::shared_ptr<const Module> loadFile(const char *path, Purpose purpose);
  static std::shared_ptr<const Module> loadMemory(const void *data, size_t size);
  ~Module();

  // What loading does not read: the parameters, and code in files of all targets.
  void verify() const;

  const EntryPlan &entry(size_t index) const;
  size_t findEntry(const char *name) const;
  // Index into the entry's buckets; throws an error that lists them.
  size_t findBucket(const EntryPlan &entry, const mlc_tensor *inputs, size_t count) const;
  // Throws where the bucket is none that inputs of these shapes and types may be run in.
  void checkBucket(const EntryPlan &entry, size_t bucket, const mlc_tensor *inputs, size_t count) const;

  const program::Program *program = nullptr;
  const char *programData = nullptr;
  size_t programSize = 0;
  const char *params = nullptr;
  size_t paramsSize = 0;
  std::vector<EntryPlan> entries;
  std::vector<mlc_kernel_fn> kernels; // null for those of other targets
  uint64_t maxScratchBytes = 0;
  std::string name; // for messages: the path
  Purpose purpose = Purpose::run;

private:
  Module() = default;
  void readContainer();
  void checkHeader();
  void selectTarget();
  void loadCode(const program::Target &target);
  std::string findExternalCode(const program::Target &target) const;
  void openFromMemory(const program::Target &target);
  void resolveKernels();
  [[noreturn]] void damaged(const std::string &what) const;

  const char *data = nullptr;
  size_t size = 0;
  bool mapped = false;
  const program::SectionHeader *sections = nullptr;
  uint32_t sectionCount = 0;
  const program::SectionHeader *paramsSection = nullptr;
  uint32_t target = 0;
  void *codeHandle = nullptr;
};

// Checks every command list against the sizes of what it refers to, and flattens those of `target`. Throws.
void checkProgram(const Module &module);
std::vector<EntryPlan> planEntries(const Module &module, uint32_t target);

} // namespace mlc::runtime

#endif // MLC_RUNTIME_CORE_MODULE_H
