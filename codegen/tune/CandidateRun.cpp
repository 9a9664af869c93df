#include "codegen/tune/CandidateRun.h"

#include "codegen/target/MachineCode.h"
#include "dialects/mlc/ConstantTensor.h"
#include "mlc/kernel_abi.h"
#include "support/LastLevelCache.h"
#include "support/MemoryFile.h"
#include "support/RandomTensor.h"

#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemAlloc.h"
#include <chrono>
#include <dlfcn.h>

using namespace mlir;

namespace mlc::codegen {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kTurnSeconds = 2e-3;
constexpr int kPartsOfTurn = 3;
// More would take long to fill, and a kernel with so few weights does not wait for them.
constexpr uint64_t kMostCopies = 64, kMostCopyBytes = uint64_t(512) << 20;

double secondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

class Buffer {
public:
  explicit Buffer(size_t bytes)
      : bytes(std::max<size_t>(bytes, 1)), memory(llvm::allocate_buffer(this->bytes, MLC_BUFFER_ALIGNMENT)) {}
  Buffer(Buffer &&other) noexcept : bytes(other.bytes), memory(std::exchange(other.memory, nullptr)) {}
  Buffer &operator=(Buffer &&) = delete;
  ~Buffer() {
    if (memory)
      llvm::deallocate_buffer(memory, bytes, MLC_BUFFER_ALIGNMENT);
  }
  void *data() const { return memory; }

private:
  size_t bytes;
  void *memory;
};

// One shared object. Its file lives as long: of files with one name the loader would map only the first.
class Library {
public:
  static llvm::Expected<Library> load(const CachedKernel &candidate) {
    auto shared = linkSharedObject(KernelObject{candidate.kernel.name, candidate.object});
    if (!shared)
      return shared.takeError();
    Result<MemoryFile> file = MemoryFile::create(candidate.kernel.name);
    Status status = file.ok() ? file->write(std::string_view(shared->data(), shared->size())) : file.status();
    if (!status.ok())
      return llvm::createStringError(status.message());
    void *handle = dlopen(file->path().c_str(), RTLD_NOW | RTLD_LOCAL);
    void *function = handle ? dlsym(handle, candidate.kernel.name.c_str()) : nullptr;
    if (!function)
      return llvm::createStringError(std::string("a kernel cannot be loaded to measure it: ") + dlerror());
    return Library(std::move(*file), handle, reinterpret_cast<mlc_kernel_fn>(function));
  }
  Library(Library &&other) noexcept
      : function(other.function), file(std::move(other.file)), handle(std::exchange(other.handle, nullptr)) {}
  Library &operator=(Library &&) = delete;
  ~Library() {
    if (handle)
      dlclose(handle);
  }
  mlc_kernel_fn function;

private:
  Library(MemoryFile file, void *handle, mlc_kernel_fn function)
      : function(function), file(std::move(file)), handle(handle) {}
  MemoryFile file;
  void *handle;
};

class LoadedCandidates final : public CandidateRun {
public:
  LoadedCandidates(func::FuncOp kernel, std::vector<Library> libraries, ArrayRef<CachedKernel> candidates,
                   const llvm::BitVector &stored, uint64_t storedBytes)
      : libraries(std::move(libraries)) {
    uint64_t scratchBytes = 0;
    for (const CachedKernel &candidate : candidates) {
      tiles.push_back(candidate.kernel.tiles);
      scratchBytes = std::max<uint64_t>(scratchBytes, candidate.kernel.scratch_bytes);
    }
    scratch.emplace(scratchBytes);
    worker = {scratch->data(), scratchBytes, 0, 0};
    fill(kernel, stored, copiesOf(kernel, stored, storedBytes));
  }

  double time(size_t candidate) override {
    double once = run(candidate, 1); // its code and its scratch are touched before anything is timed
    int64_t launches = std::max<int64_t>(1, int64_t(kTurnSeconds / kPartsOfTurn / std::max(once, 1e-9)));
    double best = run(candidate, launches) / double(launches);
    // A launch as long as a turn is its own average.
    for (int part = 1; part < kPartsOfTurn && launches > 1; ++part)
      best = std::min(best, run(candidate, launches) / double(launches));
    return best;
  }

private:
  static uint64_t copiesOf(func::FuncOp kernel, const llvm::BitVector &stored, uint64_t storedBytes) {
    uint64_t bytes = 0, cache = lastLevelCacheBytes();
    for (unsigned i : stored.set_bits())
      bytes += bytesOf(kernel.getArgumentTypes()[i]);
    if (!bytes || storedBytes <= cache)
      return 1;
    return std::clamp<uint64_t>(llvm::divideCeil(2 * cache, bytes), 1,
                                std::min(kMostCopies, std::max<uint64_t>(1, kMostCopyBytes / bytes)));
  }

  static uint64_t bytesOf(Type type) {
    return uint64_t(cast<RankedTensorType>(type).getNumElements()) * sizeOf(dtypeOf(type));
  }

  void fill(func::FuncOp kernel, const llvm::BitVector &stored, uint64_t copies) {
    bindings.resize(copies);
    for (auto [i, type] : llvm::enumerate(kernel.getArgumentTypes())) {
      HostTensor values = randomTensor(dtypeOf(type), shapeOf(type), i + 1);
      for (uint64_t copy = 0; copy < copies; ++copy) {
        if (copy == 0 || stored[i]) {
          buffers.emplace_back(values.sizeBytes());
          if (values.sizeBytes())
            std::memcpy(buffers.back().data(), values.bytes(), values.sizeBytes());
        }
        bindings[copy].push_back(buffers.back().data());
      }
    }
    for (Type type : kernel.getResultTypes()) {
      buffers.emplace_back(bytesOf(type));
      std::memset(buffers.back().data(), 0, bytesOf(type));
      for (auto &one : bindings)
        one.push_back(buffers.back().data());
    }
  }

  double run(size_t candidate, int64_t launches) {
    auto start = Clock::now();
    for (int64_t i = 0; i < launches; ++i) {
      mlc_kernel_args args = {bindings[next++ % bindings.size()].data(), nullptr};
      libraries[candidate].function(&args, &worker, 0, tiles[candidate]);
    }
    return secondsSince(start);
  }

  std::vector<Library> libraries;
  std::vector<int64_t> tiles;
  std::vector<Buffer> buffers;
  std::vector<std::vector<void *>> bindings; // of each copy of the weights
  std::optional<Buffer> scratch;
  mlc_worker worker;
  size_t next = 0;
};

} // namespace

llvm::Expected<std::unique_ptr<CandidateRun>> loadCandidates(func::FuncOp kernel, ArrayRef<CachedKernel> candidates,
                                                             const llvm::BitVector &stored, uint64_t storedBytes) {
  std::vector<Library> libraries;
  for (const CachedKernel &candidate : candidates) {
    auto library = Library::load(candidate);
    if (!library)
      return library.takeError();
    libraries.push_back(std::move(*library));
  }
  return std::make_unique<LoadedCandidates>(kernel, std::move(libraries), candidates, stored, storedBytes);
}

} // namespace mlc::codegen
