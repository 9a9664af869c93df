/* C interface of the mlc runtime: loads compiled modules (.mlc) and runs them.
 *
 *   mlc_module *module;
 *   mlc_session *session;
 *   if (mlc_module_load("model.mlc", &module) != MLC_OK) { puts(mlc_last_error()); ... }
 *   mlc_session_create(module, NULL, &session);
 *   mlc_session_run(session, 0, inputs, input_count, outputs, output_count);
 *   mlc_session_destroy(session);
 *   mlc_module_destroy(module);
 *
 * Errors. Every function that can fail returns a mlc_status; mlc_last_error() then describes the failure.
 * Ownership. Who creates a handle destroys it. A session keeps its module alive: they may be destroyed in any order.
 * Strings that the library returns belong to the module (or to the thread, for mlc_last_error).
 * Threads. A module may be used by any number of threads. A session runs one call at a time; a second call meanwhile is
 * refused with MLC_BUSY. Sessions of one module are independent and run concurrently.
 * Extensible structs begin with struct_size: set it to sizeof(the struct) and zero the rest.
 */
#ifndef MLC_RUNTIME_H
#define MLC_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(MLC_RUNTIME_STATIC)
#define MLC_API
#else
#define MLC_API __attribute__((visibility("default")))
#endif

/* ---- Status ---- */

typedef enum mlc_status {
  MLC_OK = 0,
  MLC_INVALID_ARGUMENT = 1, /* a null pointer, wrong shape, wrong type, unknown name, ... */
  MLC_NOT_FOUND = 2,        /* the file, or a name that was looked up */
  MLC_INVALID_MODULE = 3,   /* not a module, or a damaged one */
  MLC_UNSUPPORTED = 4,      /* a valid module that this runtime or machine cannot run */
  MLC_IO_ERROR = 5,         /* the operating system refused to open, read, or map */
  MLC_OUT_OF_MEMORY = 6,
  MLC_KERNEL_FAILED = 7, /* a kernel refused its data, such as an index out of range */
  MLC_BUSY = 8,          /* the session is running in another thread */
  MLC_INTERNAL = 9       /* a defect of the runtime */
} mlc_status;

/* What the last failed call of this thread says. Valid until the thread's next failing call; never NULL. */
MLC_API const char *mlc_last_error(void);

/* "0.1.0" */
MLC_API const char *mlc_runtime_version(void);

typedef enum mlc_log_level { MLC_LOG_INFO = 0, MLC_LOG_WARNING = 1 } mlc_log_level;
typedef void (*mlc_log_fn)(void *context, mlc_log_level level, const char *message);

/* Where messages of the whole process go. By default warnings go to stderr. NULL silences. Callable at any time;
 * `log` may be called from any thread. */
MLC_API void mlc_set_log(mlc_log_fn log, void *context);

/* ---- Tensors ---- */

typedef enum mlc_dtype {
  MLC_F32 = 1,
  MLC_F64 = 2,
  MLC_F16 = 3,
  MLC_BF16 = 4,
  MLC_I8 = 5,
  MLC_U8 = 6,
  MLC_I16 = 7,
  MLC_U16 = 8,
  MLC_I32 = 9,
  MLC_U32 = 10,
  MLC_I64 = 11,
  MLC_U64 = 12,
  MLC_I1 = 13 /* one byte per element: 0 or 1 */
} mlc_dtype;

/* Bytes of one element; 0 for a value that is no dtype. */
MLC_API size_t mlc_dtype_size(mlc_dtype dtype);
/* "f32", "i64", ...; "?" for a value that is no dtype. */
MLC_API const char *mlc_dtype_name(mlc_dtype dtype);

/* A view of memory that the caller owns, as DLTensor. `data` is aligned to the element. Read during the call only. */
typedef struct mlc_tensor {
  void *data;
  mlc_dtype dtype;
  int32_t rank;
  const int64_t *shape;   /* rank numbers; may be NULL when rank is 0 */
  const int64_t *strides; /* in elements; NULL: dense, row-major. Other strides cost one copy through the session */
} mlc_tensor;

/* What an entry point takes or gives. */
typedef struct mlc_tensor_spec {
  const char *name;
  mlc_dtype dtype;
  int32_t rank;
  const int64_t *shape;
} mlc_tensor_spec;

/* ---- Modules ---- */

typedef struct mlc_module mlc_module;

/* Maps the file, verifies header, program and code (not the parameters: see mlc_module_verify), checks the machine's
 * CPU features, and loads the code. The file must not be overwritten in place while the module lives; replacing it by
 * renaming, as the compiler does, is safe. A module is code: load only modules that you trust. */
MLC_API mlc_status mlc_module_load(const char *path, mlc_module **module);

/* The same from memory. `data` is 64-byte aligned, is not copied, and must outlive the module and its sessions. */
MLC_API mlc_status mlc_module_load_memory(const void *data, size_t size, mlc_module **module);

/* Releases the caller's reference. NULL is allowed. */
MLC_API void mlc_module_destroy(mlc_module *module);

/* Compares the parameters with their checksum. Reads all of them. */
MLC_API mlc_status mlc_module_verify(const mlc_module *module);

MLC_API size_t mlc_module_entry_count(const mlc_module *module);
/* NULL when out of range. */
MLC_API const char *mlc_module_entry_name(const mlc_module *module, size_t entry);
MLC_API mlc_status mlc_module_find_entry(const mlc_module *module, const char *name, size_t *entry);

/* An entry point is compiled for one or more sets of shapes, its buckets. Names, types and order of inputs and outputs
 * are the same in all of them. */
MLC_API size_t mlc_module_bucket_count(const mlc_module *module, size_t entry);
MLC_API size_t mlc_module_input_count(const mlc_module *module, size_t entry);
MLC_API size_t mlc_module_output_count(const mlc_module *module, size_t entry);
MLC_API mlc_status mlc_module_input_spec(const mlc_module *module, size_t entry, size_t bucket, size_t input,
                                         mlc_tensor_spec *spec);
MLC_API mlc_status mlc_module_output_spec(const mlc_module *module, size_t entry, size_t bucket, size_t output,
                                          mlc_tensor_spec *spec);
/* The bucket whose shapes and types are those of the inputs; else an error that lists the buckets. */
MLC_API mlc_status mlc_module_find_bucket(const mlc_module *module, size_t entry, const mlc_tensor *inputs,
                                          size_t input_count, size_t *bucket);

/* The verified FlatBuffer of runtime/program.fbs, for tools that show more than this header does. */
MLC_API mlc_status mlc_module_program(const mlc_module *module, const void **data, size_t *size);

/* ---- Sessions ---- */

typedef struct mlc_session mlc_session;

/* A thread pool of the host. */
typedef struct mlc_host_pool {
  void *context;
  uint32_t worker_count; /* at least 1 */
  /* Calls body(argument, w) once for each w in [0, worker_count), on any threads, and returns when all have. */
  void (*parallel)(void *context, void (*body)(void *argument, uint32_t worker), void *argument);
} mlc_host_pool;

typedef struct mlc_allocator {
  void *context;
  /* Returns NULL when there is no memory. `alignment` is a power of two. */
  void *(*allocate)(void *context, size_t size, size_t alignment);
  void (*release)(void *context, void *block, size_t size);
} mlc_allocator;

typedef struct mlc_session_options {
  size_t struct_size;
  uint32_t threads; /* 0: MLC_NUM_THREADS if set, else the CPUs that the process may use */
  uint32_t reserved;
  const mlc_host_pool *pool;      /* NULL: threads of the session's own. Copied; its context must outlive the session */
  const mlc_allocator *allocator; /* NULL: the C library. For all tensor memory. Copied, as above */
} mlc_session_options;

/* Allocates arena, scratch and variables, and starts the threads. `options` may be NULL. */
MLC_API mlc_status mlc_session_create(mlc_module *module, const mlc_session_options *options, mlc_session **session);
/* Not while it runs. NULL is allowed. */
MLC_API void mlc_session_destroy(mlc_session *session);
MLC_API uint32_t mlc_session_thread_count(const mlc_session *session);

/* Runs an entry point. Inputs and outputs are given by position; outputs are written into the caller's memory, which
 * must not overlap the inputs'; one with dtype 0 is not wanted. After the first run of a bucket, a run allocates
 * nothing and takes no lock. */
MLC_API mlc_status mlc_session_run(mlc_session *session, size_t entry, const mlc_tensor *inputs, size_t input_count,
                                   const mlc_tensor *outputs, size_t output_count);

/* The same by names, in any order. All inputs must be given; outputs that are not wanted may be left out. */
MLC_API mlc_status mlc_session_run_named(mlc_session *session, const char *entry, const char *const *input_names,
                                         const mlc_tensor *inputs, size_t input_count, const char *const *output_names,
                                         const mlc_tensor *outputs, size_t output_count);

/* Variables: tensors that persist in the session. Only those stored dense (not packed) can be read and written. */
MLC_API size_t mlc_module_variable_count(const mlc_module *module);
MLC_API mlc_status mlc_module_variable_spec(const mlc_module *module, size_t variable, mlc_tensor_spec *spec);
MLC_API mlc_status mlc_session_get_variable(mlc_session *session, const char *name, const mlc_tensor *destination);
MLC_API mlc_status mlc_session_set_variable(mlc_session *session, const char *name, const mlc_tensor *source);

/* ---- Profiling ---- */

typedef struct mlc_profile_event {
  size_t struct_size;
  const char *kernel;      /* symbol, or "copy"; belongs to the module */
  const char *description; /* the graph ops that it computes */
  uint32_t kernel_index;   /* index in the module's kernel table; UINT32_MAX for a copy */
  uint32_t command;        /* position in the bucket's command list */
  int64_t tiles;
  uint64_t start_ns, end_ns; /* CLOCK_MONOTONIC */
  uint64_t flops, bytes;
} mlc_profile_event;

typedef void (*mlc_profile_fn)(void *context, const mlc_profile_event *event);

/* `profile` is called after each command, in the thread that runs the session. NULL ends profiling. */
MLC_API mlc_status mlc_session_set_profile(mlc_session *session, mlc_profile_fn profile, void *context);

#ifdef __cplusplus
}
#endif

#endif /* MLC_RUNTIME_H */
