// Softmax and normalisations as they print, parsed again.
// RUN: mlc-opt %s | mlc-opt | FileCheck %s

// CHECK-LABEL: func.func @normalization
func.func @normalization(%x: tensor<2x4x8xf32>, %scale: tensor<8xf32>, %matrix: tensor<4x8xf32>, %c: tensor<4xf32>) {
  // CHECK: = mlc.softmax %{{.*}} {axis = 2 : i64} : (tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %softmax = mlc.softmax %x {axis = 2 : i64} : (tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // CHECK: = mlc.log_softmax %{{.*}} {axis = 0 : i64} : (tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %log_softmax = mlc.log_softmax %x {axis = 0 : i64} : (tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // CHECK: = mlc.layer_norm %{{.*}} {axis = 2 : i64, epsilon = 1.000000e-05 : f64} : (tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %plain = mlc.layer_norm %x {axis = 2 : i64, epsilon = 1.000000e-05 : f64} : (tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // CHECK: = mlc.layer_norm %{{.*}} scale(%{{.*}}) {axis = 2 : i64, epsilon = 1.000000e-05 : f64} : (tensor<2x4x8xf32>, tensor<8xf32>) -> tensor<2x4x8xf32>
  %scaled = mlc.layer_norm %x scale(%scale) {axis = 2 : i64, epsilon = 1.000000e-05 : f64} : (tensor<2x4x8xf32>, tensor<8xf32>) -> tensor<2x4x8xf32>
  // CHECK: = mlc.layer_norm %{{.*}} bias(%{{.*}}) {axis = 2 : i64, epsilon = 1.000000e-05 : f64} : (tensor<2x4x8xf32>, tensor<8xf32>) -> tensor<2x4x8xf32>
  %biased = mlc.layer_norm %x bias(%scale) {axis = 2 : i64, epsilon = 1.000000e-05 : f64} : (tensor<2x4x8xf32>, tensor<8xf32>) -> tensor<2x4x8xf32>
  // CHECK: = mlc.layer_norm %{{.*}} scale(%{{.*}}) bias(%{{.*}}) {axis = 1 : i64, epsilon = 1.000000e-05 : f64} : (tensor<2x4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<2x4x8xf32>
  %full = mlc.layer_norm %x scale(%matrix) bias(%matrix) {axis = 1 : i64, epsilon = 1.000000e-05 : f64} : (tensor<2x4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<2x4x8xf32>
  // CHECK: = mlc.batch_norm %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {axis = 1 : i64, epsilon = 1.000000e-03 : f64} : (tensor<2x4x8xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<2x4x8xf32>
  %batch_norm = mlc.batch_norm %x, %c, %c, %c, %c {axis = 1 : i64, epsilon = 1.000000e-03 : f64} : (tensor<2x4x8xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<2x4x8xf32>
  return
}
