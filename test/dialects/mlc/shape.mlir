// Ops that move elements, as they print, parsed again.
// RUN: mlc-opt %s | mlc-opt | FileCheck %s

// CHECK-LABEL: func.func @movement
func.func @movement(%x: tensor<4x8xf32>, %row: tensor<1x8xf32>, %scalar: tensor<f32>, %half: tensor<4x8xbf16>) {
  // CHECK: = mlc.transpose %{{.*}} {permutation = array<i64: 1, 0>} : (tensor<4x8xf32>) -> tensor<8x4xf32>
  %transpose = mlc.transpose %x {permutation = array<i64: 1, 0>} : (tensor<4x8xf32>) -> tensor<8x4xf32>
  // CHECK: = mlc.transpose %{{.*}} {permutation = array<i64>} : (tensor<f32>) -> tensor<f32>
  %no_dimension = mlc.transpose %scalar {permutation = array<i64>} : (tensor<f32>) -> tensor<f32>
  // CHECK: = mlc.reshape %{{.*}} {shape = array<i64: 2, 16>} : (tensor<4x8xf32>) -> tensor<2x16xf32>
  %reshape = mlc.reshape %x {shape = array<i64: 2, 16>} : (tensor<4x8xf32>) -> tensor<2x16xf32>
  // CHECK: = mlc.reshape %{{.*}} {shape = array<i64: 1>} : (tensor<f32>) -> tensor<1xf32>
  %to_vector = mlc.reshape %scalar {shape = array<i64: 1>} : (tensor<f32>) -> tensor<1xf32>
  // CHECK: = mlc.broadcast %{{.*}} {shape = array<i64: 2, 4, 8>} : (tensor<1x8xf32>) -> tensor<2x4x8xf32>
  %broadcast = mlc.broadcast %row {shape = array<i64: 2, 4, 8>} : (tensor<1x8xf32>) -> tensor<2x4x8xf32>
  // CHECK: = mlc.slice %{{.*}} {offsets = array<i64: 0, 2>, sizes = array<i64: 4, 3>, strides = array<i64: 1, 2>} : (tensor<4x8xf32>) -> tensor<4x3xf32>
  %slice = mlc.slice %x {offsets = array<i64: 0, 2>, sizes = array<i64: 4, 3>, strides = array<i64: 1, 2>} : (tensor<4x8xf32>) -> tensor<4x3xf32>
  // CHECK: = mlc.slice %{{.*}} {offsets = array<i64: 3, 7>, sizes = array<i64: 4, 8>, strides = array<i64: -1, -1>} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %reversed = mlc.slice %x {offsets = array<i64: 3, 7>, sizes = array<i64: 4, 8>, strides = array<i64: -1, -1>} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  // CHECK: = mlc.slice %{{.*}} {offsets = array<i64: 4, 0>, sizes = array<i64: 0, 8>, strides = array<i64: 1, 1>} : (tensor<4x8xf32>) -> tensor<0x8xf32>
  %empty = mlc.slice %x {offsets = array<i64: 4, 0>, sizes = array<i64: 0, 8>, strides = array<i64: 1, 1>} : (tensor<4x8xf32>) -> tensor<0x8xf32>
  // CHECK: = mlc.concat %{{.*}}, %{{.*}}, %{{.*}} {axis = 0 : i64} : (tensor<4x8xf32>, tensor<1x8xf32>, tensor<4x8xf32>) -> tensor<9x8xf32>
  %concat = mlc.concat %x, %row, %x {axis = 0 : i64} : (tensor<4x8xf32>, tensor<1x8xf32>, tensor<4x8xf32>) -> tensor<9x8xf32>
  // CHECK: = mlc.pad %{{.*}} {high = array<i64: 0, 1>, low = array<i64: 2, 3>, value = 1.000000e+00 : f64} : (tensor<4x8xbf16>) -> tensor<6x12xbf16>
  %pad = mlc.pad %half {high = array<i64: 0, 1>, low = array<i64: 2, 3>, value = 1.000000e+00 : f64} : (tensor<4x8xbf16>) -> tensor<6x12xbf16>
  return
}

// CHECK-LABEL: func.func @gather
func.func @gather(%table: tensor<100x8x3xf32>, %ids: tensor<4x5xi64>, %one: tensor<i32>) {
  // CHECK: = mlc.gather %{{.*}}, %{{.*}} {axis = 0 : i64} : (tensor<100x8x3xf32>, tensor<4x5xi64>) -> tensor<4x5x8x3xf32>
  %rows = mlc.gather %table, %ids {axis = 0 : i64} : (tensor<100x8x3xf32>, tensor<4x5xi64>) -> tensor<4x5x8x3xf32>
  // CHECK: = mlc.gather %{{.*}}, %{{.*}} {axis = 1 : i64} : (tensor<100x8x3xf32>, tensor<i32>) -> tensor<100x3xf32>
  %middle = mlc.gather %table, %one {axis = 1 : i64} : (tensor<100x8x3xf32>, tensor<i32>) -> tensor<100x3xf32>
  return
}

// CHECK-LABEL: func.func @scatter
func.func @scatter(%x: tensor<100x8xf32>, %ids: tensor<4x5xi64>, %updates: tensor<4x5x8xf32>, %flags: tensor<3xi1>, %one: tensor<i32>, %flag: tensor<i1>) {
  // CHECK: = mlc.scatter add %{{.*}}, %{{.*}}, %{{.*}} : (tensor<100x8xf32>, tensor<4x5xi64>, tensor<4x5x8xf32>) -> tensor<100x8xf32>
  %sum = mlc.scatter add %x, %ids, %updates : (tensor<100x8xf32>, tensor<4x5xi64>, tensor<4x5x8xf32>) -> tensor<100x8xf32>
  // CHECK: = mlc.scatter set %{{.*}}, %{{.*}}, %{{.*}} : (tensor<3xi1>, tensor<i32>, tensor<i1>) -> tensor<3xi1>
  %set = mlc.scatter set %flags, %one, %flag : (tensor<3xi1>, tensor<i32>, tensor<i1>) -> tensor<3xi1>
  return
}
