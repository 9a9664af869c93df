// --emit=graph: a node for each kernel, an edge for each tensor between them; equal layers once, with what goes from one
// to the next dashed.
// RUN: mlc-opt %s --emit=graph --target-cpu=x86-64-v3 | FileCheck %s
// RUN: mlc-opt %s --emit=graph --report -o %t.dot | FileCheck %s --check-prefix=REPORT
// RUN: FileCheck %s --input-file=%t.dot
// RUN: not mlc-opt %s --emit=graph --compile-to=fuse 2>&1 | FileCheck %s --check-prefix=TO
// RUN: not mlc-opt %s --emit=graph --target-cpu=x86-64-v3,x86-64-v4 2>&1 | FileCheck %s --check-prefix=TARGETS

// CHECK: digraph model {
// CHECK: label="entry point infer, the first of 2 shape buckets: 7 launches, {{.*}} for x86-64-v
// CHECK: e0_in0 [shape=ellipse label="x\"\nf32[4,16]"]
// CHECK-NOT: e0_in1
// CHECK: label="x3   {{.*}}graph.mlir:{{[0-9:]+}} .. {{.*}}graph.mlir:{{[0-9:]+}}"
// CHECK: [[PRODUCT:e0_l[0-9]+]] [fillcolor="#{{.*}}" label="packed_matmul + add\n{{.*}}graph.mlir:{{[0-9]+}}:{{[0-9]+}}\nk{{[0-9]+}} vector, {{.*}} kFLOP, weights 1.0 kB"]
// CHECK-NEXT: [[NORM:e0_l[0-9]+]] [fillcolor="#{{.*}}" label="softmax\n{{.*}} halide
// CHECK-NOT: packed_matmul
// CHECK: e0_in0 -> [[PRODUCT]] [label="f32[4,16]"]
// CHECK: [[PRODUCT]] -> [[NORM]] [label="f32[4,16]"]
// CHECK: [[NORM]] -> [[PRODUCT]] [label="to the next" style=dashed constraint=false]
// CHECK: e0_out0 [shape=ellipse label="y\nf32[16,4]"]
// CHECK: [[NORM]] -> e0_out1 [label="f32[4,16]\n2 of 3" style=dashed]
// CHECK: "emitter vector"
// CHECK: "emitter halide"
// REPORT: entry point infer
// TO: error: --emit=graph draws what is made behind 'schedule'; leave out --compile-to
// TARGETS: kernels are printed for one target; give one, or write a module

mlc.param @w0 : tensor<16x16xf32> = #mlc.seeded<7, normal, 0.0 : f64, 1.0 : f64>
mlc.param @w1 : tensor<16x16xf32> = #mlc.seeded<8, normal, 0.0 : f64, 1.0 : f64>
mlc.param @w2 : tensor<16x16xf32> = #mlc.seeded<9, normal, 0.0 : f64, 1.0 : f64>
func.func @main(%x: tensor<4x16xf32> {mlc.name = "x\22"}, %unused: tensor<2xf32>)
    -> (tensor<16x4xf32> {mlc.name = "y"}, tensor<4x16xf32> {mlc.name = "z"}) attributes {mlc.entry = "infer"} {
  %w0 = mlc.load_param @w0 : tensor<16x16xf32>
  %m0 = mlc.matmul %x, %w0 : (tensor<4x16xf32>, tensor<16x16xf32>) -> tensor<4x16xf32>
  %a0 = mlc.add %m0, %x : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<4x16xf32>
  %s0 = mlc.softmax %a0 {axis = 1 : i64} : (tensor<4x16xf32>) -> tensor<4x16xf32>
  %w1 = mlc.load_param @w1 : tensor<16x16xf32>
  %m1 = mlc.matmul %s0, %w1 : (tensor<4x16xf32>, tensor<16x16xf32>) -> tensor<4x16xf32>
  %a1 = mlc.add %m1, %s0 : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<4x16xf32>
  %s1 = mlc.softmax %a1 {axis = 1 : i64} : (tensor<4x16xf32>) -> tensor<4x16xf32>
  %w2 = mlc.load_param @w2 : tensor<16x16xf32>
  %m2 = mlc.matmul %s1, %w2 : (tensor<4x16xf32>, tensor<16x16xf32>) -> tensor<4x16xf32>
  %a2 = mlc.add %m2, %s1 : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<4x16xf32>
  %s2 = mlc.softmax %a2 {axis = 1 : i64} : (tensor<4x16xf32>) -> tensor<4x16xf32>
  %t = mlc.transpose %s2 {permutation = array<i64: 1, 0>} : (tensor<4x16xf32>) -> tensor<16x4xf32>
  return %t, %s1 : tensor<16x4xf32>, tensor<4x16xf32>
}
func.func @main_1(%x: tensor<8x16xf32> {mlc.name = "x\22"}, %unused: tensor<2xf32>)
    -> (tensor<16x8xf32> {mlc.name = "y"}, tensor<8x16xf32> {mlc.name = "z"}) attributes {mlc.entry = "infer"} {
  %w0 = mlc.load_param @w0 : tensor<16x16xf32>
  %m0 = mlc.matmul %x, %w0 : (tensor<8x16xf32>, tensor<16x16xf32>) -> tensor<8x16xf32>
  %a0 = mlc.add %m0, %x : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  %s0 = mlc.softmax %a0 {axis = 1 : i64} : (tensor<8x16xf32>) -> tensor<8x16xf32>
  %w1 = mlc.load_param @w1 : tensor<16x16xf32>
  %m1 = mlc.matmul %s0, %w1 : (tensor<8x16xf32>, tensor<16x16xf32>) -> tensor<8x16xf32>
  %a1 = mlc.add %m1, %s0 : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  %s1 = mlc.softmax %a1 {axis = 1 : i64} : (tensor<8x16xf32>) -> tensor<8x16xf32>
  %w2 = mlc.load_param @w2 : tensor<16x16xf32>
  %m2 = mlc.matmul %s1, %w2 : (tensor<8x16xf32>, tensor<16x16xf32>) -> tensor<8x16xf32>
  %a2 = mlc.add %m2, %s1 : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  %s2 = mlc.softmax %a2 {axis = 1 : i64} : (tensor<8x16xf32>) -> tensor<8x16xf32>
  %t = mlc.transpose %s2 {permutation = array<i64: 1, 0>} : (tensor<8x16xf32>) -> tensor<16x8xf32>
  return %t, %s1 : tensor<16x8xf32>, tensor<8x16xf32>
}
