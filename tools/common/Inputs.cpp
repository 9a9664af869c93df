#include "tools/common/Inputs.h"

#include "support/RandomTensor.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <stdexcept>

namespace mlc::tools {
namespace {

[[noreturn]] void fail(const std::string &message) { throw std::runtime_error(message); }

size_t findEntry(const Module &module, const std::string &name) {
  if (!name.empty())
    return module.findEntry(name);
  std::string names;
  for (size_t i = 0; i < module.entryCount(); ++i) {
    if (module.entryName(i) == "main")
      return i;
    names += (i ? ", " : "") + module.entryName(i);
  }
  if (module.entryCount() != 1)
    fail("the module has " + std::to_string(module.entryCount()) + " entry points (" + names +
         "); choose one with --entry");
  return 0;
}

// Tensors that were read, by name, and the seeds of those to make.
struct Given {
  std::map<std::string, HostTensor> tensors;
  std::map<std::string, uint64_t> seeds;
  bool has(const std::string &name) const { return tensors.count(name) || seeds.count(name); }
};

uint64_t parseSeed(const std::string &text, const std::string &argument) {
  size_t used = 0;
  uint64_t seed = 0;
  try {
    seed = std::stoull(text, &used);
  } catch (const std::exception &) {
    used = 0;
  }
  if (used == 0 || used != text.size())
    fail("--input " + argument + ": expected random:SEED with a number, such as random:1");
  return seed;
}

// NAME=VALUE. Names may hold '=', and so may paths: it is cut at the last '=' behind the name of an input, or else at
// the first.
std::pair<std::string, std::string> splitInput(const std::string &argument, const std::vector<Spec> &specs) {
  size_t cut = 0;
  for (const Spec &spec : specs)
    if (argument.starts_with(spec.name + "="))
      cut = std::max(cut, spec.name.size());
  if (cut == 0)
    cut = argument.find('=');
  if (cut == std::string::npos || cut == 0)
    fail("--input " + argument + ": expected NAME=FILE.npy or NAME=random:SEED");
  return {argument.substr(0, cut), argument.substr(cut + 1)};
}

Given readInputs(const InputArguments &arguments, const std::vector<Spec> &specs) {
  Given given;
  auto add = [&](const std::string &name, HostTensor tensor) {
    if (given.has(name))
      fail("input '" + name + "' is given twice");
    given.tensors.emplace(name, std::move(tensor));
  };
  for (const std::string &argument : arguments.inputs) {
    const auto [name, value] = splitInput(argument, specs);
    if (value.rfind("random:", 0) == 0) {
      if (given.has(name))
        fail("input '" + name + "' is given twice");
      given.seeds.emplace(name, parseSeed(value.substr(7), argument));
      continue;
    }
    Result<HostTensor> tensor = readNpy(value);
    if (!tensor.ok())
      fail(tensor.message());
    add(name, std::move(*tensor));
  }
  for (const std::string &path : arguments.archives) {
    Result<NamedTensors> tensors = readNpz(path);
    if (!tensors.ok())
      fail(tensors.message());
    for (auto &[name, tensor] : *tensors)
      add(name, std::move(tensor));
  }
  return given;
}

std::string listInputs(const std::vector<Spec> &specs) {
  std::string text;
  for (const Spec &spec : specs)
    text += (text.empty() ? "" : ", ") + describeSpec(spec);
  return text;
}

std::string listInputs(const Module &module, size_t entry, size_t bucket) {
  std::string text;
  const std::vector<Spec> specs = module.inputs(entry, bucket);
  for (size_t i = 0; i < specs.size(); ++i) {
    text += (i ? ", " : "") + specs[i].name + ": " + mlc_dtype_name(specs[i].dtype) + "[";
    for (size_t dim = 0; dim < specs[i].shape.size(); ++dim) {
      const std::string name = module.paddedDim(entry, bucket, i, dim);
      text += (dim ? "," : "") + (name.empty() ? "" : name + "<=") + std::to_string(specs[i].shape[dim]);
    }
    text += "]";
  }
  return text;
}

// What a run in the bucket takes: its inputs, with the given tensors' sizes where they may be smaller. Nothing where
// the tensors do not fit.
std::optional<std::vector<Spec>> fit(const Module &module, size_t entry, size_t bucket, const Given &given) {
  std::vector<Spec> specs = module.inputs(entry, bucket);
  std::map<std::string, int64_t> sizes; // of dimensions by name
  for (size_t i = 0; i < specs.size(); ++i) {
    auto found = given.tensors.find(specs[i].name);
    if (found == given.tensors.end())
      continue;
    const HostTensor &tensor = found->second;
    if (toRuntime(tensor.dtype()) != specs[i].dtype || tensor.shape().size() != specs[i].shape.size())
      return std::nullopt;
    for (size_t dim = 0; dim < specs[i].shape.size(); ++dim) {
      const int64_t size = tensor.shape()[dim], largest = specs[i].shape[dim];
      const std::string name = module.paddedDim(entry, bucket, i, dim);
      if (name.empty() ? size != largest
                       : size < 1 || size > largest || sizes.try_emplace(name, size).first->second != size)
        return std::nullopt;
    }
  }
  for (size_t i = 0; i < specs.size(); ++i)
    for (size_t dim = 0; dim < specs[i].shape.size(); ++dim)
      if (auto size = sizes.find(module.paddedDim(entry, bucket, i, dim)); size != sizes.end())
        specs[i].shape[dim] = size->second;
  return specs;
}

struct Choice {
  size_t bucket;
  std::vector<Spec> inputs; // as they are in the run
};

// The smallest bucket that the given tensors fit. Random inputs fit any, so that their shapes must be known by it.
Choice chooseBucket(const Module &module, size_t entry, const Given &given, std::optional<size_t> wanted) {
  const size_t count = module.bucketCount(entry);
  if (wanted) {
    if (*wanted >= count)
      fail("--bucket " + std::to_string(*wanted) + ": the entry point has " + std::to_string(count));
    return {*wanted, fit(module, entry, *wanted, given).value_or(module.inputs(entry, *wanted))};
  }
  auto elements = [&](size_t bucket) {
    size_t sum = 0;
    for (const Spec &spec : module.inputs(entry, bucket))
      sum += spec.elements();
    return sum;
  };
  std::vector<Choice> candidates; // of different shapes
  std::string list;
  for (size_t bucket = 0; bucket < count; ++bucket) {
    list += "\n  " + std::to_string(bucket) + ": " + listInputs(module, entry, bucket);
    std::optional<std::vector<Spec>> specs = fit(module, entry, bucket, given);
    if (!specs)
      continue;
    auto known = std::find_if(candidates.begin(), candidates.end(), [&](const Choice &other) {
      return std::equal(specs->begin(), specs->end(), other.inputs.begin(), other.inputs.end(),
                        [](const Spec &a, const Spec &b) { return a.dtype == b.dtype && a.shape == b.shape; });
    });
    if (known == candidates.end())
      candidates.push_back({bucket, *std::move(specs)});
    else if (elements(bucket) < elements(known->bucket))
      known->bucket = bucket;
  }
  if (candidates.size() == 1)
    return candidates[0];
  if (candidates.empty()) {
    std::string what;
    for (const auto &[name, tensor] : given.tensors)
      what += (what.empty() ? "" : ", ") + name + ": " + describe(tensor.dtype(), tensor.shape());
    fail("the module was not compiled for inputs " + what + ". It was compiled for:" + list +
         "\nGive inputs of these shapes and types, or compile for yours with --shape");
  }
  fail("the inputs fit several buckets; choose one with --bucket:" + list);
}

} // namespace

DType toSupport(mlc_dtype dtype) {
  std::optional<DType> result = parseDType(mlc_dtype_name(dtype));
  MLC_CHECK(result, "runtime and support library know the same types");
  return *result;
}

mlc_dtype toRuntime(DType dtype) {
  for (int candidate = MLC_F32; candidate <= MLC_I1; ++candidate)
    if (nameOf(dtype) == mlc_dtype_name(mlc_dtype(candidate)))
      return mlc_dtype(candidate);
  MLC_CHECK(false, "runtime and support library know the same types");
  return MLC_F32;
}

HostTensor toHostTensor(Buffer &buffer) {
  return HostTensor::borrow(toSupport(buffer.spec().dtype), buffer.spec().shape,
                            static_cast<const std::byte *>(buffer.data()), nullptr);
}

std::string describeSpec(const Spec &spec) { return spec.name + ": " + describe(toSupport(spec.dtype), spec.shape); }

Call prepareCall(const Module &module, const InputArguments &arguments) {
  Call call;
  call.entry = findEntry(module, arguments.entry);
  const std::vector<Spec> anySpecs = module.inputs(call.entry);
  Given given = readInputs(arguments, anySpecs);
  std::string missing;
  for (const Spec &spec : anySpecs)
    if (!given.has(spec.name) && !arguments.randomSeed)
      missing += "\n  --input " + spec.name + "=FILE.npy    (" + describeSpec(spec) + ")";
  auto known = [&](const std::string &name) {
    for (const Spec &spec : anySpecs)
      if (spec.name == name)
        return;
    fail("the module has no input '" + name + "'; its inputs are " + listInputs(anySpecs));
  };
  for (const auto &[name, tensor] : given.tensors)
    known(name);
  for (const auto &[name, seed] : given.seeds)
    known(name);
  if (!missing.empty())
    fail("inputs are missing; add" + missing + "\nor NAME=random:SEED for random values");

  const Choice choice = chooseBucket(module, call.entry, given, arguments.bucket);
  call.bucket = choice.bucket;
  uint64_t seed = arguments.randomSeed.value_or(0);
  for (const Spec &spec : choice.inputs) {
    if (auto found = given.tensors.find(spec.name); found != given.tensors.end())
      call.inputs.push_back(found->second);
    else if (auto random = given.seeds.find(spec.name); random != given.seeds.end())
      call.inputs.push_back(randomTensor(toSupport(spec.dtype), spec.shape, random->second));
    else
      call.inputs.push_back(randomTensor(toSupport(spec.dtype), spec.shape, seed++));
    HostTensor &tensor = call.inputs.back();
    // Data of a file may lie anywhere in its mapping; kernels want it aligned.
    if (reinterpret_cast<uintptr_t>(tensor.bytes()) % sizeOf(tensor.dtype())) {
      HostTensor aligned(tensor.dtype(), tensor.shape());
      memcpy(aligned.mutableBytes(), tensor.bytes(), tensor.sizeBytes());
      tensor = std::move(aligned);
    }
  }
  for (const HostTensor &tensor : call.inputs)
    call.inputViews.push_back({const_cast<std::byte *>(tensor.bytes()), toRuntime(tensor.dtype()),
                               int32_t(tensor.shape().size()), tensor.shape().data(), nullptr});
  for (const Spec &spec : module.outputs(call.entry, call.bucket, call.inputViews))
    call.outputs.emplace_back(spec);
  for (Buffer &output : call.outputs)
    call.outputViews.push_back(output.tensor());
  return call;
}

} // namespace mlc::tools
