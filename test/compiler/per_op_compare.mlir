// Each kernel beside the interpreter, through the whole pipeline and the runtime. That a wrong kernel is found is
// tested in test/unit/compiler.
// RUN: mlc-opt %s --per-op-compare | FileCheck %s
// RUN: not mlc-opt %s --per-op-compare --tolerance=0 2>&1 | FileCheck %s --check-prefix=STRICT
// RUN: not mlc-opt %s --per-op-compare --entry=train 2>&1 | FileCheck %s --check-prefix=ENTRY

// CHECK: kernel emitter rel-L2 max abs ops
// CHECK: k0 {{.*}} gather
// CHECK: k1 vector {{.*}} packed_matmul + gelu
// CHECK: k2 halide {{.*}} softmax
// CHECK: all {{.*}} output y
// CHECK: 3 kernels agree with the interpreter
// STRICT: kernels disagree with the interpreter, the first: kernel k{{[0-9]}} of emitter '{{[a-z]+}}', {{.*}}rel-L2 {{.*}} is beyond 0e+00; element {{[0-9]+}} of f32[
// ENTRY: error: no entry point 'train'; the model has: infer

mlc.param @table : tensor<50x12xf32> = #mlc.seeded<1, normal, 0.0 : f64, 1.0 : f64>
mlc.param @w : tensor<12x20xf32> = #mlc.seeded<2, normal, 0.0 : f64, 1.0 : f64>
func.func @main(%ids: tensor<7xi64> {mlc.name = "ids"}) -> (tensor<7x20xf32> {mlc.name = "y"})
    attributes {mlc.entry = "infer"} {
  %t = mlc.load_param @table : tensor<50x12xf32>
  %w = mlc.load_param @w : tensor<12x20xf32>
  %0 = mlc.gather %t, %ids {axis = 0 : i64} : (tensor<50x12xf32>, tensor<7xi64>) -> tensor<7x12xf32>
  %1 = mlc.matmul %0, %w : (tensor<7x12xf32>, tensor<12x20xf32>) -> tensor<7x20xf32>
  %2 = mlc.gelu %1 : (tensor<7x20xf32>) -> tensor<7x20xf32>
  %3 = mlc.softmax %2 {axis = 1 : i64} : (tensor<7x20xf32>) -> tensor<7x20xf32>
  return %3 : tensor<7x20xf32>
}
