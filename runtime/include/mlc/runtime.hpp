// C++ interface of the mlc runtime: RAII and exceptions over mlc/runtime.h. Headers only.
//
//   mlc::Module module("model.mlc");
//   mlc::Session session(module);
//   std::vector<mlc::Buffer> outputs = session.run(module, "main", {{"ids", mlc::view(ids, {1, 128})}});
#ifndef MLC_RUNTIME_HPP
#define MLC_RUNTIME_HPP

#include "mlc/runtime.h"
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>
#if __has_include(<stdfloat>)
#include <stdfloat>
#endif

namespace mlc {

class RuntimeError : public std::runtime_error {
public:
  explicit RuntimeError(mlc_status status) : std::runtime_error(mlc_last_error()), code(status) {}
  mlc_status status() const noexcept { return code; }

private:
  mlc_status code;
};

inline void check(mlc_status status) {
  if (status != MLC_OK)
    throw RuntimeError(status);
}

template <typename T> struct DtypeOf;
template <> struct DtypeOf<float> {
  static constexpr mlc_dtype value = MLC_F32;
};
template <> struct DtypeOf<double> {
  static constexpr mlc_dtype value = MLC_F64;
};
template <> struct DtypeOf<int8_t> {
  static constexpr mlc_dtype value = MLC_I8;
};
template <> struct DtypeOf<uint8_t> {
  static constexpr mlc_dtype value = MLC_U8;
};
template <> struct DtypeOf<int16_t> {
  static constexpr mlc_dtype value = MLC_I16;
};
template <> struct DtypeOf<uint16_t> {
  static constexpr mlc_dtype value = MLC_U16;
};
template <> struct DtypeOf<int32_t> {
  static constexpr mlc_dtype value = MLC_I32;
};
template <> struct DtypeOf<uint32_t> {
  static constexpr mlc_dtype value = MLC_U32;
};
template <> struct DtypeOf<int64_t> {
  static constexpr mlc_dtype value = MLC_I64;
};
template <> struct DtypeOf<uint64_t> {
  static constexpr mlc_dtype value = MLC_U64;
};
template <> struct DtypeOf<bool> {
  static constexpr mlc_dtype value = MLC_I1;
};

// Where the language has them (C++23). Elsewhere a dtype is named: View(data, MLC_BF16, {8}),
// buffer.as<uint16_t>(MLC_BF16).
#if defined(__STDCPP_FLOAT16_T__)
template <> struct DtypeOf<std::float16_t> {
  static constexpr mlc_dtype value = MLC_F16;
};
#endif
#if defined(__STDCPP_BFLOAT16_T__)
template <> struct DtypeOf<std::bfloat16_t> {
  static constexpr mlc_dtype value = MLC_BF16;
};
#endif

// A view of memory that the caller owns, to be read; holds its own shape and strides.
class ConstView {
public:
  ConstView(const void *memory, mlc_dtype type, std::vector<int64_t> dims, std::vector<int64_t> steps = {})
      : data(const_cast<void *>(memory)), dtype(type), shape(std::move(dims)), strides(std::move(steps)) {
    if (!strides.empty() && strides.size() != shape.size())
      throw std::invalid_argument("a view needs one stride per dimension");
  }
  mlc_tensor tensor() const {
    return {data, dtype, int32_t(shape.size()), shape.data(), strides.empty() ? nullptr : strides.data()};
  }

private:
  void *data; // not written: mlc_tensor has one pointer for inputs and outputs
  mlc_dtype dtype;
  std::vector<int64_t> shape, strides;
};

// One that may be written.
class View : public ConstView {
public:
  View(void *memory, mlc_dtype type, std::vector<int64_t> dims, std::vector<int64_t> steps = {})
      : ConstView(memory, type, std::move(dims), std::move(steps)) {}
};

template <typename T> ConstView view(const T *data, std::vector<int64_t> shape, std::vector<int64_t> strides = {}) {
  return ConstView(data, DtypeOf<T>::value, std::move(shape), std::move(strides));
}
template <typename T> View view(T *data, std::vector<int64_t> shape, std::vector<int64_t> strides = {}) {
  return View(data, DtypeOf<T>::value, std::move(shape), std::move(strides));
}

inline void checkElements(size_t given, const std::vector<int64_t> &shape) {
  size_t count = 1;
  for (int64_t dim : shape)
    count *= size_t(dim);
  if (count != given)
    throw std::invalid_argument("the vector has " + std::to_string(given) + " elements, the shape " +
                                std::to_string(count));
}
template <typename T> ConstView view(const std::vector<T> &data, std::vector<int64_t> shape) {
  checkElements(data.size(), shape);
  return view(data.data(), std::move(shape));
}
template <typename T> View view(std::vector<T> &data, std::vector<int64_t> shape) {
  checkElements(data.size(), shape);
  return view(data.data(), std::move(shape));
}

struct Spec {
  explicit Spec(const mlc_tensor_spec &other)
      : name(other.name), dtype(other.dtype), shape(other.shape, other.shape + other.rank) {}
  size_t elements() const {
    size_t count = 1;
    for (int64_t dim : shape)
      count *= size_t(dim);
    return count;
  }
  size_t bytes() const { return elements() * mlc_dtype_size(dtype); }

  std::string name;
  mlc_dtype dtype;
  std::vector<int64_t> shape;
};

// A dense tensor that owns its memory.
class Buffer {
public:
  explicit Buffer(Spec what) : description(std::move(what)), memory(new std::max_align_t[units()]()) {}
  const Spec &spec() const { return description; }
  void *data() { return memory.get(); }
  const void *data() const { return memory.get(); }
  template <typename T> T *as() { return as<T>(DtypeOf<T>::value); }
  // With elements of a type that DtypeOf does not know.
  template <typename T> T *as(mlc_dtype dtype) {
    if (dtype != description.dtype || sizeof(T) != mlc_dtype_size(dtype))
      throw std::invalid_argument("'" + description.name + "' has elements of " + mlc_dtype_name(description.dtype));
    return static_cast<T *>(data());
  }
  mlc_tensor tensor() {
    return {data(), description.dtype, int32_t(description.shape.size()), description.shape.data(), nullptr};
  }

private:
  size_t units() const { return description.bytes() / sizeof(std::max_align_t) + 1; }

  Spec description;
  std::unique_ptr<std::max_align_t[]> memory;
};

class Module {
public:
  explicit Module(const std::string &path) {
    mlc_module *module;
    check(mlc_module_load(path.c_str(), &module));
    handle.reset(module);
  }
  // From memory that is aligned to 64 bytes and outlives the module and its sessions.
  Module(const void *data, size_t size) {
    mlc_module *module;
    check(mlc_module_load_memory(data, size, &module));
    handle.reset(module);
  }
  // To be described and verified only: also a module for another machine.
  static Module open(const std::string &path) {
    mlc_module *module;
    check(mlc_module_open(path.c_str(), &module));
    return Module(module);
  }
  mlc_module *get() const { return handle.get(); }
  void verify() const { check(mlc_module_verify(get())); }

  size_t entryCount() const { return mlc_module_entry_count(get()); }
  std::string entryName(size_t entry) const {
    const char *name = mlc_module_entry_name(get(), entry);
    if (!name)
      throw std::out_of_range("no entry point " + std::to_string(entry));
    return name;
  }
  size_t findEntry(const std::string &name) const {
    size_t entry;
    check(mlc_module_find_entry(get(), name.c_str(), &entry));
    return entry;
  }
  size_t bucketCount(size_t entry = 0) const { return mlc_module_bucket_count(get(), entry); }

  std::vector<Spec> inputs(size_t entry = 0, size_t bucket = 0) const {
    return specs(mlc_module_input_spec, mlc_module_input_count(get(), entry), entry, bucket);
  }
  std::vector<Spec> outputs(size_t entry = 0, size_t bucket = 0) const {
    return specs(mlc_module_output_spec, mlc_module_output_count(get(), entry), entry, bucket);
  }
  // In a run with these inputs, which are smaller than the bucket's where it was compiled with --pad.
  std::vector<Spec> outputs(size_t entry, size_t bucket, const std::vector<mlc_tensor> &inputs) const {
    std::vector<Spec> result = outputs(entry, bucket);
    for (size_t i = 0; i < result.size(); ++i)
      check(mlc_module_output_shape(get(), entry, bucket, i, inputs.data(), inputs.size(), result[i].shape.data()));
    return result;
  }
  // The name of a dimension of an input that may be smaller than its bucket's; empty where the size is exact.
  std::string paddedDim(size_t entry, size_t bucket, size_t input, size_t dim) const {
    const char *name = mlc_module_padded_dim(get(), entry, bucket, input, dim);
    return name ? name : "";
  }
  // Tensors that persist in a session, shared by all entry points.
  std::vector<Spec> variables() const {
    std::vector<Spec> result;
    for (size_t i = 0; i < mlc_module_variable_count(get()); ++i) {
      mlc_tensor_spec spec;
      check(mlc_module_variable_spec(get(), i, &spec));
      result.emplace_back(spec);
    }
    return result;
  }
  size_t findBucket(size_t entry, const std::vector<mlc_tensor> &inputs) const {
    size_t bucket;
    check(mlc_module_find_bucket(get(), entry, inputs.data(), inputs.size(), &bucket));
    return bucket;
  }

private:
  explicit Module(mlc_module *module) : handle(module) {}

  template <typename Function>
  std::vector<Spec> specs(Function function, size_t count, size_t entry, size_t bucket) const {
    if (entry >= entryCount() || bucket >= bucketCount(entry))
      throw std::out_of_range("no bucket " + std::to_string(bucket) + " of entry point " + std::to_string(entry));
    std::vector<Spec> result;
    for (size_t i = 0; i < count; ++i) {
      mlc_tensor_spec spec;
      check(function(get(), entry, bucket, i, &spec));
      result.emplace_back(spec);
    }
    return result;
  }

  struct Destroy {
    void operator()(mlc_module *module) const { mlc_module_destroy(module); }
  };
  std::unique_ptr<mlc_module, Destroy> handle;
};

class Session {
public:
  explicit Session(const Module &module, uint32_t threads = 0) {
    mlc_session_options options{};
    options.struct_size = sizeof(options);
    options.threads = threads;
    create(module, options);
  }
  Session(const Module &module, const mlc_session_options &options) { create(module, options); }

  mlc_session *get() const { return handle.get(); }
  uint32_t threadCount() const { return mlc_session_thread_count(get()); }

  // By position, into the caller's memory.
  void run(size_t entry, const std::vector<mlc_tensor> &inputs, const std::vector<mlc_tensor> &outputs) {
    check(mlc_session_run(get(), entry, inputs.data(), inputs.size(), outputs.data(), outputs.size()));
  }

  // By name, into memory of the result; all outputs in the module's order.
  using Inputs = std::vector<std::pair<std::string, ConstView>>;
  std::vector<Buffer> run(const Module &module, const std::string &entry, const Inputs &inputs) {
    const size_t index = module.findEntry(entry);
    const std::vector<Spec> inputSpecs = module.inputs(index);
    std::vector<const char *> inputNames, outputNames;
    std::vector<mlc_tensor> inputTensors, ordered, outputTensors;
    for (const auto &input : inputs) {
      inputNames.push_back(input.first.c_str());
      inputTensors.push_back(input.second.tensor());
    }
    for (const Spec &spec : inputSpecs)
      for (size_t i = 0; i < inputs.size(); ++i)
        if (inputs[i].first == spec.name)
          ordered.push_back(inputTensors[i]);
    // Names that do not fit are left to the runtime, whose message says which are expected.
    bool fits = ordered.size() == inputSpecs.size() && inputs.size() == inputSpecs.size();
    const size_t bucket = fits ? module.findBucket(index, ordered) : 0;
    std::vector<Buffer> outputs;
    for (const Spec &spec : fits ? module.outputs(index, bucket, ordered) : module.outputs(index, bucket))
      outputs.emplace_back(spec);
    for (Buffer &output : outputs) {
      outputNames.push_back(output.spec().name.c_str());
      outputTensors.push_back(output.tensor());
    }
    check(mlc_session_run_named(get(), entry.c_str(), inputNames.data(), inputTensors.data(), inputTensors.size(),
                                outputNames.data(), outputTensors.data(), outputTensors.size()));
    return outputs;
  }

  void getVariable(const std::string &name, const View &destination) {
    mlc_tensor tensor = destination.tensor();
    check(mlc_session_get_variable(get(), name.c_str(), &tensor));
  }
  void setVariable(const std::string &name, const ConstView &source) {
    mlc_tensor tensor = source.tensor();
    check(mlc_session_set_variable(get(), name.c_str(), &tensor));
  }
  void setProfile(mlc_profile_fn profile, void *context) { check(mlc_session_set_profile(get(), profile, context)); }

private:
  void create(const Module &module, const mlc_session_options &options) {
    mlc_session *session;
    check(mlc_session_create(module.get(), &options, &session));
    handle.reset(session);
  }

  struct Destroy {
    void operator()(mlc_session *session) const { mlc_session_destroy(session); }
  };
  std::unique_ptr<mlc_session, Destroy> handle;
};

} // namespace mlc

#endif // MLC_RUNTIME_HPP
