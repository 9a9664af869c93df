// RUN: mlc-opt %s --mlc-recover-layer-norm --canonicalize | FileCheck %s
// RUN: mlc-opt %s --mlc-recover-layer-norm --canonicalize --compare-with=%s

mlc.param @scale : tensor<8xf32> = #mlc.seeded<1, uniform, 0.5 : f64, 1.5 : f64>
mlc.param @bias : tensor<8xf32> = #mlc.seeded<2, uniform, -1.0 : f64, 1.0 : f64>

// CHECK-LABEL: func @pow_div
// CHECK-SAME: (%[[X:.*]]: tensor
// CHECK-DAG: %[[S:.*]] = mlc.load_param @scale
// CHECK-DAG: %[[B:.*]] = mlc.load_param @bias
// CHECK: %[[Y:.*]] = mlc.layer_norm %[[X]] scale(%[[S]]) bias(%[[B]]) {axis = 2 : i64, epsilon = {{.*}} : f64}
// CHECK-NEXT: return %[[Y]]
func.func @pow_div(%x: tensor<2x4x8xf32>) -> tensor<2x4x8xf32> {
  %s = mlc.load_param @scale : tensor<8xf32>
  %b = mlc.load_param @bias : tensor<8xf32>
  %two = mlc.constant dense<2.0> : tensor<f32>
  %eps = mlc.constant dense<1.0e-12> : tensor<f32>
  %mean = mlc.reduce mean %x {axes = array<i64: 2>, keep_dims} : (tensor<2x4x8xf32>) -> tensor<2x4x1xf32>
  %d = mlc.sub %x, %mean : (tensor<2x4x8xf32>, tensor<2x4x1xf32>) -> tensor<2x4x8xf32>
  %sq = mlc.pow %d, %two : (tensor<2x4x8xf32>, tensor<f32>) -> tensor<2x4x8xf32>
  %var = mlc.reduce mean %sq {axes = array<i64: 2>, keep_dims} : (tensor<2x4x8xf32>) -> tensor<2x4x1xf32>
  %ve = mlc.add %var, %eps : (tensor<2x4x1xf32>, tensor<f32>) -> tensor<2x4x1xf32>
  %sd = mlc.sqrt %ve : (tensor<2x4x1xf32>) -> tensor<2x4x1xf32>
  %n = mlc.div %d, %sd : (tensor<2x4x8xf32>, tensor<2x4x1xf32>) -> tensor<2x4x8xf32>
  %ns = mlc.mul %n, %s : (tensor<2x4x8xf32>, tensor<8xf32>) -> tensor<2x4x8xf32>
  %r = mlc.add %ns, %b : (tensor<2x4x8xf32>, tensor<8xf32>) -> tensor<2x4x8xf32>
  return %r : tensor<2x4x8xf32>
}

// The difference computed twice, a product as square, rsqrt; no coefficients.
// CHECK-LABEL: func @rsqrt
// CHECK-SAME: (%[[X:.*]]: tensor
// CHECK-NEXT: %[[Y:.*]] = mlc.layer_norm %[[X]] {axis = 1 : i64
// CHECK-NEXT: return %[[Y]]
func.func @rsqrt(%x: tensor<2x4x8xf32>) -> tensor<2x4x8xf32> {
  %eps = mlc.constant dense<1.0e-5> : tensor<f32>
  %mean = mlc.reduce mean %x {axes = array<i64: 1, 2>, keep_dims} : (tensor<2x4x8xf32>) -> tensor<2x1x1xf32>
  %d = mlc.sub %x, %mean : (tensor<2x4x8xf32>, tensor<2x1x1xf32>) -> tensor<2x4x8xf32>
  %e = mlc.sub %x, %mean : (tensor<2x4x8xf32>, tensor<2x1x1xf32>) -> tensor<2x4x8xf32>
  %sq = mlc.mul %e, %e : (tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %var = mlc.reduce mean %sq {axes = array<i64: 1, 2>, keep_dims} : (tensor<2x4x8xf32>) -> tensor<2x1x1xf32>
  %ve = mlc.add %eps, %var : (tensor<f32>, tensor<2x1x1xf32>) -> tensor<2x1x1xf32>
  %sd = mlc.rsqrt %ve : (tensor<2x1x1xf32>) -> tensor<2x1x1xf32>
  %n = mlc.mul %d, %sd : (tensor<2x4x8xf32>, tensor<2x1x1xf32>) -> tensor<2x4x8xf32>
  return %n : tensor<2x4x8xf32>
}

// The mean is over a dimension that is not the last.
// CHECK-LABEL: func @not_last
// CHECK-NOT: mlc.layer_norm
// CHECK: return
func.func @not_last(%x: tensor<2x4x8xf32>) -> tensor<2x4x8xf32> {
  %eps = mlc.constant dense<1.0e-5> : tensor<f32>
  %mean = mlc.reduce mean %x {axes = array<i64: 1>, keep_dims} : (tensor<2x4x8xf32>) -> tensor<2x1x8xf32>
  %d = mlc.sub %x, %mean : (tensor<2x4x8xf32>, tensor<2x1x8xf32>) -> tensor<2x4x8xf32>
  %sq = mlc.mul %d, %d : (tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %var = mlc.reduce mean %sq {axes = array<i64: 1>, keep_dims} : (tensor<2x4x8xf32>) -> tensor<2x1x8xf32>
  %ve = mlc.add %var, %eps : (tensor<2x1x8xf32>, tensor<f32>) -> tensor<2x1x8xf32>
  %sd = mlc.sqrt %ve : (tensor<2x1x8xf32>) -> tensor<2x1x8xf32>
  %n = mlc.div %d, %sd : (tensor<2x4x8xf32>, tensor<2x1x8xf32>) -> tensor<2x4x8xf32>
  return %n : tensor<2x4x8xf32>
}

// A scale that varies along other dimensions stays a product.
// CHECK-LABEL: func @not_a_coefficient
// CHECK: %[[N:.*]] = mlc.layer_norm %arg0 {
// CHECK: mlc.mul %[[N]], %arg1
func.func @not_a_coefficient(%x: tensor<2x8xf32>, %s: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %n = mlc.layer_norm %x {axis = 1 : i64, epsilon = 1.0e-5 : f64} : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %r = mlc.mul %n, %s : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  return %r : tensor<2x8xf32>
}
