/* The compiler as a library: libmlc_compiler.so. mlc-opt is a thin main over it.
 *
 * Thread safety: calls are serialised inside; they may come from any thread.
 */
#ifndef MLC_COMPILER_H
#define MLC_COMPILER_H

#ifdef __cplusplus
extern "C" {
#endif

/* Runs the compiler with the command line of mlc-opt; argv[0] is a name for messages. Returns the exit status: 0 on
 * success, 1 after an error whose message went to stderr. Never ends the process, but for --help and --version.
 * Output goes to descriptor 1, messages to descriptor 2, where those of other threads may stand between them.
 * argv stays the caller's. */
__attribute__((visibility("default"))) int mlc_compiler_main(int argc, const char *const *argv);

/* "mlc 0.1.0 (LLVM 22.1.8)"; static storage. */
__attribute__((visibility("default"))) const char *mlc_compiler_version(void);

#ifdef __cplusplus
}
#endif

#endif /* MLC_COMPILER_H */
