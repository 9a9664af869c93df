// --bisect interprets the model behind each pass that changes it, and stops at the first that is wrong.
// RUN: rm -rf %t && mkdir %t
// RUN: mlc-opt %s --bisect | FileCheck %s --check-prefix=RIGHT
// RUN: mlc-opt %s --bisect --precision=bf16 --interpret-f64 | FileCheck %s --check-prefix=BF16
// RUN: mlc-opt %s --bisect --compile-to=layout --tolerance=0.1 | FileCheck %s --check-prefix=SHORT
// RUN: mlc-opt %s --compile-to=layout -o %t/layout.mlir
// RUN: mlc-opt %t/layout.mlir --bisect --compile-from=layout | FileCheck %s --check-prefix=FROM

// All shape buckets, unless a tensor has the shape of one.
// RUN: not mlc-opt %S/graph.mlir --bisect -o %t/b --load-pass-plugin=%test_passes --add-passes=simplify:test-wrong,canonicalize | FileCheck %s --check-prefix=BUCKETS
// RUN: mlc-opt %S/graph.mlir --bisect | FileCheck %s --check-prefix=ALL

// Wrong numbers: the pass, of however many were added, the outputs, and what shows it again.
// RUN: not mlc-opt %s --bisect -o %t/w --load-pass-plugin=%test_passes --add-passes=layout:canonicalize,test-wrong,cse --input x=random:4 --tolerance=1e-5 --interpret-f64 > %t/out 2> %t/err
// RUN: FileCheck %s --check-prefix=WRONG --input-file=%t/out
// RUN: FileCheck %s --check-prefix=ERROR --input-file=%t/err
// RUN: FileCheck %s --check-prefix=FILE --input-file=%t/w.repro.mlir
// RUN: not mlc-opt %t/w.repro.mlir --load-pass-plugin=%test_passes --pass-pipeline='builtin.module(test-wrong)' --compare-with=%t/w.repro.mlir --entry=infer --input=x=random:4 --interpret-f64 --tolerance=1e-05 | FileCheck %s --check-prefix=AGAIN
// RUN: mlc-opt %t/w.repro.mlir --compare-with=%s --input=x=random:4

// A pass that fails, one that crashes, what cannot be asked for.
// RUN: not mlc-opt %s --bisect -o %t/f --load-pass-plugin=%test_passes --add-passes=simplify:test-fail --tolerance=0.5 2>&1 | FileCheck %s --check-prefix=FAIL
// RUN: not mlc-opt %s --bisect -o %t/c --load-pass-plugin=%test_passes --add-passes=fuse:test-crash 2>&1 | FileCheck %s --check-prefix=CRASH
// RUN: FileCheck %s --check-prefix=UNTOUCHED --input-file=%t/c.repro.mlir
// RUN: not mlc-opt %s --bisect --input x=random:1 --entry=other 2>&1 | FileCheck %s --check-prefix=ENTRY
// RUN: not mlc-opt %s --bisect --check 2>&1 | FileCheck %s --check-prefix=TWO
// RUN: not mlc-opt %s --bisect --unpad 2>&1 | FileCheck %s --check-prefix=UNPAD
// RUN: not mlc-opt %s --bisect --compile-to=nowhere 2>&1 | FileCheck %s --check-prefix=NOWHERE

// RIGHT: phase rel-L2 pass that changed the model
// RIGHT: layout {{.*}} mlc-pack-weights
// RIGHT: fuse {{.*}} mlc-fuse
// RIGHT-NEXT: all passes keep the numbers
// RIGHT: kernel emitter
// RIGHT: kernels agree with the interpreter
// BF16: precision {{.*}} func.func(mlc-lower-precision{to=bf16})
// BF16: all passes keep the numbers
// SHORT: layout
// SHORT-NOT: fuse
// SHORT: all passes keep the numbers
// SHORT-NOT: kernel
// FROM-NOT: layout
// FROM: fuse {{.*}} mlc-fuse
// BUCKETS: simplify {{.*}} ! test-wrong
// BUCKETS-NEXT: main.y f32[16,4]: rel-L2
// BUCKETS-NOT: canonicalize
// ALL: shape bucket 1:
// ALL: kernels agree with the interpreter
// WRONG: layout {{.*}} mlc-pack-weights
// WRONG: layout {{.*}} ! test-wrong
// WRONG-NEXT: infer.y f64[5,24]: rel-L2 {{.*}} (tolerance 1e-05), worst at element {{[0-9]+}}: {{.*}}, expected
// WRONG-NOT: all passes
// ERROR: error: pass 'test-wrong' of phase 'layout' changes the model's numbers
// ERROR: note: the IR that it began with is in '{{.*}}w.repro.mlir'; run it again with
// ERROR-NEXT: mlc-opt {{.*}}w.repro.mlir --pass-pipeline='builtin.module(test-wrong)' --compare-with={{.*}}w.repro.mlir --entry=infer --input='x=random:4' --interpret-f64 --tolerance=1e-05{{$}}
// FILE: // Pass 'test-wrong' changes the model's numbers on this IR. Run it again:
// AGAIN: infer.y f64[5,24]: {{.*}}DIFFERENT
// FAIL: error: test-fail was asked to fail
// FAIL: error: pass 'test-fail' of phase 'simplify' failed
// FAIL: mlc-opt {{.*}}f.repro.mlir --pass-pipeline='builtin.module(test-fail)'{{$}}
// CRASH: error: pass 'test-crash' of phase 'fuse' crashed (status {{[0-9]+}})
// UNTOUCHED-NOT: half_done
// ENTRY: error: no entry point 'other'; the model has: infer
// TWO: error: --check and --bisect are commands of their own; give one of them
// UNPAD: error: --bisect compares all numbers, and --unpad computes only those of tokens; leave out --unpad
// NOWHERE: --compile-to=nowhere: there is no such phase

mlc.param @w : tensor<8x24xf32> = #mlc.seeded<7, normal, 0.0 : f64, 1.0 : f64>
func.func @infer(%x: tensor<5x8xf32> {mlc.name = "x"}, %z: tensor<5x24xf32> {mlc.name = "z"})
    -> (tensor<5x24xf32> {mlc.name = "y"}) attributes {mlc.entry = "infer"} {
  %w = mlc.load_param @w : tensor<8x24xf32>
  %0 = mlc.matmul %x, %w : (tensor<5x8xf32>, tensor<8x24xf32>) -> tensor<5x24xf32>
  %1 = mlc.mul %0, %z : (tensor<5x24xf32>, tensor<5x24xf32>) -> tensor<5x24xf32>
  %2 = mlc.sub %1, %0 : (tensor<5x24xf32>, tensor<5x24xf32>) -> tensor<5x24xf32>
  return %2 : tensor<5x24xf32>
}
