// Reductions as they print, parsed again.
// RUN: mlc-opt %s | mlc-opt | FileCheck %s

// CHECK-LABEL: func.func @reduce
func.func @reduce(%x: tensor<2x4x8xf32>, %i: tensor<4xi64>) {
  // CHECK: = mlc.reduce sum %{{.*}} {axes = array<i64: 1>} : (tensor<2x4x8xf32>) -> tensor<2x8xf32>
  %sum = mlc.reduce sum %x {axes = array<i64: 1>} : (tensor<2x4x8xf32>) -> tensor<2x8xf32>
  // CHECK: = mlc.reduce mean %{{.*}} {axes = array<i64: 0, 2>, keep_dims} : (tensor<2x4x8xf32>) -> tensor<1x4x1xf32>
  %mean = mlc.reduce mean %x {axes = array<i64: 0, 2>, keep_dims} : (tensor<2x4x8xf32>) -> tensor<1x4x1xf32>
  // CHECK: = mlc.reduce max %{{.*}} {axes = array<i64: 0>} : (tensor<4xi64>) -> tensor<i64>
  %max = mlc.reduce max %i {axes = array<i64: 0>} : (tensor<4xi64>) -> tensor<i64>
  // CHECK: = mlc.reduce min %{{.*}} {axes = array<i64>} : (tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %min = mlc.reduce min %x {axes = array<i64>} : (tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // CHECK: = mlc.reduce prod %{{.*}} {axes = array<i64: 0, 1, 2>} : (tensor<2x4x8xf32>) -> tensor<f32>
  %prod = mlc.reduce prod %x {axes = array<i64: 0, 1, 2>} : (tensor<2x4x8xf32>) -> tensor<f32>
  // CHECK: = mlc.arg_max %{{.*}} {axis = 1 : i64} : (tensor<2x4x8xf32>) -> tensor<2x8xi64>
  %arg_max = mlc.arg_max %x {axis = 1 : i64} : (tensor<2x4x8xf32>) -> tensor<2x8xi64>
  // CHECK: = mlc.arg_min %{{.*}} {axis = 2 : i64, keep_dims, select_last} : (tensor<2x4x8xf32>) -> tensor<2x4x1xi64>
  %arg_min = mlc.arg_min %x {axis = 2 : i64, keep_dims, select_last} : (tensor<2x4x8xf32>) -> tensor<2x4x1xi64>
  // CHECK: = mlc.cum_sum %{{.*}} {axis = 1 : i64} : (tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %cum_sum = mlc.cum_sum %x {axis = 1 : i64} : (tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // CHECK: = mlc.cum_sum %{{.*}} {axis = 1 : i64, exclusive, reverse} : (tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %backwards = mlc.cum_sum %x {axis = 1 : i64, exclusive, reverse} : (tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return
}

// CHECK-LABEL: func.func @pool
func.func @pool(%x: tensor<1x8x14x14xf32>, %last: tensor<1x14x15x8xf32>) {
  // CHECK: = mlc.pool max %{{.*}} {dilations = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, strides = array<i64: 2, 2>, window = array<i64: 3, 3>} : (tensor<1x8x14x14xf32>) -> tensor<1x8x7x7xf32>
  %max = mlc.pool max %x {dilations = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, strides = array<i64: 2, 2>, window = array<i64: 3, 3>} : (tensor<1x8x14x14xf32>) -> tensor<1x8x7x7xf32>
  // CHECK: = mlc.pool average %{{.*}} {count_include_pad, dilations = array<i64: 2, 1>, layout = #mlc<layout channels_last>, pad_high = array<i64: 0, 1>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 2>, window = array<i64: 3, 2>} : (tensor<1x14x15x8xf32>) -> tensor<1x10x8x8xf32>
  %average = mlc.pool average %last {count_include_pad, dilations = array<i64: 2, 1>, layout = #mlc<layout channels_last>, pad_high = array<i64: 0, 1>, pad_low = array<i64: 0, 0>, strides = array<i64: 1, 2>, window = array<i64: 3, 2>} : (tensor<1x14x15x8xf32>) -> tensor<1x10x8x8xf32>
  // CHECK: = mlc.pool average %{{.*}} {ceil_pad = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, pad_low = array<i64: 0, 0>, strides = array<i64: 2, 2>, window = array<i64: 3, 3>} : (tensor<1x8x14x14xf32>) -> tensor<1x8x7x7xf32>
  %ceil = mlc.pool average %x {ceil_pad = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, pad_low = array<i64: 0, 0>, strides = array<i64: 2, 2>, window = array<i64: 3, 3>} : (tensor<1x8x14x14xf32>) -> tensor<1x8x7x7xf32>
  return
}
