// The emitter that #mlc.schedule names makes the kernel, or there is an error; else the class of the root chooses.
// RUN: split-file %s %t
// RUN: mlc-opt %t/loops.mlir --compile-from=fuse --report | FileCheck %s --check-prefix=LOOPS
// RUN: not mlc-opt %t/unknown.mlir --compile-from=fuse --report 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not mlc-opt %t/refused.mlir --compile-from=fuse --report 2>&1 | FileCheck %s --check-prefix=REFUSED

// Equal regions are one kernel, launched twice; one that asks for another emitter is another.
// LOOPS: kernels: 2, launched 3 times
// LOOPS: 0 {{ *}}2 {{.*}} vector {{.*}} relu
// LOOPS: 1 {{ *}}1 {{.*}} loops {{.*}} relu
// UNKNOWN: error: #mlc.schedule asks for the emitter 'vector9', which does not exist; there are {{.*}}loops
// REFUSED: error: #mlc.schedule asks for the emitter 'gather', which does not take this region (relu)

//--- loops.mlir
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> attributes {mlc.entry = "infer"} {
  %0 = mlc.fused elementwise (%a = %x) : (tensor<4xf32>) -> tensor<4xf32> {
    %r = mlc.relu %a : (tensor<4xf32>) -> tensor<4xf32>
    mlc.yield %r : tensor<4xf32>
  }
  %1 = mlc.fused elementwise (%a = %0) {schedule = #mlc.schedule<"loops">} : (tensor<4xf32>) -> tensor<4xf32> {
    %r = mlc.relu %a : (tensor<4xf32>) -> tensor<4xf32>
    mlc.yield %r : tensor<4xf32>
  }
  %2 = mlc.fused elementwise (%a = %1) : (tensor<4xf32>) -> tensor<4xf32> {
    %r = mlc.relu %a : (tensor<4xf32>) -> tensor<4xf32>
    mlc.yield %r : tensor<4xf32>
  }
  return %2 : tensor<4xf32>
}
//--- unknown.mlir
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> attributes {mlc.entry = "infer"} {
  %0 = mlc.fused elementwise (%a = %x) {schedule = #mlc.schedule<"vector9">} : (tensor<4xf32>) -> tensor<4xf32> {
    %r = mlc.relu %a : (tensor<4xf32>) -> tensor<4xf32>
    mlc.yield %r : tensor<4xf32>
  }
  return %0 : tensor<4xf32>
}
//--- refused.mlir
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> attributes {mlc.entry = "infer"} {
  %0 = mlc.fused elementwise (%a = %x) {schedule = #mlc.schedule<"gather">} : (tensor<4xf32>) -> tensor<4xf32> {
    %r = mlc.relu %a : (tensor<4xf32>) -> tensor<4xf32>
    mlc.yield %r : tensor<4xf32>
  }
  return %0 : tensor<4xf32>
}
