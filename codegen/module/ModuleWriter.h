// Writes module files. Plain structs in, bytes out; no MLIR, no LLVM. Mirrors runtime/program.fbs, which says what the
// fields mean; docs/module-format.md describes the file.
//
// The same descriptions give the same bytes. Parameters stream: one tensor is in memory at a time.
#ifndef MLC_CODEGEN_MODULE_MODULEWRITER_H
#define MLC_CODEGEN_MODULE_MODULEWRITER_H

#include "runtime/program_generated.h"
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace mlc::codegen {

using program::Base;
using program::CodeLocation;
using program::DeviceKind;
using program::DType;
using program::VariableRole;

struct TensorSpecDesc {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  uint64_t capacity = 0;           // of an input; 0: no limit
  std::vector<std::string> padded; // of each dimension, or none: its name where a run's may be smaller
};

struct ParamDesc {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape; // logical
  std::string layout;         // empty: dense row-major
  uint64_t offset = 0;        // assigned by layoutParams
  uint64_t size = 0;          // bytes as stored
};

struct VariableDesc {
  std::string name;
  VariableRole role = VariableRole::state;
  bool trainable = false;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  std::string layout;
  uint64_t size = 0;
  int32_t initialParam = -1; // index into ProgramDesc::params
};

struct BindingDesc {
  Base base = Base::arena;
  uint32_t index = 0;
  uint64_t offset = 0;
  uint64_t size = 0;
  int64_t slotStride = 0;
  uint8_t slot = 0;
};

struct LaunchCpuDesc {
  uint32_t kernel = 0;
  int64_t tiles = 1;
  std::vector<BindingDesc> bindings;
  std::vector<int64_t> constants;
};

struct CopyDesc {
  BindingDesc source, destination;
};

struct StageDesc;
struct RepeatDesc {
  uint64_t count = 1;
  uint8_t slot = 0;
  std::vector<StageDesc> body;
};

struct CommandDesc {
  std::variant<LaunchCpuDesc, CopyDesc, RepeatDesc> op;
  uint32_t stream = 0;
};

struct StageDesc {
  std::vector<CommandDesc> commands;
};

struct KernelDesc {
  std::string symbol;
  uint32_t target = 0;
  uint64_t scratchBytes = 0;
  uint32_t numBindings = 0;
  uint32_t numConstants = 0;
  std::string description, emitter, schedule;
  uint64_t flops = 0, bytes = 0;
  std::string arithmetic;
};

struct TargetSpec {
  std::string name;
  DeviceKind device = DeviceKind::cpu;
  std::string cpu, features;
  std::vector<std::string> requiredFeatures; // names of /proc/cpuinfo
  uint32_t kernelAbi = 0;                    // MLC_KERNEL_ABI_VERSION
  std::string code;                          // the shared object's bytes; empty when no kernel is of this target
  bool externalCode = false;                 // write `code` to <module>.so beside the module
};

struct BucketDesc {
  uint32_t target = 0;
  uint32_t rankClass = 0;
  std::vector<TensorSpecDesc> inputs, outputs;
  std::vector<uint64_t> arenas;
  std::vector<StageDesc> stages;
  std::vector<std::pair<uint32_t, uint32_t>> tiedResults;      // (output, variable)
  uint64_t arenaBytes = 0, maxLiveBytes = 0, scratchBytes = 0; // for the memory report
};

struct EntryPointDesc {
  std::string name;
  std::vector<BucketDesc> buckets;
};

struct SourceFileDesc {
  std::string name;
  uint64_t bytes = 0;
  std::string hash; // empty: not known
};

struct ProgramDesc {
  std::vector<TargetSpec> targets;
  std::vector<KernelDesc> kernels;
  std::vector<ParamDesc> params;
  std::vector<VariableDesc> variables;
  std::string constants; // bound with Base::constant; its first byte is 64-byte aligned
  std::vector<EntryPointDesc> entryPoints;
  std::string compiler, source;
  std::vector<SourceFileDesc> files;
  std::vector<std::pair<std::string, std::string>> options;
};

// Assigns 64-byte aligned offsets in order; returns the size of the section.
uint64_t layoutParams(std::vector<ParamDesc> &params);

// Receives the bytes of one parameter, in any number of pieces, in order. Returns false when the file cannot be
// written (disk full): stop, and return from the ParamWriter.
using ByteSink = std::function<bool(const void *data, uint64_t size)>;

// Called once per parameter in order; must give exactly params[index].size bytes to the sink. Returns an empty string,
// or why it could not.
using ParamWriter = std::function<std::string(size_t index, const ByteSink &sink)>;

// Writes the module to `path`: aside, synced, renamed, so that `path` holds either what it held before or the whole
// module. Returns an empty string, or what went wrong. Offsets of the parameters are those that layoutParams gave.
std::string writeModule(const ProgramDesc &program, const ParamWriter &writeParam, const std::string &path);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_MODULE_MODULEWRITER_H
