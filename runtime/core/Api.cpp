// The C interface: argument checks, and exceptions turned into status and message.
#include "runtime/core/Session.h"
#include "runtime/core/Tensor.h"
#include "runtime/cpu/CpuFeatures.h"
#include <algorithm>
#include <cstdio>
#include <mutex>
#include <new>

using namespace mlc::runtime;

struct mlc_module {
  std::shared_ptr<const Module> module;
};

struct mlc_session {
  Session session;
};

namespace mlc::runtime {
namespace {

thread_local std::string lastError;

std::mutex logMutex;
void logToStderr(void *, mlc_log_level level, const char *message) {
  if (level >= MLC_LOG_WARNING)
    fprintf(stderr, "mlc: warning: %s\n", message);
}
mlc_log_fn logFunction = logToStderr;
void *logContext = nullptr;

mlc_status setError(mlc_status status, const char *message) {
  try {
    lastError = message;
  } catch (...) {
    lastError.clear();
  }
  return status;
}

template <typename Body> mlc_status guarded(Body &&body) {
  try {
    body();
    return MLC_OK;
  } catch (const Error &error) {
    return setError(error.status, error.message.c_str());
  } catch (const std::bad_alloc &) {
    return setError(MLC_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception &error) {
    return setError(MLC_INTERNAL, error.what());
  }
}

void require(const void *pointer, const char *what) {
  if (!pointer)
    fail(MLC_INVALID_ARGUMENT, concat("`", what, "` is NULL"));
}

// Sets what a function gives to what it is where the function fails: before anything can.
template <typename T> void clear(T *result, const char *what, T failed = {}) {
  require(result, what);
  *result = failed;
}

mlc_status loadFile(const char *path, Module::Purpose purpose, mlc_module **module) {
  return guarded([&] {
    clear(module, "module");
    require(path, "path");
    *module = new mlc_module{Module::loadFile(path, purpose)};
  });
}

// The members of `given` that this runtime knows. The rest asks for what it cannot do, unless it is zero.
mlc_session_options knownOptions(const mlc_session_options &given) {
  mlc_session_options known{};
  constexpr size_t largest = 4096; // far beyond what options will ever take: more is a size that was not set
  if (given.struct_size < sizeof(known) || given.struct_size > largest)
    fail(MLC_INVALID_ARGUMENT, concat("`options->struct_size` is ", given.struct_size,
                                      "; set it to sizeof(mlc_session_options), which is ", sizeof(known)));
  known = given;
  const char *bytes = reinterpret_cast<const char *>(&given);
  if (known.reserved != 0 || !std::all_of(bytes + sizeof(known), bytes + given.struct_size, [](char c) { return !c; }))
    fail(MLC_INVALID_ARGUMENT,
         "`options` has members set that this runtime does not know; zero what is not in its header");
  return known;
}

const BucketPlan &bucketOf(const mlc_module *handle, size_t entry, size_t bucket) {
  require(handle, "module");
  const EntryPlan &plan = handle->module->entry(entry);
  if (bucket >= plan.buckets.size())
    fail(MLC_INVALID_ARGUMENT, concat("bucket ", bucket, " does not exist: entry point '", plan.entry->name()->c_str(),
                                      "' has ", plan.buckets.size()));
  return plan.buckets[bucket];
}

template <typename Spec> mlc_tensor_spec toSpec(const Spec &spec) {
  size_t rank = spec.shape() ? spec.shape()->size() : 0;
  return {spec.name()->c_str(), mlc_dtype(spec.dtype()), int32_t(rank), rank ? spec.shape()->data() : nullptr};
}

} // namespace

void log(mlc_log_level level, const std::string &message) {
  std::lock_guard<std::mutex> lock(logMutex);
  if (logFunction)
    logFunction(logContext, level, message.c_str());
}

} // namespace mlc::runtime

extern "C" {

const char *mlc_last_error(void) { return lastError.c_str(); }
const char *mlc_runtime_version(void) { return MLC_VERSION_STRING; }

void mlc_set_log(mlc_log_fn log, void *context) {
  std::lock_guard<std::mutex> lock(logMutex);
  logFunction = log;
  logContext = context;
}

mlc_status mlc_module_load(const char *path, mlc_module **module) {
  return loadFile(path, Module::Purpose::run, module);
}

mlc_status mlc_module_open(const char *path, mlc_module **module) {
  return loadFile(path, Module::Purpose::describe, module);
}

mlc_status mlc_module_load_memory(const void *data, size_t size, mlc_module **module) {
  return guarded([&] {
    clear(module, "module");
    require(data, "data");
    *module = new mlc_module{Module::loadMemory(data, size)};
  });
}

int mlc_cpu_has_feature(const char *name) { return name && cpuHasFeature(name); }

void mlc_module_destroy(mlc_module *module) { delete module; }

mlc_status mlc_module_verify(const mlc_module *module) {
  return guarded([&] {
    require(module, "module");
    module->module->verify();
  });
}

size_t mlc_module_entry_count(const mlc_module *module) { return module ? module->module->entries.size() : 0; }

const char *mlc_module_entry_name(const mlc_module *module, size_t entry) {
  return entry < mlc_module_entry_count(module) ? module->module->entries[entry].entry->name()->c_str() : nullptr;
}

mlc_status mlc_module_find_entry(const mlc_module *module, const char *name, size_t *entry) {
  return guarded([&] {
    clear(entry, "entry", SIZE_MAX);
    require(module, "module");
    require(name, "name");
    *entry = module->module->findEntry(name);
  });
}

size_t mlc_module_bucket_count(const mlc_module *module, size_t entry) {
  return entry < mlc_module_entry_count(module) ? module->module->entries[entry].buckets.size() : 0;
}

size_t mlc_module_input_count(const mlc_module *module, size_t entry) {
  return entry < mlc_module_entry_count(module) ? module->module->entries[entry].buckets[0].inputBytes.size() : 0;
}

size_t mlc_module_output_count(const mlc_module *module, size_t entry) {
  return entry < mlc_module_entry_count(module) ? module->module->entries[entry].buckets[0].visibleOutputs.size() : 0;
}

mlc_status mlc_module_input_spec(const mlc_module *module, size_t entry, size_t bucket, size_t input,
                                 mlc_tensor_spec *spec) {
  return guarded([&] {
    clear(spec, "spec");
    const BucketPlan &plan = bucketOf(module, entry, bucket);
    if (input >= plan.inputBytes.size())
      fail(MLC_INVALID_ARGUMENT, concat("input ", input, " does not exist: there are ", plan.inputBytes.size()));
    *spec = toSpec(*plan.bucket->inputs()->Get(input));
  });
}

mlc_status mlc_module_output_spec(const mlc_module *module, size_t entry, size_t bucket, size_t output,
                                  mlc_tensor_spec *spec) {
  return guarded([&] {
    clear(spec, "spec");
    const BucketPlan &plan = bucketOf(module, entry, bucket);
    if (output >= plan.visibleOutputs.size())
      fail(MLC_INVALID_ARGUMENT, concat("output ", output, " does not exist: there are ", plan.visibleOutputs.size()));
    *spec = toSpec(*plan.bucket->outputs()->Get(plan.visibleOutputs[output]));
  });
}

mlc_status mlc_module_find_bucket(const mlc_module *module, size_t entry, const mlc_tensor *inputs, size_t input_count,
                                  size_t *bucket) {
  return guarded([&] {
    clear(bucket, "bucket", SIZE_MAX);
    require(module, "module");
    if (input_count)
      require(inputs, "inputs");
    *bucket = module->module->findBucket(module->module->entry(entry), inputs, input_count);
  });
}

mlc_status mlc_module_output_shape(const mlc_module *module, size_t entry, size_t bucket, size_t output,
                                   const mlc_tensor *inputs, size_t input_count, int64_t *shape) {
  return guarded([&] {
    const BucketPlan &plan = bucketOf(module, entry, bucket);
    if (input_count)
      require(inputs, "inputs");
    module->module->checkBucket(module->module->entry(entry), bucket, inputs, input_count);
    if (output >= plan.visibleOutputs.size())
      fail(MLC_INVALID_ARGUMENT, concat("output ", output, " does not exist: there are ", plan.visibleOutputs.size()));
    const uint32_t index = plan.visibleOutputs[output];
    const auto *dims = plan.bucket->outputs()->Get(index)->shape();
    const size_t rank = dims ? dims->size() : 0;
    if (rank)
      require(shape, "shape");
    for (size_t dim = 0; dim < rank; ++dim)
      shape[dim] = plan.outputSize(index, dim, inputs);
  });
}

const char *mlc_module_padded_dim(const mlc_module *module, size_t entry, size_t bucket, size_t input, size_t dim) {
  if (bucket >= mlc_module_bucket_count(module, entry))
    return nullptr;
  const BucketPlan &plan = module->module->entries[entry].buckets[bucket];
  if (input >= plan.paddedInputs.size() || dim >= plan.paddedInputs[input].size() || plan.paddedInputs[input][dim] < 0)
    return nullptr;
  return plan.bucket->inputs()->Get(input)->padded()->Get(dim)->c_str();
}

mlc_status mlc_module_program(const mlc_module *module, const void **data, size_t *size) {
  return guarded([&] {
    clear(data, "data");
    clear(size, "size");
    require(module, "module");
    *data = module->module->programData;
    *size = module->module->programSize;
  });
}

mlc_status mlc_session_create(mlc_module *module, const mlc_session_options *options, mlc_session **session) {
  return guarded([&] {
    clear(session, "session");
    require(module, "module");
    if (module->module->purpose == Module::Purpose::describe)
      fail(MLC_INVALID_ARGUMENT, "the module was opened to be described; use mlc_module_load to run it");
    *session = new mlc_session{Session(module->module, options ? knownOptions(*options) : mlc_session_options{})};
  });
}

void mlc_session_destroy(mlc_session *session) { delete session; }

uint32_t mlc_session_thread_count(const mlc_session *session) { return session ? session->session.workerCount() : 0; }

mlc_status mlc_session_run(mlc_session *session, size_t entry, const mlc_tensor *inputs, size_t input_count,
                           const mlc_tensor *outputs, size_t output_count) {
  return guarded([&] {
    require(session, "session");
    if (input_count)
      require(inputs, "inputs");
    if (output_count)
      require(outputs, "outputs");
    session->session.run(entry, inputs, input_count, outputs, output_count);
  });
}

mlc_status mlc_session_run_named(mlc_session *session, const char *entry, const char *const *input_names,
                                 const mlc_tensor *inputs, size_t input_count, const char *const *output_names,
                                 const mlc_tensor *outputs, size_t output_count) {
  return guarded([&] {
    require(session, "session");
    require(entry, "entry");
    for (size_t i = 0; i < input_count; ++i) {
      require(inputs, "inputs");
      require(input_names, "input_names");
      require(input_names[i], "input_names[i]");
    }
    for (size_t i = 0; i < output_count; ++i) {
      require(outputs, "outputs");
      require(output_names, "output_names");
      require(output_names[i], "output_names[i]");
    }
    session->session.runNamed(entry, input_names, inputs, input_count, output_names, outputs, output_count);
  });
}

size_t mlc_module_variable_count(const mlc_module *module) {
  return module && module->module->program->variables() ? module->module->program->variables()->size() : 0;
}

mlc_status mlc_module_variable_spec(const mlc_module *module, size_t variable, mlc_tensor_spec *spec) {
  return guarded([&] {
    clear(spec, "spec");
    require(module, "module");
    if (variable >= mlc_module_variable_count(module))
      fail(MLC_INVALID_ARGUMENT,
           concat("variable ", variable, " does not exist: there are ", mlc_module_variable_count(module)));
    *spec = toSpec(*module->module->program->variables()->Get(variable));
  });
}

mlc_status mlc_session_get_variable(mlc_session *session, const char *name, const mlc_tensor *destination) {
  return guarded([&] {
    require(session, "session");
    require(name, "name");
    require(destination, "destination");
    session->session.getVariable(name, *destination);
  });
}

mlc_status mlc_session_set_variable(mlc_session *session, const char *name, const mlc_tensor *source) {
  return guarded([&] {
    require(session, "session");
    require(name, "name");
    require(source, "source");
    session->session.setVariable(name, *source);
  });
}

mlc_status mlc_session_set_profile(mlc_session *session, mlc_profile_fn profile, void *context) {
  return guarded([&] {
    require(session, "session");
    session->session.setProfile(profile, context);
  });
}

} // extern "C"
