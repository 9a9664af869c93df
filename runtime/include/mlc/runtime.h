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
 * Errors. Every function that can fail returns a mlc_status; mlc_last_error() then describes the failure. What a
 * function would have given is then empty: handles and pointers are NULL, sizes and specs are zero, an index is
 * SIZE_MAX. Ownership. Who creates a handle destroys it. A session keeps its module alive: they may be destroyed in any
 * order. Strings and shapes that the library returns belong to the module, and live as long as it or a session of it
 * does (what mlc_last_error returns belongs to the thread). Threads. A module may be used by any number of threads. A
 * session runs one call at a time; a second call meanwhile is refused with MLC_BUSY. Sessions of one module are
 * independent and run concurrently. fork. A child process has no threads but the one that forked: there, a session that
 * was made before and has threads of its own refuses to run (MLC_UNSUPPORTED). It may be destroyed, modules may be
 * used, and sessions may be made. Extensible structs begin with struct_size: set it to sizeof(the struct) and zero the
 * rest.
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

/* Whether this process can use a CPU feature, by its name in Linux's /proc/cpuinfo; 0 for names that are not known.
 * Linux gives AMX to processes that ask for it. This function asks when it is called for amx_tile, amx_bf16 or
 * amx_int8, and so does loading a module with a target that requires one of them; frames of signals grow by 8 KB from
 * then on. */
MLC_API int mlc_cpu_has_feature(const char *name);

/* Nothing is logged as INFO today. */
typedef enum mlc_log_level { MLC_LOG_INFO = 0, MLC_LOG_WARNING = 1 } mlc_log_level;
typedef void (*mlc_log_fn)(void *context, mlc_log_level level, const char *message);

/* Where messages of the whole process go. By default warnings go to stderr. NULL silences. Callable at any time;
 * `log` may be called from any thread, one call at a time, and must not call mlc_set_log. */
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

/* A view of memory that the caller owns, as DLTensor. `data` is aligned to the element; it may be NULL where a
 * dimension is 0. Read during the call only. The rank is compared before the shape is read, the shape before the data.
 * Strides are in elements; NULL: dense, row-major. Those of an input may be negative or 0. Those of an output may be
 * negative; 0 is refused where the dimension is not 1, and no two elements may share memory. Strides that are not those
 * of a dense tensor cost one copy through memory of the session, which a profile does not show. */
typedef struct mlc_tensor {
  void *data;
  mlc_dtype dtype;
  int32_t rank;
  const int64_t *shape;   /* rank numbers; may be NULL when rank is 0 */
  const int64_t *strides; /* rank numbers, or NULL */
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

/* For tools that describe or verify modules: what is for another machine, or lacks its external code, is opened, too.
 * Such a module has no entry points and makes no sessions; mlc_module_verify, mlc_module_program and variables work. */
MLC_API mlc_status mlc_module_open(const char *path, mlc_module **module);

/* As mlc_module_load, from memory. `data` is 64-byte aligned, is not copied, and must outlive the module and its
 * sessions. A module that was compiled with its code in a file beside it (--code=external) is refused: it is found by
 * its path only. */
MLC_API mlc_status mlc_module_load_memory(const void *data, size_t size, mlc_module **module);

/* Releases the caller's reference. NULL is allowed. */
MLC_API void mlc_module_destroy(mlc_module *module);

/* Compares the parameters, and code in files beside the module, with their checksums. Reads all of them. */
MLC_API mlc_status mlc_module_verify(const mlc_module *module);

/* All counts are 0 for a module that is NULL, and for an entry point that does not exist. */
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
/* The name of a dimension of an input in which tensors may be smaller, from 1 on, than its bucket's (--pad): those of
 * the same name have the same size in a run. NULL where the size is exact, and for what does not exist. */
MLC_API const char *mlc_module_padded_dim(const mlc_module *module, size_t entry, size_t bucket, size_t input,
                                          size_t dim);
/* The bucket whose shapes and types are those of the inputs, or, where dimensions may be smaller (--pad), the one with
 * the fewest elements that has room for them; else an error that lists the buckets. Of several of the same shapes,
 * which were compiled for different numbers of tokens (--unpad), the smallest that has room for the elements of the
 * mask that are not 0: only then data is read, that of the mask. */
MLC_API mlc_status mlc_module_find_bucket(const mlc_module *module, size_t entry, const mlc_tensor *inputs,
                                          size_t input_count, size_t *bucket);

/* The shape of an output in a run with these inputs in that bucket: its specification's, or a smaller one where inputs
 * are (--pad). `shape` takes as many numbers as the specification's rank. */
MLC_API mlc_status mlc_module_output_shape(const mlc_module *module, size_t entry, size_t bucket, size_t output,
                                           const mlc_tensor *inputs, size_t input_count, int64_t *shape);

/* The verified FlatBuffer of runtime/program.fbs, for tools that show more than this header does. It lives as the
 * module's strings do. */
MLC_API mlc_status mlc_module_program(const mlc_module *module, const void **data, size_t *size);

/* ---- Sessions ---- */

typedef struct mlc_session mlc_session;

/* A thread pool of the host. Sessions that share one call `parallel` concurrently where they run concurrently. */
typedef struct mlc_host_pool {
  void *context;
  uint32_t worker_count; /* 1 to MLC_MAX_THREADS */
  /* Calls body(argument, w) once for each w in [0, worker_count), on any threads, and returns when all have returned. A
   * worker that is left out, or called twice, ends the run with MLC_INVALID_ARGUMENT. */
  void (*parallel)(void *context, void (*body)(void *argument, uint32_t worker), void *argument);
} mlc_host_pool;

/* Called in the thread that creates, runs or destroys the session; concurrently where several sessions have it. */
typedef struct mlc_allocator {
  void *context;
  /* Returns NULL when there is no memory. `alignment` is a power of two; memory that is aligned to less is refused. */
  void *(*allocate)(void *context, size_t size, size_t alignment);
  void (*release)(void *context, void *block, size_t size);
} mlc_allocator;

#define MLC_MAX_THREADS 65536

typedef struct mlc_session_options {
  size_t struct_size;
  uint32_t threads;  /* 0: MLC_NUM_THREADS if set, else the CPUs that the process may use. Ignored with a pool */
  uint32_t reserved; /* 0; other values are refused, as is what is not zero behind the members that a runtime knows */
  const mlc_host_pool *pool;      /* NULL: threads of the session's own. Copied; its context must outlive the session */
  const mlc_allocator *allocator; /* NULL: the C library. For all tensor memory. Copied, as above */
} mlc_session_options;

/* Allocates arena, scratch and variables, and starts the threads. `options` may be NULL. */
MLC_API mlc_status mlc_session_create(mlc_module *module, const mlc_session_options *options, mlc_session **session);
/* Not while it runs. NULL is allowed. */
MLC_API void mlc_session_destroy(mlc_session *session);
/* The workers of a launch, with the thread that runs; 0 for NULL. */
MLC_API uint32_t mlc_session_thread_count(const mlc_session *session);

/* Runs an entry point. Inputs and outputs are given by position; outputs are written into the caller's memory; one with
 * dtype 0 is not wanted. A dense output that overlaps a dense input or another output is refused.
 * Inputs that are smaller than the bucket's (--pad) are copied and filled up with zeros; outputs then have the shape
 * of mlc_module_output_shape.
 * A run takes no lock and allocates nothing, but memory of the session when a bucket first gets a tensor with strides,
 * a smaller one, or an output that is not wanted. After a failure outputs hold anything. After MLC_KERNEL_FAILED,
 * variables may hold values of before and of after the run; the session may be used on. */
MLC_API mlc_status mlc_session_run(mlc_session *session, size_t entry, const mlc_tensor *inputs, size_t input_count,
                                   const mlc_tensor *outputs, size_t output_count);

/* The same by names, in any order. All inputs must be given; outputs that are not wanted may be left out. */
MLC_API mlc_status mlc_session_run_named(mlc_session *session, const char *entry, const char *const *input_names,
                                         const mlc_tensor *inputs, size_t input_count, const char *const *output_names,
                                         const mlc_tensor *outputs, size_t output_count);

/* Variables: tensors that persist in the session. The count is 0 for NULL. Only those stored dense (not packed) can be
 * read and written. */
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

/* `profile` is called after each command, in the thread that runs the session. The event lives during the call, its
 * strings as long as the module. The call may use other sessions, not the one that runs: that is MLC_BUSY, and
 * destroying it is an error that is not found. NULL ends profiling. */
MLC_API mlc_status mlc_session_set_profile(mlc_session *session, mlc_profile_fn profile, void *context);

#ifdef __cplusplus
}
#endif

#endif /* MLC_RUNTIME_H */
