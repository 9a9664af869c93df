// RUN: mlc-opt %s --pass-pipeline="builtin.module(func.func(mlc-lower-precision{to=bf16}))" | FileCheck %s
// RUN: mlc-opt %s --pass-pipeline="builtin.module(func.func(mlc-lower-precision))" | FileCheck %s --check-prefix=KEEP
// RUN: not mlc-opt %s --pass-pipeline="builtin.module(func.func(mlc-lower-precision{to=f8}))" 2>&1 | FileCheck %s --check-prefix=WRONG
// Numbers change as much as bf16 is coarser.
// RUN: mlc-opt %s --pass-pipeline="builtin.module(func.func(mlc-lower-precision{to=bf16}))" --compare-with=%s --tolerance=0.01 --entry=matmul
// WRONG: mlc-lower-precision expects to=keep or to=bf16, got 'f8'
// KEEP-NOT: bf16

mlc.param @w : tensor<16x8xf32> = #mlc.seeded<16, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @b : tensor<16xf32> = #mlc.seeded<17, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @f : tensor<3x3x2x4xf32> = #mlc.seeded<18, uniform, -1.0 : f64, 1.0 : f64>

// The weight is rounded before it is moved; what is computed from the sums stays f32.
// CHECK-LABEL: func.func @matmul
// CHECK: %[[X:.*]] = mlc.cast %{{.*}} to bf16 : tensor<4x8xf32> -> tensor<4x8xbf16>
// CHECK: %[[W:.*]] = mlc.cast %{{.*}} to bf16 : tensor<16x8xf32> -> tensor<16x8xbf16>
// CHECK: %[[T:.*]] = mlc.transpose %[[W]] {permutation = array<i64: 1, 0>} : (tensor<16x8xbf16>) -> tensor<8x16xbf16>
// CHECK: %[[Y:.*]] = mlc.matmul %[[X]], %[[T]] {wide_result} : (tensor<4x8xbf16>, tensor<8x16xbf16>) -> tensor<4x16xf32>
// CHECK: mlc.add %[[Y]], %{{.*}} : (tensor<4x16xf32>, tensor<16xf32>) -> tensor<4x16xf32>
func.func @matmul(%x: tensor<4x8xf32>) -> tensor<4x16xf32> attributes {mlc.entry = "matmul"} {
  %w = mlc.load_param @w : tensor<16x8xf32>
  %b = mlc.load_param @b : tensor<16xf32>
  %t = mlc.transpose %w {permutation = array<i64: 1, 0>} : (tensor<16x8xf32>) -> tensor<8x16xf32>
  %y = mlc.matmul %x, %t : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x16xf32>
  %z = mlc.add %y, %b : (tensor<4x16xf32>, tensor<16xf32>) -> tensor<4x16xf32>
  return %z : tensor<4x16xf32>
}

// One rounding for both readers, in front of the padding.
// CHECK-LABEL: func.func @convolutions
// CHECK: %[[X:.*]] = mlc.cast %{{.*}} to bf16 : tensor<1x6x6x2xf32> -> tensor<1x6x6x2xbf16>
// CHECK-NOT: mlc.cast
// CHECK: %[[P:.*]] = mlc.pad %[[X]] {{.*}} -> tensor<1x8x8x2xbf16>
// CHECK: %[[F:.*]] = mlc.cast %{{.*}} to bf16 : tensor<3x3x2x4xf32> -> tensor<3x3x2x4xbf16>
// CHECK: mlc.conv %[[P]], %[[F]] {{.*}}wide_result} : (tensor<1x8x8x2xbf16>, tensor<3x3x2x4xbf16>) -> tensor<1x6x6x4xf32>
// CHECK: mlc.conv %[[P]], %[[F]] {{.*}}wide_result}
func.func @convolutions(%x: tensor<1x6x6x2xf32>) -> (tensor<1x6x6x4xf32>, tensor<1x3x3x4xf32>) {
  %p = mlc.pad %x {low = array<i64: 0, 1, 1, 0>, high = array<i64: 0, 1, 1, 0>, value = 0.0 : f64} : (tensor<1x6x6x2xf32>) -> tensor<1x8x8x2xf32>
  %f = mlc.load_param @f : tensor<3x3x2x4xf32>
  %y = mlc.conv %p, %f {layout = #mlc<layout channels_last>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pad_low = array<i64: 0, 0>, pad_high = array<i64: 0, 0>} : (tensor<1x8x8x2xf32>, tensor<3x3x2x4xf32>) -> tensor<1x6x6x4xf32>
  %z = mlc.conv %p, %f {layout = #mlc<layout channels_last>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pad_low = array<i64: 0, 0>, pad_high = array<i64: 0, 0>} : (tensor<1x8x8x2xf32>, tensor<3x3x2x4xf32>) -> tensor<1x3x3x4xf32>
  return %y, %z : tensor<1x6x6x4xf32>, tensor<1x3x3x4xf32>
}

// The mask, which may hold the lowest number of f32, stays. The result is rounded once.
// CHECK-LABEL: func.func @attention
// CHECK-SAME: %[[M:[a-z0-9]*]]: tensor<1x1x1x4xf32>
// CHECK: %[[A:.*]] = mlc.attention %{{.*}}, %{{.*}}, %{{.*}}, %[[M]] {{.*}} : (tensor<1x2x4x8xbf16>, tensor<1x2x4x8xbf16>, tensor<1x2x4x8xbf16>, tensor<1x1x1x4xf32>) -> tensor<1x2x4x8xbf16>
// CHECK: mlc.cast %[[A]] to f32
func.func @attention(%q: tensor<1x2x4x8xf32>, %mask: tensor<1x1x1x4xf32>) -> tensor<1x2x4x8xf32> {
  %y = mlc.attention %q, %q, %q, %mask {scale = 0.25 : f64} : (tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x1x1x4xf32>) -> tensor<1x2x4x8xf32>
  return %y : tensor<1x2x4x8xf32>
}

// Other types stay what they are.
// CHECK-LABEL: func.func @double
// CHECK-NEXT: mlc.matmul {{.*}} : (tensor<4x8xf64>, tensor<8x4xf64>) -> tensor<4x4xf64>
func.func @double(%x: tensor<4x8xf64>, %y: tensor<8x4xf64>) -> tensor<4x4xf64> {
  %z = mlc.matmul %x, %y : (tensor<4x8xf64>, tensor<8x4xf64>) -> tensor<4x4xf64>
  return %z : tensor<4x4xf64>
}
