// Threads get equal numbers of a depthwise convolution's tiles: lines, as finely as 64 tiles allow; vectors of channels,
// where lines are few; all at once, where it is not worth sharing.
// RUN: mlc-opt %s --report --target-cpu=x86-64-v4 | tr -s " " | FileCheck %s
// RUN: mlc-opt %s --per-op-compare --target-cpu=x86-64-v3

// CHECK: depthwise 7x16, 14 tiles of 1 lines
// CHECK: depthwise 7x16, 4 tiles of 7 lines
// CHECK: depthwise 5x16, 1 tiles of 9 lines

mlc.param @w : tensor<384x1x3x3xf32> = #mlc.seeded<1, normal, 0.0 : f64, 0.05 : f64>
mlc.param @v : tensor<936x1x3x3xf32> = #mlc.seeded<2, normal, 0.0 : f64, 0.05 : f64>
mlc.param @u : tensor<16x1x3x3xf32> = #mlc.seeded<3, normal, 0.0 : f64, 0.05 : f64>
func.func @main(%x: tensor<1x384x14x14xf32> {mlc.name = "x"}, %y: tensor<1x936x7x7xf32> {mlc.name = "y"}, %z: tensor<1x16x9x9xf32> {mlc.name = "z"}) -> (tensor<1x384x14x14xf32> {mlc.name = "a"}, tensor<1x936x7x7xf32> {mlc.name = "b"}, tensor<1x16x9x9xf32> {mlc.name = "c"}) attributes {mlc.entry = "infer"} {
  %w = mlc.load_param @w : tensor<384x1x3x3xf32>
  %v = mlc.load_param @v : tensor<936x1x3x3xf32>
  %u = mlc.load_param @u : tensor<16x1x3x3xf32>
  %0 = mlc.conv %x, %w {groups = 384 : i64, strides = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x384x14x14xf32>, tensor<384x1x3x3xf32>) -> tensor<1x384x14x14xf32>
  %1 = mlc.conv %y, %v {groups = 936 : i64, strides = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x936x7x7xf32>, tensor<936x1x3x3xf32>) -> tensor<1x936x7x7xf32>
  %2 = mlc.conv %z, %u {groups = 16 : i64, strides = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x16x9x9xf32>, tensor<16x1x3x3xf32>) -> tensor<1x16x9x9xf32>
  return %0, %1, %2 : tensor<1x384x14x14xf32>, tensor<1x936x7x7xf32>, tensor<1x16x9x9xf32>
}
