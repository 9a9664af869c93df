#include "test/unit/codegen/Harness.h"

#include "codegen/cpu/VectorEmitter.h"
#include "codegen/loops/LoopEmitter.h"
#include "codegen/lower/Lower.h"
#include "codegen/math/Math.h"
#include "codegen/target/MachineCode.h"
#include "dialects/mlc/ConstantTensor.h"
#include "dialects/mlc/MlcDialect.h"
#include "reference/Interpreter.h"
#include "reference/Models.h"
#include "reference/Values.h"
#include "support/RandomTensor.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include <chrono>
#include <cmath>
#include <cstring>
#include <dlfcn.h>
#include <unistd.h>

namespace mlc::codegen::test {

std::vector<std::string> runnableTargets(const std::vector<std::string> &more) {
  std::vector<std::string> targets{"x86-64-v3", "x86-64-v4"};
  targets.insert(targets.end(), more.begin(), more.end());
  llvm::erase_if(targets, [](const std::string &name) { return !missingFeatures(targetOf(name)).empty(); });
  return targets;
}

TargetDesc targetOf(const std::string &name) { return llvm::cantFail(resolveTarget(name)); }

Kernel::Kernel(const std::string &text, Stage stage, const TargetDesc *target)
    : context(mlir::MLIRContext::Threading::DISABLED) {
  mlir::DialectRegistry registry;
  registry.insert<MlcDialect>();
  reference::registerReferenceModels(registry);
  registerLoopEmitter(registry);
  registerVectorEmitter(registry);
  context.appendDialectRegistry(registry);
  context.loadAllAvailableDialects();
  module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  auto kernel = module ? module->lookupSymbol<mlir::func::FuncOp>("k") : mlir::func::FuncOp();
  if (!kernel) {
    ADD_FAILURE() << "this does not parse, or has no function @k:\n" << text;
    return;
  }
  bool lowered = stage == Stage::Graph || succeeded(convertMlcToLinalg(kernel));
  if (stage == Stage::ExpandedMath && lowered)
    expandMath(kernel, target ? mathInstructionsOf(kernel, *target) : MathInstructions());
  if (!lowered || failed(mlir::verify(*module))) {
    ADD_FAILURE() << "lowering failed:\n" << text;
    return;
  }
  function = kernel;
}

LoadedKernel::LoadedKernel(const Emitter &emitter, mlir::func::FuncOp kernel, const TargetDesc &target) {
  if (!kernel)
    return; // reported where it was made
  resultTypes.assign(kernel.getResultTypes().begin(), kernel.getResultTypes().end());
  llvm::LLVMContext llvmContext;
  auto start = std::chrono::steady_clock::now();
  auto emitted = emitter.emit(kernel, target, llvmContext);
  emissionTime = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  if (failed(emitted)) {
    ADD_FAILURE() << "emission failed";
    return;
  }
  numTiles = emitted->tiles;
  summary = emitted->schedule;
  scratchBytes = static_cast<uint64_t>(emitted->scratch_bytes);
  uint64_t aligned = (scratchBytes + MLC_BUFFER_ALIGNMENT - 1) / MLC_BUFFER_ALIGNMENT * MLC_BUFFER_ALIGNMENT;
  for (Side side : {Side::End, Side::Start})
    scratch[size_t(side)].emplace(aligned, side);
  auto object = compileToObject(*emitted->module, target);
  if (!object) {
    ADD_FAILURE() << llvm::toString(object.takeError());
    return;
  }
  bytes.assign(object->begin(), object->end());
  auto shared = linkSharedObject(KernelObject{emitted->name, bytes});
  if (!shared) {
    ADD_FAILURE() << llvm::toString(shared.takeError());
    return;
  }
  int file;
  llvm::SmallString<64> path;
  EXPECT_FALSE(llvm::sys::fs::createTemporaryFile("kernel", "so", file, path));
  EXPECT_EQ(write(file, shared->data(), shared->size()), static_cast<ssize_t>(shared->size()));
  close(file);
  library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  llvm::sys::fs::remove(path);
  function = library ? reinterpret_cast<mlc_kernel_fn>(dlsym(library, emitted->name.c_str())) : nullptr;
  EXPECT_TRUE(function) << "the kernel does not load: " << dlerror();
}

LoadedKernel::~LoadedKernel() {
  if (library)
    dlclose(library);
}

int32_t LoadedKernel::launch(llvm::ArrayRef<void *> bindings, int64_t begin, int64_t end, Side side) {
  void *memory = scratch[size_t(side)]->data();
  std::memset(memory, 0xff, scratchBytes); // NaN: nothing may be expected of it
  mlc_kernel_args args = {bindings.data(), nullptr};
  mlc_worker worker = {memory, scratchBytes, 0, 0};
  return function(&args, &worker, begin, end);
}

std::vector<HostTensor> LoadedKernel::run(llvm::ArrayRef<HostTensor> inputs) {
  std::vector<HostTensor> results = runAt(Side::End, inputs), again = runAt(Side::Start, inputs);
  for (size_t i = 0; i < results.size(); ++i)
    EXPECT_TRUE(!results[i].sizeBytes() ||
                std::memcmp(results[i].bytes(), again[i].bytes(), results[i].sizeBytes()) == 0)
        << "the bits of result " << i << " depend on the alignment of the buffers; schedule " << summary;
  return results;
}

std::vector<HostTensor> LoadedKernel::runAt(Side side, llvm::ArrayRef<HostTensor> inputs) {
  std::vector<HostTensor> results;
  if (!function) {
    for (mlir::Type type : resultTypes)
      results.emplace_back(dtypeOf(type), shapeOf(type));
    return results;
  }
  std::vector<GuardedMemory> whole, cut;
  std::vector<void *> bindings;
  for (const HostTensor &input : inputs) {
    whole.emplace_back(input.sizeBytes(), side);
    if (input.sizeBytes())
      std::memcpy(whole.back().data(), input.bytes(), input.sizeBytes());
    bindings.push_back(whole.back().data());
  }
  size_t firstResult = bindings.size();
  for (mlir::Type type : resultTypes) {
    HostTensor &result = results.emplace_back(dtypeOf(type), shapeOf(type));
    for (auto *buffers : {&whole, &cut}) {
      buffers->emplace_back(result.sizeBytes(), side);
      std::memset(buffers->back().data(), 0xff, result.sizeBytes());
    }
    bindings.push_back(whole.back().data());
  }
  EXPECT_EQ(launch(bindings, 0, numTiles, side), MLC_KERNEL_OK);
  for (size_t i = 0; i < results.size(); ++i)
    bindings[firstResult + i] = cut[i].data();
  for (int64_t tile = numTiles; tile-- > 0;)
    EXPECT_EQ(launch(bindings, tile, tile + 1, side), MLC_KERNEL_OK);
  for (size_t i = 0; i < results.size(); ++i) {
    size_t size = results[i].sizeBytes();
    if (!size)
      continue;
    std::memcpy(results[i].mutableBytes(), whole[firstResult + i].data(), size);
    EXPECT_EQ(std::memcmp(whole[firstResult + i].data(), cut[i].data(), size), 0)
        << "the bits of result " << i << " depend on how the range is cut; schedule " << summary;
  }
  return results;
}

std::vector<HostTensor> inputsOf(mlir::func::FuncOp function, const std::vector<Floats> &values) {
  std::vector<HostTensor> inputs;
  for (auto [type, floats] : llvm::zip_equal(function.getArgumentTypes(), values))
    inputs.push_back(reference::convert(HostTensor::from(DType::F32, shapeOf(type), floats), dtypeOf(type)));
  return inputs;
}

std::vector<HostTensor> randomInputs(mlir::func::FuncOp function, uint64_t seed, bool special, int64_t bound,
                                     bool subnormals) {
  std::vector<HostTensor> inputs;
  for (mlir::Type type : function.getArgumentTypes()) {
    HostTensor tensor = randomTensor(dtypeOf(type), shapeOf(type), seed++, bound);
    if (special && isFloat(tensor.dtype())) {
      reference::Values values = reference::unpack(tensor);
      constexpr double odd[] = {NAN, INFINITY, -INFINITY, -0.0, 1e-40};
      for (size_t i = seed % 7, n = 0; i < values.reals.size(); i += 37)
        values.reals[i] = odd[n++ % (std::size(odd) - !subnormals)];
      tensor = reference::pack(values);
    }
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

Floats floatsOf(const HostTensor &tensor) {
  Floats values;
  for (int64_t i = 0; i < tensor.numElements(); ++i)
    values.push_back(static_cast<float>(tensor.floatAt(i)));
  return values;
}

Floats noise(size_t size, uint64_t seed) {
  return floatsOf(randomTensor(DType::F32, {static_cast<int64_t>(size)}, seed));
}

void expectClose(const HostTensor &got, const HostTensor &want, double tolerance) {
  ASSERT_EQ(got.shape(), want.shape());
  int64_t wrong = 0;
  for (int64_t i = 0; i < got.numElements() && wrong < 5; ++i) {
    double x = got.floatAt(i), y = want.floatAt(i);
    bool close = !isFloat(got.dtype())            ? got.intAt(i) == want.intAt(i)
                 : std::isnan(y)                  ? std::isnan(x)
                 : std::isinf(y) || std::isinf(x) ? x == y
                                                  : std::fabs(x - y) <= tolerance * (1 + std::fabs(y));
    if (!close) {
      ADD_FAILURE() << "element " << i << " of " << describe(got.dtype(), got.shape()) << " is " << x << ", not " << y;
      ++wrong;
    }
  }
}

void expectClose(const Floats &got, const Floats &want, double tolerance) {
  auto tensor = [](const Floats &values) {
    return HostTensor::from(DType::F32, {static_cast<int64_t>(values.size())}, values);
  };
  expectClose(tensor(got), tensor(want), tolerance);
}

std::vector<HostTensor> interpret(const std::string &text, std::vector<HostTensor> inputs, bool inF64) {
  Kernel graph(text, Kernel::Stage::Graph);
  if (!graph.function)
    return {};
  ParamStore params;
  reference::InterpretOptions options;
  options.inF64 = inF64;
  auto results = reference::interpret(graph.function, std::move(inputs), params, options);
  if (results.ok())
    return std::move(*results);
  ADD_FAILURE() << results.message();
  return {};
}

void checkAgainstReference(const Emitter &emitter, const std::string &text, const CheckOptions &options) {
  SCOPED_TRACE(text);
  Kernel kernel(text, Kernel::Stage::Graph); // lowered, its integers have no sign
  ASSERT_TRUE(kernel.function);
  std::vector<std::vector<HostTensor>> inputs, expected;
  for (bool special : {false, true}) {
    if (special && options.finite)
      continue;
    inputs.push_back(randomInputs(kernel.function, 1, special, options.bound, options.subnormals));
    expected.push_back(interpret(text, inputs.back(), /*inF64=*/!special));
  }
  for (const std::string &name : runnableTargets(options.moreTargets)) {
    SCOPED_TRACE(name);
    TargetDesc target = targetOf(name);
    Kernel ofTarget(text, Kernel::Stage::ExpandedMath, &target);
    ASSERT_TRUE(emitter.accepts(ofTarget.function, target)) << emitter.name().str() << " does not accept it";
    LoadedKernel loaded(emitter, ofTarget.function, target);
    ASSERT_TRUE(loaded.loaded());
    for (size_t i = 0; i < inputs.size(); ++i) {
      SCOPED_TRACE(i ? "inputs with special values" : "finite inputs");
      std::vector<HostTensor> results = loaded.run(inputs[i]);
      ASSERT_EQ(results.size(), expected[i].size());
      for (size_t r = 0; r < results.size(); ++r) {
        const HostTensor &want = expected[i][r];
        // Floats may have been interpreted in f64; integers are of the declared sign.
        DType type = isFloat(want.dtype()) ? results[r].dtype() : want.dtype();
        HostTensor got = HostTensor::borrow(type, results[r].shape(), results[r].bytes(), nullptr);
        expectClose(got, want, options.tolerance);
      }
    }
  }
}

} // namespace mlc::codegen::test
