#include "codegen/module/ModuleWriter.h"

#include "runtime/core/Format.h"
#include "support/FileWriter.h"

#include <algorithm>

namespace mlc::codegen {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

uint64_t alignUp(uint64_t value, uint64_t alignment) { return (value + alignment - 1) / alignment * alignment; }

std::string baseName(const std::string &path) { return path.substr(path.rfind('/') + 1); }

// ---- Structs to FlatBuffers: one function per table ----

auto pack(FlatBufferBuilder &builder, const TensorSpecDesc &spec) {
  std::vector<Offset<flatbuffers::String>> padded;
  for (const std::string &name : spec.padded)
    padded.push_back(builder.CreateSharedString(name));
  return program::CreateTensorSpecDirect(builder, spec.name.c_str(), spec.dtype, &spec.shape, spec.capacity,
                                         padded.empty() ? nullptr : &padded);
}

auto pack(FlatBufferBuilder &builder, const ParamDesc &param) {
  return program::CreateParamDirect(builder, param.name.c_str(), param.dtype, &param.shape, param.layout.c_str(),
                                    param.offset, param.size);
}

auto pack(FlatBufferBuilder &builder, const VariableDesc &variable) {
  return program::CreateVariableDirect(builder, variable.name.c_str(), variable.role, variable.trainable,
                                       variable.dtype, &variable.shape, variable.layout.c_str(), variable.size,
                                       variable.initialParam);
}

auto pack(FlatBufferBuilder &builder, const BindingDesc &binding) {
  return program::CreateBinding(builder, binding.base, binding.index, binding.offset, binding.size, binding.slotStride,
                                binding.slot);
}

auto pack(FlatBufferBuilder &builder, const KernelDesc &kernel) {
  return program::CreateKernelDirect(builder, kernel.symbol.c_str(), kernel.target, kernel.scratchBytes,
                                     kernel.numBindings, kernel.numConstants, kernel.description.c_str(),
                                     kernel.emitter.c_str(), kernel.schedule.c_str(), kernel.flops, kernel.bytes,
                                     kernel.arithmetic.c_str());
}

Offset<program::Command> pack(FlatBufferBuilder &builder, const CommandDesc &command);
Offset<program::Stage> pack(FlatBufferBuilder &builder, const StageDesc &stage);
Offset<program::Bucket> pack(FlatBufferBuilder &builder, const BucketDesc &bucket);
Offset<program::EntryPoint> pack(FlatBufferBuilder &builder, const EntryPointDesc &entry);

template <typename Desc> auto packAll(FlatBufferBuilder &builder, const std::vector<Desc> &descs) {
  std::vector<decltype(pack(builder, std::declval<const Desc &>()))> offsets;
  offsets.reserve(descs.size());
  for (const Desc &desc : descs)
    offsets.push_back(pack(builder, desc));
  return offsets;
}

Offset<program::Command> pack(FlatBufferBuilder &builder, const CommandDesc &command) {
  if (auto *launch = std::get_if<LaunchCpuDesc>(&command.op)) {
    auto bindings = packAll(builder, launch->bindings);
    auto op = program::CreateLaunchCpuDirect(builder, launch->kernel, launch->tiles, &bindings, &launch->constants);
    return program::CreateCommand(builder, program::Op::LaunchCpu, op.Union(), command.stream);
  }
  if (auto *copy = std::get_if<CopyDesc>(&command.op)) {
    auto source = pack(builder, copy->source);
    auto destination = pack(builder, copy->destination);
    auto op = program::CreateCopy(builder, source, destination);
    return program::CreateCommand(builder, program::Op::Copy, op.Union(), command.stream);
  }
  const RepeatDesc &repeat = std::get<RepeatDesc>(command.op);
  auto body = packAll(builder, repeat.body);
  auto op = program::CreateRepeatDirect(builder, repeat.count, repeat.slot, &body);
  return program::CreateCommand(builder, program::Op::Repeat, op.Union(), command.stream);
}

Offset<program::Stage> pack(FlatBufferBuilder &builder, const StageDesc &stage) {
  auto commands = packAll(builder, stage.commands);
  return program::CreateStageDirect(builder, &commands);
}

Offset<program::Bucket> pack(FlatBufferBuilder &builder, const BucketDesc &bucket) {
  auto inputs = packAll(builder, bucket.inputs);
  auto outputs = packAll(builder, bucket.outputs);
  auto stages = packAll(builder, bucket.stages);
  std::vector<Offset<program::TiedResult>> tied;
  for (auto [output, variable] : bucket.tiedResults)
    tied.push_back(program::CreateTiedResult(builder, output, variable));
  auto memory = program::CreateMemoryReport(builder, bucket.arenaBytes, bucket.maxLiveBytes, bucket.scratchBytes);
  return program::CreateBucketDirect(builder, bucket.target, bucket.rankClass, &inputs, &outputs, &bucket.arenas,
                                     &stages, &tied, memory);
}

Offset<program::EntryPoint> pack(FlatBufferBuilder &builder, const EntryPointDesc &entry) {
  auto buckets = packAll(builder, entry.buckets);
  return program::CreateEntryPointDirect(builder, entry.name.c_str(), &buckets);
}

Offset<program::Target> pack(FlatBufferBuilder &builder, const TargetSpec &target, const std::string &externalFile) {
  std::vector<Offset<flatbuffers::String>> features;
  for (const std::string &feature : target.requiredFeatures)
    features.push_back(builder.CreateString(feature));
  auto location = target.code.empty()   ? CodeLocation::none
                  : target.externalCode ? CodeLocation::external
                                        : CodeLocation::embedded;
  bool external = location == CodeLocation::external;
  return program::CreateTargetDirect(builder, target.name.c_str(), target.device, target.cpu.c_str(),
                                     target.features.c_str(), &features, target.kernelAbi, location,
                                     external ? externalFile.c_str() : nullptr,
                                     external ? XXH3_64bits(target.code.data(), target.code.size()) : 0);
}

uint64_t paramsSize(const std::vector<ParamDesc> &params) {
  uint64_t size = 0;
  for (const ParamDesc &param : params)
    size = std::max(size, alignUp(param.offset + param.size, format::paramAlignment));
  return size;
}

void packProgram(FlatBufferBuilder &builder, const ProgramDesc &desc, const std::vector<std::string> &externalFiles) {
  std::vector<Offset<program::Target>> targets;
  for (size_t i = 0; i < desc.targets.size(); ++i)
    targets.push_back(pack(builder, desc.targets[i], externalFiles[i]));
  auto kernels = packAll(builder, desc.kernels);
  auto params = packAll(builder, desc.params);
  auto variables = packAll(builder, desc.variables);
  auto entries = packAll(builder, desc.entryPoints);
  std::vector<Offset<program::Option>> options;
  for (const auto &[name, value] : desc.options)
    options.push_back(program::CreateOptionDirect(builder, name.c_str(), value.c_str()));
  std::vector<Offset<program::SourceFile>> files;
  for (const SourceFileDesc &file : desc.files)
    files.push_back(program::CreateSourceFileDirect(builder, file.name.c_str(), file.bytes,
                                                    file.hash.empty() ? nullptr : file.hash.c_str()));
  auto provenance =
      program::CreateProvenanceDirect(builder, desc.compiler.c_str(), desc.source.c_str(), &options, &files);
  builder.ForceVectorAlignment(desc.constants.size(), 1, format::paramAlignment);
  auto constants =
      builder.CreateVector(reinterpret_cast<const uint8_t *>(desc.constants.data()), desc.constants.size());
  auto targetVector = builder.CreateVector(targets);
  auto kernelVector = builder.CreateVector(kernels);
  auto paramVector = builder.CreateVector(params);
  auto variableVector = builder.CreateVector(variables);
  auto entryVector = builder.CreateVector(entries);
  program::ProgramBuilder program(builder);
  program.add_targets(targetVector);
  program.add_kernels(kernelVector);
  program.add_params(paramVector);
  program.add_params_size(paramsSize(desc.params));
  program.add_variables(variableVector);
  program.add_constants(constants);
  program.add_entry_points(entryVector);
  program.add_provenance(provenance);
  program::FinishProgramBuffer(builder, program.Finish());
}

// ---- The file ----

std::string errorOf(const Status &status) { return status.ok() ? "" : status.message(); }

std::span<const std::byte> asBytes(const void *data, uint64_t size) {
  return {static_cast<const std::byte *>(data), size};
}

// Appends to a file and knows where it is.
class SectionWriter {
public:
  explicit SectionWriter(FileWriter &file) : file(file) {}

  std::string pad(uint64_t target) {
    static const char zeros[format::sectionAlignment] = {};
    while (position < target) {
      uint64_t count = std::min<uint64_t>(target - position, sizeof(zeros));
      if (std::string error = append(zeros, count); !error.empty())
        return error;
    }
    return "";
  }

  std::string append(const void *data, uint64_t size) {
    position += size;
    return errorOf(file.write(asBytes(data, size)));
  }

  // A whole section from memory.
  std::string section(program::SectionKind kind, uint32_t index, const void *data, uint64_t size) {
    if (std::string error = pad(alignUp(position, format::sectionAlignment)); !error.empty())
      return error;
    headers.emplace_back(kind, index, position, size, XXH3_64bits(data, size));
    return append(data, size);
  }

  std::string params(const std::vector<ParamDesc> &params, const ParamWriter &writeParam);

  FileWriter &file;
  uint64_t position = 0;
  std::vector<program::SectionHeader> headers;
};

std::string SectionWriter::params(const std::vector<ParamDesc> &params, const ParamWriter &writeParam) {
  if (std::string error = pad(alignUp(position, format::sectionAlignment)); !error.empty())
    return error;
  XXH3_state_t hash;
  XXH3_64bits_reset(&hash);
  const uint64_t start = position;
  std::string error;
  auto sink = [&](const void *data, uint64_t size) {
    XXH3_64bits_update(&hash, data, size);
    if (error.empty())
      error = append(data, size);
    return error.empty();
  };
  static const char zeros[format::paramAlignment] = {};
  auto padTo = [&](uint64_t target) { return sink(zeros, target - position); };
  for (size_t i = 0; i < params.size(); ++i) {
    const ParamDesc &param = params[i];
    if (!padTo(start + param.offset))
      return error;
    std::string refusal = writeParam(i, sink);
    if (!error.empty())
      return error;
    if (!refusal.empty())
      return "parameter '" + param.name + "': " + refusal;
    if (position != start + param.offset + param.size)
      return "parameter '" + param.name + "': " + std::to_string(position - start - param.offset) +
             " bytes were given, but it is stored as " + std::to_string(param.size);
  }
  if (!padTo(start + paramsSize(params)))
    return error;
  headers.emplace_back(program::SectionKind::params, 0, start, position - start, XXH3_64bits_digest(&hash));
  return "";
}

// Parameters lie one after the other, each at the next aligned offset.
std::string checkParams(const std::vector<ParamDesc> &params) {
  uint64_t end = 0;
  for (const ParamDesc &param : params) {
    if (param.offset != alignUp(end, format::paramAlignment))
      return "parameter '" + param.name + "' has offset " + std::to_string(param.offset) + ", expected " +
             std::to_string(alignUp(end, format::paramAlignment)) + " (see layoutParams)";
    end = param.offset + param.size;
  }
  return "";
}

} // namespace

uint64_t layoutParams(std::vector<ParamDesc> &params) {
  uint64_t end = 0;
  for (ParamDesc &param : params) {
    param.offset = alignUp(end, format::paramAlignment);
    end = param.offset + param.size;
  }
  return alignUp(end, format::paramAlignment);
}

std::string writeModule(const ProgramDesc &desc, const ParamWriter &writeParam, const std::string &path) {
  if (std::string error = checkParams(desc.params); !error.empty())
    return error;

  std::vector<std::string> externalFiles;
  uint32_t sectionCount = 1 + !desc.params.empty();
  for (const TargetSpec &target : desc.targets) {
    bool several = desc.targets.size() > 1;
    externalFiles.push_back(path + (several ? "." + target.name : "") + ".so");
    sectionCount += !target.code.empty() && !target.externalCode;
  }
  std::vector<std::string> externalNames;
  for (const std::string &file : externalFiles)
    externalNames.push_back(baseName(file));
  FlatBufferBuilder builder(1 << 16);
  packProgram(builder, desc, externalNames);

  Result<FileWriter> file = FileWriter::create(path);
  if (!file.ok())
    return file.message();
  SectionWriter writer(*file);
  const uint64_t headerSize = sizeof(program::FileHeader) + sectionCount * sizeof(program::SectionHeader);
  if (std::string error = writer.pad(headerSize); !error.empty())
    return error;
  if (std::string error =
          writer.section(program::SectionKind::program, 0, builder.GetBufferPointer(), builder.GetSize());
      !error.empty())
    return error;
  for (size_t i = 0; i < desc.targets.size(); ++i) {
    const TargetSpec &target = desc.targets[i];
    if (target.code.empty() || target.externalCode)
      continue;
    if (std::string error = writer.section(program::SectionKind::code, i, target.code.data(), target.code.size());
        !error.empty())
      return error;
  }
  if (!desc.params.empty())
    if (std::string error = writer.params(desc.params, writeParam); !error.empty())
      return error;

  // The header comes last: what it says of the parameters is known only now.
  program::FileHeader header(format::magic, format::majorVersion, format::minorVersion, sectionCount, writer.position,
                             0, 0);
  header.mutate_header_checksum(format::headerChecksum(header, writer.headers.data()));
  const uint64_t headersSize = writer.headers.size() * sizeof(program::SectionHeader);
  if (Status status = file->writeAt(0, asBytes(&header, sizeof(header))); !status.ok())
    return status.message();
  if (Status status = file->writeAt(sizeof(header), asBytes(writer.headers.data(), headersSize)); !status.ok())
    return status.message();

  // Code goes before the module that refers to it: a reader never sees a module whose code is missing.
  for (size_t i = 0; i < desc.targets.size(); ++i) {
    const TargetSpec &target = desc.targets[i];
    if (target.code.empty() || !target.externalCode)
      continue;
    if (Status status = writeFile(externalFiles[i], asBytes(target.code.data(), target.code.size())); !status.ok())
      return status.message();
  }
  return errorOf(file->commit());
}

} // namespace mlc::codegen
