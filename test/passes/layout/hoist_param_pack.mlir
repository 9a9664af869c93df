// RUN: mlc-opt %s --mlc-hoist-param-pack | FileCheck %s
// Hoisting twice is hoisting once.
// RUN: mlc-opt %s --mlc-hoist-param-pack --mlc-hoist-param-pack | FileCheck %s
// RUN: mlc-opt %s --mlc-hoist-param-pack --compare-with=%s
// RUN: mlc-opt %s --mlc-hoist-param-pack --mlc-hoist-param-pack --compare-with=%s

mlc.param @w : tensor<20x8xf32> = #mlc.seeded<11, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @s : tensor<8xf32> = #mlc.seeded<12, uniform, -1.0 : f64, 1.0 : f64>

// Two entry points compute the same tensor: it is stored once, and named after its largest parameter.
// CHECK: mlc.param_pack @w_pack : tensor<2x8x16xf32> {
// CHECK-NEXT: mlc.load_param @w :
// CHECK-NEXT: mlc.load_param @s :
// CHECK-NEXT: mlc.mul
// CHECK-NEXT: mlc.transpose
// CHECK-NEXT: mlc.pack
// CHECK-NEXT: mlc.yield
// CHECK: mlc.param_pack @s_pack : tensor<8xf32> {
// CHECK-NEXT: mlc.load_param @s :
// CHECK-NEXT: mlc.neg
// CHECK-NOT: mlc.param_pack

// CHECK-LABEL: func @one
// CHECK-NEXT: %[[P:.*]] = mlc.load_param @w_pack : tensor<2x8x16xf32>
// CHECK-NEXT: mlc.packed_matmul %{{.*}}, %[[P]]
// CHECK-NEXT: return
func.func @one(%x: tensor<4x8xf32>) -> tensor<4x20xf32> {
  %w = mlc.load_param @w : tensor<20x8xf32>
  %s = mlc.load_param @s : tensor<8xf32>
  %m = mlc.mul %w, %s : (tensor<20x8xf32>, tensor<8xf32>) -> tensor<20x8xf32>
  %t = mlc.transpose %m {permutation = array<i64: 1, 0>} : (tensor<20x8xf32>) -> tensor<8x20xf32>
  %p = mlc.pack %t {lanes = 16 : i64} : (tensor<8x20xf32>) -> tensor<2x8x16xf32>
  %y = mlc.packed_matmul %x, %p {n = 20 : i64} : (tensor<4x8xf32>, tensor<2x8x16xf32>) -> tensor<4x20xf32>
  return %y : tensor<4x20xf32>
}

// CHECK-LABEL: func @two
// CHECK-NEXT: %[[P:.*]] = mlc.load_param @w_pack : tensor<2x8x16xf32>
// CHECK-NEXT: mlc.packed_matmul %{{.*}}, %[[P]]
func.func @two(%x: tensor<5x8xf32>) -> tensor<5x20xf32> {
  %w = mlc.load_param @w : tensor<20x8xf32>
  %s = mlc.load_param @s : tensor<8xf32>
  %m = mlc.mul %w, %s : (tensor<20x8xf32>, tensor<8xf32>) -> tensor<20x8xf32>
  %t = mlc.transpose %m {permutation = array<i64: 1, 0>} : (tensor<20x8xf32>) -> tensor<8x20xf32>
  %p = mlc.pack %t {lanes = 16 : i64} : (tensor<8x20xf32>) -> tensor<2x8x16xf32>
  %y = mlc.packed_matmul %x, %p {n = 20 : i64} : (tensor<5x8xf32>, tensor<2x8x16xf32>) -> tensor<5x20xf32>
  return %y : tensor<5x20xf32>
}

// Views and enlarging broadcasts stay: a copy would cost more than it saves. What is behind a view is hoisted.
// CHECK-LABEL: func @views
// CHECK-NEXT: %[[S:.*]] = mlc.load_param @s : tensor<8xf32>
// CHECK-NEXT: %[[R:.*]] = mlc.reshape %[[S]]
// CHECK-NEXT: %[[B:.*]] = mlc.broadcast %[[S]]
// CHECK-NEXT: %[[N:.*]] = mlc.load_param @s_pack
// CHECK-NEXT: %[[V:.*]] = mlc.reshape %[[N]]
// CHECK-NEXT: mlc.add %{{.*}}, %[[R]]
func.func @views(%x: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) {
  %s = mlc.load_param @s : tensor<8xf32>
  %r = mlc.reshape %s {shape = array<i64: 1, 8>} : (tensor<8xf32>) -> tensor<1x8xf32>
  %b = mlc.broadcast %s {shape = array<i64: 4, 8>} : (tensor<8xf32>) -> tensor<4x8xf32>
  %n = mlc.neg %s : (tensor<8xf32>) -> tensor<8xf32>
  %v = mlc.reshape %n {shape = array<i64: 1, 8>} : (tensor<8xf32>) -> tensor<1x8xf32>
  %0 = mlc.add %x, %r : (tensor<4x8xf32>, tensor<1x8xf32>) -> tensor<4x8xf32>
  %1 = mlc.mul %x, %b : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = mlc.mul %x, %v : (tensor<4x8xf32>, tensor<1x8xf32>) -> tensor<4x8xf32>
  return %0, %1, %2 : tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>
}
