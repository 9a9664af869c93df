#include "test/sweep/Sweep.h"
#include "compiler/Compile.h"
#include "compiler/Registration.h"
#include "mlc/runtime.h"
#include "mlir/Pass/PassManager.h"
#include "reference/Interpreter.h"
#include "support/GuardedMemory.h"
#include "test/sweep/Draw.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/raw_ostream.h"
#include <csignal>
#include <gtest/gtest.h>
#include <map>
#include <unistd.h>

namespace mlc::sweep {

const std::vector<DType> kFloats = {DType::F32, DType::F64, DType::F16, DType::BF16};
const std::vector<DType> kSigned = {DType::I8, DType::I16, DType::I32, DType::I64};
const std::vector<DType> kUnsigned = {DType::U8, DType::U16, DType::U32, DType::U64};
static std::vector<DType> join(std::initializer_list<std::vector<DType>> lists) {
  std::vector<DType> all;
  for (const auto &list : lists)
    all.insert(all.end(), list.begin(), list.end());
  return all;
}
const std::vector<DType> kIntegers = join({kSigned, kUnsigned});
const std::vector<DType> kNumbers = join({kFloats, kIntegers});
const std::vector<DType> kAll = join({kNumbers, {DType::I1}});

std::string textOf(const Shape &shape) {
  std::string text;
  for (int64_t size : shape)
    text += (text.empty() ? "" : "x") + std::to_string(size);
  return text.empty() ? "scalar" : text;
}

bool isFull() {
  const char *value = getenv("MLC_SWEEP");
  return value && std::string(value) == "full";
}

namespace {

constexpr size_t kBatch = 128; // cases of one module

using Side = GuardedMemory::Side;

// What a session allocates (arena, scratch, variables) lies between guard pages too.
class GuardedAllocator {
public:
  explicit GuardedAllocator(Side side) : side(side), hooks{this, allocate, release} {}
  const mlc_allocator *get() const { return &hooks; }

private:
  static void *allocate(void *context, size_t size, size_t alignment) {
    auto *self = static_cast<GuardedAllocator *>(context);
    GuardedMemory block((size + alignment - 1) / alignment * alignment, self->side);
    void *data = block.data();
    self->blocks.emplace(data, std::move(block));
    return data;
  }
  static void release(void *context, void *block, size_t) {
    static_cast<GuardedAllocator *>(context)->blocks.erase(block);
  }

  Side side;
  mlc_allocator hooks;
  std::map<void *, GuardedMemory> blocks;
};

mlc_dtype runtimeType(DType dtype) {
  switch (dtype) {
  case DType::F32: return MLC_F32;
  case DType::F64: return MLC_F64;
  case DType::F16: return MLC_F16;
  case DType::BF16: return MLC_BF16;
  case DType::I1: return MLC_I1;
  case DType::I8: return MLC_I8;
  case DType::U8: return MLC_U8;
  case DType::I16: return MLC_I16;
  case DType::U16: return MLC_U16;
  case DType::I32: return MLC_I32;
  case DType::U32: return MLC_U32;
  case DType::I64: return MLC_I64;
  case DType::U64: return MLC_U64;
  }
  return MLC_F32;
}

// A kernel that leaves its memory ends the process: say in which case.
const char *volatile runningCase = "";
void onFault(int number) {
  for (const char *text : {"\nthe sweep's case '", static_cast<const char *>(runningCase),
                           "' touched memory outside of its tensors, or trapped\n"})
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
      break;
  signal(number, SIG_DFL);
  raise(number);
}

mlc_tensor viewOf(const HostTensor &tensor, std::byte *data) {
  return {data, runtimeType(tensor.dtype()), int32_t(tensor.shape().size()), tensor.shape().data(), nullptr};
}

struct Prepared {
  const Case *description;
  std::string entry;
  std::vector<HostTensor> inputs, expected, first; // first: results of the first run
};

class Batch {
public:
  explicit Batch(std::vector<const Case *> cases) : context(registry()) {
    context.loadAllAvailableDialects();
    mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
    GraphBuilder graph(*module);
    for (const Case *description : cases) {
      std::string entry = "c" + std::to_string(prepared.size());
      std::vector<frontend::Port> ports;
      for (auto [i, input] : llvm::enumerate(description->inputs))
        ports.push_back(
            {"in" + std::to_string(i), mlir::RankedTensorType::get(input.shape, toElementType(&context, input.dtype))});
      auto arguments = graph.beginEntry(entry, ports);
      std::vector<std::pair<std::string, mlir::Value>> results;
      for (mlir::Value value : description->build(graph, arguments))
        results.emplace_back("out" + std::to_string(results.size()), value);
      if (results.empty() || llvm::any_of(results, [](auto &result) { return !result.second; })) {
        ADD_FAILURE() << description->name << ": the graph is ill-formed";
        graph.abandonEntry();
        continue;
      }
      graph.endEntry(results);
      prepared.push_back({description, entry, {}, {}, {}});
    }
    llvm::raw_string_ostream(text) << *module;
    interpret(*module);
  }

  // Empty, or the compiler's diagnostics.
  std::string compile(const std::string &target, const std::string &path) {
    llvm::SmallString<64> source(path + ".mlir");
    {
      std::error_code error;
      llvm::raw_fd_ostream(source, error) << text;
    }
    llvm::FileRemover remover(source);
    std::string messages;
    mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
      messages += "\n  " + diagnostic.str();
      return mlir::success();
    });
    CompileOptions options;
    options.input.path = source.str().str();
    options.output = path;
    options.targetCpu = target;
    return failed(compileModel(context, options)) ? messages + "\n" : "";
  }

  void runAll(const std::string &target, const std::string &path) {
    mlc_module *module;
    mlc_status status = mlc_module_load(path.c_str(), &module);
    if (status == MLC_UNSUPPORTED && target != "x86-64-v3")
      return; // compiled and linked, but not for this machine
    ASSERT_EQ(status, MLC_OK) << mlc_last_error();
    struct Mode {
      uint32_t threads;
      Side side;
    };
    for (Prepared &p : prepared)
      p.first.clear();
    for (auto [threads, side] :
         {Mode{1, Side::End}, Mode{2, Side::Start}, Mode{3, Side::End}, Mode{4, Side::Start}, Mode{7, Side::End}}) {
      GuardedAllocator allocator(side);
      mlc_session_options options{};
      options.struct_size = sizeof options;
      options.threads = threads;
      options.allocator = allocator.get();
      mlc_session *session;
      ASSERT_EQ(mlc_session_create(module, &options, &session), MLC_OK) << mlc_last_error();
      for (Prepared &p : prepared)
        runOne(module, session, p, side, target + ", " + std::to_string(threads) + " threads");
      mlc_session_destroy(session);
    }
    mlc_module_destroy(module);
  }

private:
  static const mlir::DialectRegistry &registry() {
    static mlir::DialectRegistry all = [] {
      mlir::DialectRegistry result;
      registerAllDialects(result);
      registerAllPasses();
      mlir::registerPassManagerCLOptions(); // the pipeline asks for them
      return result;
    }();
    return all;
  }

  void interpret(mlir::ModuleOp module) {
    ParamStore params;
    for (Prepared &p : prepared) {
      for (auto [i, input] : llvm::enumerate(p.description->inputs))
        p.inputs.push_back(draw(input, std::hash<std::string>{}(p.description->name) + i));
      for (auto function : module.getOps<mlir::func::FuncOp>())
        if (function->getAttrOfType<mlir::StringAttr>(kEntryAttr).getValue() == p.entry) {
          auto results = reference::interpret(function, p.inputs, params);
          EXPECT_EQ(results.ok(), !p.description->refuses) << p.description->name << ": " << results.message();
          if (results.ok())
            p.expected = *results;
          for (mlir::Type type : function.getResultTypes())
            if (!results.ok())
              p.expected.emplace_back(*toDType(mlir::cast<mlir::RankedTensorType>(type).getElementType()),
                                      mlir::cast<mlir::RankedTensorType>(type).getShape().vec());
        }
    }
  }

  void runOne(mlc_module *module, mlc_session *session, Prepared &p, Side side, const std::string &how) {
    size_t entry;
    ASSERT_EQ(mlc_module_find_entry(module, p.entry.c_str(), &entry), MLC_OK) << mlc_last_error();
    std::vector<GuardedMemory> memory;
    std::vector<mlc_tensor> inputs, outputs;
    for (const HostTensor &tensor : p.inputs) {
      GuardedMemory &buffer = memory.emplace_back(tensor.sizeBytes(), side);
      if (tensor.sizeBytes())
        std::memcpy(buffer.data(), tensor.bytes(), tensor.sizeBytes());
      buffer.protect();
      inputs.push_back(viewOf(tensor, buffer.data()));
    }
    for (const HostTensor &tensor : p.expected) {
      GuardedMemory &buffer = memory.emplace_back(tensor.sizeBytes(), side);
      std::memset(buffer.data(), side == Side::End ? 0xa5 : 0x5a, tensor.sizeBytes());
      outputs.push_back(viewOf(tensor, buffer.data()));
    }
    runningCase = p.description->name.c_str();
    mlc_status status = mlc_session_run(session, entry, inputs.data(), inputs.size(), outputs.data(), outputs.size());
    if (p.description->refuses) {
      EXPECT_EQ(status, MLC_KERNEL_FAILED) << p.description->name << ", " << how;
      return;
    }
    ASSERT_EQ(status, MLC_OK) << p.description->name << ", " << how << ": " << mlc_last_error();
    bool isFirst = p.first.empty();
    for (size_t i = 0; i < outputs.size(); ++i) {
      const HostTensor &want = p.expected[i];
      HostTensor got(want.dtype(), want.shape());
      if (got.sizeBytes())
        std::memcpy(got.mutableBytes(), outputs[i].data, got.sizeBytes());
      if (isFirst) {
        if (std::string text = difference(got, want, p.description->tolerance); !text.empty())
          ADD_FAILURE() << p.description->name << ", " << how << ": " << text;
        p.first.push_back(got);
      } else if (got.sizeBytes() && std::memcmp(got.bytes(), p.first[i].bytes(), got.sizeBytes()) != 0) {
        ADD_FAILURE() << p.description->name << ", " << how << ": other bits than with 1 thread";
      }
    }
  }

  mlir::MLIRContext context;
  std::string text; // of the module
  std::vector<Prepared> prepared;
};

} // namespace

void run(const std::vector<Case> &cases) {
  signal(SIGSEGV, onFault);
  signal(SIGBUS, onFault);
  signal(SIGFPE, onFault);
  const char *only = getenv("MLC_SWEEP_CASE"); // those whose name holds this
  llvm::SmallString<64> path;
  ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("sweep", "mlc", path));
  llvm::FileRemover remover(path);
  std::vector<const Case *> chosen;
  for (const Case &description : cases)
    if (!only || description.name.find(only) != std::string::npos)
      chosen.push_back(&description);
  for (size_t first = 0; first < chosen.size(); first += kBatch) {
    std::vector<const Case *> members(chosen.begin() + first, chosen.begin() + std::min(chosen.size(), first + kBatch));
    Batch batch(members);
    std::vector<const char *> targets{"x86-64-v3", "x86-64-v4"};
    if (llvm::any_of(members, [](const Case *one) { return one->name.find("bf16") != std::string::npos; }))
      targets.push_back("x86-64-v4+avx512bf16");
    for (const char *target : targets) {
      if (batch.compile(target, path.str().str()).empty()) {
        batch.runAll(target, path.str().str());
        continue;
      }
      for (const Case *one : members) { // which of them is it?
        Batch single({one});
        std::string messages = single.compile(target, path.str().str());
        if (messages.empty())
          single.runAll(target, path.str().str());
        else
          ADD_FAILURE() << one->name << ", " << target << " does not compile:" << messages;
      }
    }
  }
  printf("%zu cases\n", chosen.size());
}

} // namespace mlc::sweep
