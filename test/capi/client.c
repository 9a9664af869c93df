/* A client in plain C: `client EXAMPLE.mlc` runs the example module and checks every number and some errors. */
#include <mlc/kernel_abi.h>
#include <mlc/runtime.h>
#include <stdio.h>
#include <string.h>

#define EXPECT(condition)                                                                                              \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "%s:%d: %s\nlast error: %s\n", __FILE__, __LINE__, #condition, mlc_last_error());                \
      return 1;                                                                                                        \
    }                                                                                                                  \
  } while (0)

int main(int argc, char **argv) {
  mlc_module *module = NULL;
  mlc_session *session = NULL;
  size_t entry = 99, bucket = 99;
  int64_t n = 8, ids_shape = 4, ids[4] = {0, 15, 7, 1};
  float x[8], y[8], z[4];
  int i;
  EXPECT(argc == 2);
  EXPECT(mlc_module_load("no-such-file.mlc", &module) == MLC_NOT_FOUND);
  EXPECT(strstr(mlc_last_error(), "no-such-file.mlc") != NULL);
  EXPECT(module == NULL);
  EXPECT(mlc_module_load(argv[1], &module) == MLC_OK);
  EXPECT(mlc_module_verify(module) == MLC_OK);
  EXPECT(mlc_module_find_entry(module, "main", &entry) == MLC_OK && entry == 0);
  EXPECT(mlc_module_find_entry(module, "nope", &entry) == MLC_NOT_FOUND);

  mlc_session_options options;
  memset(&options, 0, sizeof(options));
  options.struct_size = sizeof(options);
  options.threads = 2;
  EXPECT(mlc_session_create(module, &options, &session) == MLC_OK);
  EXPECT(mlc_session_thread_count(session) == 2);
  mlc_module_destroy(module); /* the session keeps it alive */

  mlc_tensor inputs[2] = {{x, MLC_F32, 1, &n, NULL}, {ids, MLC_I64, 1, &ids_shape, NULL}};
  mlc_tensor outputs[2] = {{y, MLC_F32, 1, &n, NULL}, {z, MLC_F32, 1, &ids_shape, NULL}};
  for (i = 0; i < 8; ++i)
    x[i] = 0.25f * (float)i;
  EXPECT(mlc_session_run(session, 0, inputs, 2, outputs, 2) == MLC_OK);
  for (i = 0; i < 8; ++i)
    EXPECT(y[i] == x[i] + (float)i);
  for (i = 0; i < 4; ++i)
    EXPECT(z[i] == 0.5f * (float)ids[i]);

  const char *input_names[2] = {"ids", "x"}, *output_names[1] = {"z"};
  mlc_tensor by_name[2] = {inputs[1], inputs[0]};
  memset(z, 0, sizeof(z));
  EXPECT(mlc_session_run_named(session, "main", input_names, by_name, 2, output_names, &outputs[1], 1) == MLC_OK);
  EXPECT(z[1] == 7.5f);

  ids[2] = -1;
  EXPECT(mlc_session_run(session, 0, inputs, 2, outputs, 2) == MLC_KERNEL_FAILED);
  n = 5;
  EXPECT(mlc_session_run(session, 0, inputs, 2, outputs, 2) == MLC_INVALID_ARGUMENT);
  EXPECT(mlc_session_run(NULL, 0, inputs, 2, outputs, 2) == MLC_INVALID_ARGUMENT);
  EXPECT(mlc_module_find_bucket(NULL, 0, inputs, 2, &bucket) == MLC_INVALID_ARGUMENT);
  mlc_session_destroy(session);
  mlc_session_destroy(NULL);
  mlc_module_destroy(NULL);
  return 0;
}
