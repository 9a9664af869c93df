#include "tools/common/Inspect.h"

#include "mlc/kernel_abi.h"
#include "runtime/program_generated.h"
#include <algorithm>
#include <cinttypes>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace mlc::tools {
namespace {

using nlohmann::ordered_json;

std::string text(const flatbuffers::String *string) { return string ? string->str() : ""; }

template <typename Table, typename Function>
ordered_json list(const flatbuffers::Vector<flatbuffers::Offset<Table>> *tables, Function describe) {
  ordered_json result = ordered_json::array();
  if (tables)
    for (const Table *table : *tables)
      result.push_back(describe(*table));
  return result;
}

ordered_json numbers(const flatbuffers::Vector<int64_t> *values) {
  return values ? ordered_json(std::vector<int64_t>(values->begin(), values->end())) : ordered_json::array();
}

ordered_json tensor(const program::TensorSpec &spec) {
  ordered_json result{
      {"name", text(spec.name())}, {"dtype", program::EnumNameDType(spec.dtype())}, {"shape", numbers(spec.shape())}};
  if (spec.capacity())
    result["capacity"] = spec.capacity();
  if (spec.padded()) {
    ordered_json names = ordered_json::array();
    for (const flatbuffers::String *name : *spec.padded())
      names.push_back(text(name));
    result["padded"] = names;
  }
  return result;
}

size_t countCommands(const flatbuffers::Vector<flatbuffers::Offset<program::Stage>> *stages) {
  size_t count = 0;
  if (stages)
    for (const program::Stage *stage : *stages)
      if (stage->commands())
        for (const program::Command *command : *stage->commands())
          count += command->op_as_Repeat() ? countCommands(command->op_as_Repeat()->body()) : 1;
  return count;
}

const program::Program &programOf(const Module &module) {
  const void *data;
  size_t size;
  check(mlc_module_program(module.get(), &data, &size));
  return *program::GetProgram(data);
}

// Results that are tied to variables are no outputs to callers: they are named by their variables, as `updates`.
ordered_json bucket(const program::Bucket &bucket, const program::Program &program) {
  ordered_json outputs = list(bucket.outputs(), tensor), updates = ordered_json::array();
  std::vector<uint32_t> tied;
  if (bucket.tied_results())
    for (const program::TiedResult *result : *bucket.tied_results()) {
      tied.push_back(result->output());
      updates.push_back(text(program.variables()->Get(result->variable())->name()));
    }
  std::sort(tied.rbegin(), tied.rend());
  for (uint32_t output : tied)
    outputs.erase(output);
  ordered_json result{{"target", bucket.target()},
                      {"inputs", list(bucket.inputs(), tensor)},
                      {"outputs", outputs},
                      {"updates", updates},
                      {"commands", countCommands(bucket.stages())}};
  if (const program::MemoryReport *memory = bucket.memory())
    result["memory"] = {{"arena_bytes", memory->arena_bytes()},
                        {"max_live_bytes", memory->max_live_bytes()},
                        {"scratch_bytes", memory->scratch_bytes()}};
  return result;
}

ordered_json target(const program::Target &target) {
  ordered_json features = ordered_json::array(), missing = ordered_json::array();
  if (target.required_features())
    for (const flatbuffers::String *feature : *target.required_features()) {
      features.push_back(feature->str());
      if (!mlc_cpu_has_feature(feature->c_str()))
        missing.push_back(feature->str());
    }
  if (target.device() != program::DeviceKind::cpu)
    missing.push_back("a device of another kind than CPU");
  if (target.kernel_abi() != MLC_KERNEL_ABI_VERSION)
    missing.push_back("a runtime with kernel ABI " + std::to_string(target.kernel_abi()));
  return {{"name", text(target.name())},
          {"device", program::EnumNameDeviceKind(target.device())},
          {"cpu", text(target.cpu())},
          {"required_features", features},
          {"missing_here", missing},
          {"kernel_abi", target.kernel_abi()},
          {"code", program::EnumNameCodeLocation(target.code())}};
}

} // namespace

ordered_json inspect(const Module &module) {
  const program::Program &program = programOf(module);
  ordered_json result;
  if (const program::Provenance *provenance = program.provenance()) {
    result["compiler"] = text(provenance->compiler());
    result["source"] = text(provenance->source());
    result["files"] = list(provenance->files(), [](const program::SourceFile &file) {
      ordered_json one{{"name", text(file.name())}, {"bytes", file.bytes()}};
      if (file.hash())
        one["xxh3_128"] = text(file.hash());
      return one;
    });
    ordered_json options = ordered_json::object();
    if (provenance->options())
      for (const program::Option *option : *provenance->options())
        options[text(option->name())] = text(option->value());
    result["options"] = options;
  }
  result["targets"] = list(program.targets(), target);
  result["entry_points"] = list(program.entry_points(), [&](const program::EntryPoint &entry) {
    auto describe = [&](const program::Bucket &one) { return bucket(one, program); };
    return ordered_json{{"name", text(entry.name())}, {"buckets", list(entry.buckets(), describe)}};
  });
  result["variables"] = list(program.variables(), [](const program::Variable &variable) {
    return ordered_json{{"name", text(variable.name())},
                        {"role", program::EnumNameVariableRole(variable.role())},
                        {"trainable", variable.trainable()},
                        {"dtype", program::EnumNameDType(variable.dtype())},
                        {"shape", numbers(variable.shape())},
                        {"layout", text(variable.layout())},
                        {"bytes", variable.size()}};
  });
  result["params_bytes"] = program.params_size();
  result["params"] = list(program.params(), [](const program::Param &param) {
    return ordered_json{{"name", text(param.name())},      {"dtype", program::EnumNameDType(param.dtype())},
                        {"shape", numbers(param.shape())}, {"layout", text(param.layout())},
                        {"offset", param.offset()},        {"bytes", param.size()}};
  });
  result["kernels"] = list(program.kernels(), [](const program::Kernel &kernel) {
    return ordered_json{{"symbol", text(kernel.symbol())},
                        {"description", text(kernel.description())},
                        {"emitter", text(kernel.emitter())},
                        {"schedule", text(kernel.schedule())},
                        {"target", kernel.target()},
                        {"scratch_bytes", kernel.scratch_bytes()},
                        {"flops", kernel.flops()},
                        {"bytes", kernel.bytes()},
                        {"arithmetic", text(kernel.arithmetic())}};
  });
  return result;
}

// Sizes, and checksums by which two modules of the same weights are known. Opening the module has verified the headers.
ordered_json inspectFile(const Module &module, const std::string &path) {
  std::ifstream stream(path, std::ios::binary);
  program::FileHeader header;
  stream.read(reinterpret_cast<char *>(&header), sizeof(header));
  ordered_json sections = ordered_json::array();
  for (uint32_t i = 0; stream && i < header.section_count(); ++i) {
    program::SectionHeader section;
    stream.read(reinterpret_cast<char *>(&section), sizeof(section));
    char checksum[17];
    snprintf(checksum, sizeof(checksum), "%016" PRIx64, section.checksum());
    ordered_json one{
        {"kind", program::EnumNameSectionKind(section.kind())}, {"bytes", section.size()}, {"xxh3", checksum}};
    if (section.kind() == program::SectionKind::code)
      one["target"] = section.index();
    sections.push_back(std::move(one));
  }
  if (!stream)
    throw std::runtime_error("cannot read '" + path + "'");
  ordered_json beside = ordered_json::array();
  for (const std::string &name : codeFiles(module, path)) {
    std::error_code error;
    const auto size = std::filesystem::file_size(name, error);
    ordered_json one{{"name", std::filesystem::path(name).filename().string()}};
    if (!error)
      one["bytes"] = size;
    beside.push_back(std::move(one));
  }
  return {{"bytes", header.file_size()}, {"sections", sections}, {"code_beside", beside}};
}

std::string toText(const ordered_json &json, int indent) {
  return json.dump(indent, ' ', false, ordered_json::error_handler_t::replace);
}

std::vector<std::string> codeFiles(const Module &module, const std::string &path) {
  std::vector<std::string> files;
  if (const auto *targets = programOf(module).targets())
    for (const program::Target *target : *targets)
      if (target->external_file())
        files.push_back((std::filesystem::path(path).parent_path() / target->external_file()->str()).string());
  return files;
}

} // namespace mlc::tools
