// A pass that fails or crashes leaves the IR that its phase began with, beside the output; the file says how to run it
// again. A crash is an error: exit status 1, no output.
// RUN: rm -rf %t && mkdir %t
// RUN: not mlc-opt %s -o %t/m.mlc --load-pass-plugin=%test_passes --add-passes=layout:test-fail 2>&1 | FileCheck %s --check-prefix=FAIL
// RUN: FileCheck %s --check-prefix=FILE --input-file=%t/m.mlc.repro.mlir
// RUN: not mlc-opt %t/m.mlc.repro.mlir --load-pass-plugin=%test_passes --compile-from=precision --compile-to=layout --add-passes='layout:test-fail' -o %t/again 2>&1 | FileCheck %s --check-prefix=FAIL
// RUN: mlc-opt %t/m.mlc.repro.mlir --compile-from=simplify -o %t/fine.mlc

// RUN: not mlc-opt %s -o %t/c.mlc --load-pass-plugin=%test_passes --add-passes=fuse:test-crash 2>&1 | FileCheck %s --check-prefix=CRASH
// RUN: FileCheck %s --check-prefix=UNTOUCHED --input-file=%t/c.mlc.repro.mlir
// RUN: not ls %t/c.mlc

// Without an output the file is a temporary one.
// RUN: env TMPDIR=%t not mlc-opt %s --compile-to=layout --load-pass-plugin=%test_passes --add-passes=layout:test-fail 2>&1 | FileCheck %s --check-prefix=TEMPORARY


// What is not the compiler's fault leaves nothing.
// RUN: not mlc-opt %s -o %t/no/such/folder/m.mlc 2>&1 | FileCheck %s --check-prefix=USER
// RUN: not mlc-opt %s -o %t/u.mlc --target-cpu=z80
// RUN: not ls %t/u.mlc.repro.mlir

// FAIL: error: test-fail was asked to fail
// FAIL: error: phase 'layout' failed
// FAIL: note: the IR that it began with is in '{{.*}}.repro.mlir'; run it again with
// FAIL-NEXT: mlc-opt {{.*}}.repro.mlir --compile-from=precision --compile-to=layout --target-cpu=native --add-passes='layout:test-fail'
// FILE: // Phase 'layout' failed on this IR. Run it again:
// FILE: mlc.matmul
// CRASH: mlc-opt: error: phase 'fuse' crashed
// CRASH: note: the IR that it began with is in '{{.*}}c.mlc.repro.mlir'
// UNTOUCHED-NOT: half_done
// UNTOUCHED-NOT: mlc.fused
// TEMPORARY: note: the IR that it began with is in '{{.*}}mlc-opt-{{.*}}repro.mlir'
// USER: mlc-opt: error:
// USER-NOT: phase

mlc.param @w : tensor<8x24xf32> = #mlc.seeded<7, normal, 0.0 : f64, 1.0 : f64>
func.func @main(%x: tensor<5x8xf32>) -> tensor<5x24xf32> attributes {mlc.entry = "infer"} {
  %w = mlc.load_param @w : tensor<8x24xf32>
  %0 = mlc.matmul %x, %w : (tensor<5x8xf32>, tensor<8x24xf32>) -> tensor<5x24xf32>
  return %0 : tensor<5x24xf32>
}
