// Every phase prints what it made; IR behind a phase goes on from there, to the same module.
// RUN: mlc-opt %s --compile-to=import | FileCheck %s --check-prefix=IMPORT
// RUN: mlc-opt %s --compile-to=layout | FileCheck %s --check-prefix=LAYOUT
// RUN: mlc-opt %s --compile-to=fuse -o %t.fused.mlir && FileCheck %s --check-prefix=FUSE --input-file=%t.fused.mlir
// RUN: mlc-opt %s --compile-to=schedule | FileCheck %s --check-prefix=SCHEDULE
// RUN: mlc-opt %s --compile-to=kernels --target-cpu=x86-64-v3 | FileCheck %s --check-prefix=KERNELS
// RUN: mlc-opt %s --target-cpu=x86-64-v3 -o %t.whole.mlc
// RUN: mlc-opt %t.fused.mlir --compile-from=fuse --target-cpu=x86-64-v3 -o %t.parts.mlc
// RUN: mlc-run %t.whole.mlc --input x=random:1 --output %t.npz
// RUN: mlc-run %t.parts.mlc --input x=random:1 --expect %t.npz --tolerance 0

// All kernels as text, or as an object without undefined symbols.
// RUN: mlc-opt %s --emit=llvm --target-cpu=x86-64-v3 | FileCheck %s --check-prefix=LLVM
// RUN: mlc-opt %s --emit=asm --target-cpu=x86-64-v3 | FileCheck %s --check-prefix=ASM
// RUN: mlc-opt %s --emit=obj --target-cpu=x86-64-v3 -o %t.o
// RUN: llvm-nm --undefined-only %t.o | count 0
// RUN: llvm-nm --defined-only --extern-only %t.o | FileCheck %s --check-prefix=NM

// RUN: not mlc-opt %s --compile-to=nowhere 2>&1 | FileCheck %s --check-prefix=NOWHERE
// RUN: not mlc-opt %s --compile-from=nowhere --compile-to=fuse 2>&1 | FileCheck %s --check-prefix=FROM
// RUN: not mlc-opt %s --compile-to=objects 2>&1 | FileCheck %s --check-prefix=OBJECTS
// RUN: not mlc-opt %s --target-cpu=z80 -o %t.mlc 2>&1 | FileCheck %s --check-prefix=CPU
// RUN: mlc-opt %s --target-cpu=x86-64-v3 -o %t.mlc --timing 2>&1 | FileCheck %s --check-prefix=TIMING

// IMPORT: mlc.matmul
// LAYOUT: mlc.param_pack @w_pack
// LAYOUT: mlc.packed_matmul
// FUSE: mlc.fused contraction
// FUSE-NOT: func.func private
// SCHEDULE: func.func @k0_packed_matmul_relu{{.*}} attributes {mlc.emitter = "{{[a-z]+}}"}
// SCHEDULE: linalg.generic
// SCHEDULE-NOT: mlc.packed_matmul
// KERNELS: target triple = "x86_64
// KERNELS: define i32 @k0_packed_matmul_relu(ptr {{.*}}, ptr {{.*}}, i64 {{.*}}, i64 {{.*}})
// LLVM: define noundef i32 @k0_packed_matmul_relu{{.*}} #[[ATTRS:[0-9]+]]
// LLVM: attributes #[[ATTRS]] = {{.*}}"target-cpu"="x86-64-v3"
// ASM: k0_packed_matmul_relu:
// ASM: vfmadd
// NM: T k0_packed_matmul_relu
// NM-NOT: {{.}}
// NOWHERE: mlc-opt: error: --compile-to=nowhere: there is no such phase; phases are import, simplify, unpad, precision, layout, fuse, schedule, tune, kernels, objects, module
// FROM: mlc-opt: error: --compile-from=nowhere: there is no such phase
// OBJECTS: mlc-opt: error: --compile-to=objects has nothing to print: use --emit=obj or --emit=asm
// CPU: mlc-opt: error: --target-cpu: unknown target 'z80'
// TIMING: import {{.*}} ms
// TIMING: kernels {{.*}} ms
// TIMING: objects {{.*}} ms
// TIMING: module {{.*}} ms
// TIMING: total {{.*}} ms

mlc.param @w : tensor<8x24xf32> = #mlc.seeded<7, normal, 0.0 : f64, 1.0 : f64>
func.func @main(%x: tensor<5x8xf32> {mlc.name = "x"}) -> (tensor<5x24xf32> {mlc.name = "y"})
    attributes {mlc.entry = "infer"} {
  %w = mlc.load_param @w : tensor<8x24xf32>
  %0 = mlc.matmul %x, %w : (tensor<5x8xf32>, tensor<8x24xf32>) -> tensor<5x24xf32>
  %1 = mlc.relu %0 : (tensor<5x24xf32>) -> tensor<5x24xf32>
  return %1 : tensor<5x24xf32>
}
