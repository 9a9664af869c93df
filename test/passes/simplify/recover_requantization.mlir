// RUN: mlc-opt %s --mlc-recover-requantization --canonicalize --cse | FileCheck %s
// RUN: mlc-opt %s --mlc-recover-requantization --canonicalize --compare-with=%s

mlc.param @s : tensor<6xf32> = dense<[1.0, 0.5, 0.25, 2.0, 4.0, 0.125]> : tensor<6xf32>
mlc.param @bias : tensor<6xi32> = dense<[1, 2, 3, -4, 5, -6]> : tensor<6xi32>
mlc.param @t : tensor<6xf32> = dense<[1.0, 0.5, 0.25, 2.0, 4.0, 0.25]> : tensor<6xf32>

// A bias of the sums' scale is added to them; the ReLU ends where the integers do.
// CHECK-LABEL: func @layer
// CHECK-SAME: (%[[X:.*]]: tensor<5x6xi32>)
// CHECK-DAG: %[[B:.*]] = mlc.load_param @bias
// CHECK-DAG: %[[S:.*]] = mlc.load_param @s
// CHECK-DAG: %[[Z:.*]] = mlc.constant dense<0> : tensor<ui8>
// CHECK-DAG: %[[F:.*]] = mlc.div %[[S]], %{{.*}} : (tensor<6xf32>, tensor<f32>)
// CHECK-DAG: %[[XB:.*]] = mlc.add %[[X]], %[[B]]
// CHECK-DAG: %[[C:.*]] = mlc.cast %[[XB]] to f32
// CHECK: %[[M:.*]] = mlc.mul %[[C]], %[[F]]
// CHECK: %[[Q:.*]] = mlc.quantize %[[M]], %[[Z]]
// CHECK: return %[[Q]]
func.func @layer(%x: tensor<5x6xi32>) -> tensor<5x6xui8> {
  %s = mlc.load_param @s : tensor<6xf32>
  %b = mlc.load_param @bias : tensor<6xi32>
  %t = mlc.constant dense<2.0> : tensor<f32>
  %z = mlc.constant dense<0> : tensor<ui8>
  %xf = mlc.cast %x to f32 : tensor<5x6xi32> -> tensor<5x6xf32>
  %xs = mlc.mul %xf, %s : (tensor<5x6xf32>, tensor<6xf32>) -> tensor<5x6xf32>
  %bf = mlc.cast %b to f32 : tensor<6xi32> -> tensor<6xf32>
  %bs = mlc.mul %bf, %s : (tensor<6xf32>, tensor<6xf32>) -> tensor<6xf32>
  %y = mlc.add %xs, %bs : (tensor<5x6xf32>, tensor<6xf32>) -> tensor<5x6xf32>
  %r = mlc.relu %y : (tensor<5x6xf32>) -> tensor<5x6xf32>
  %d = mlc.div %r, %t : (tensor<5x6xf32>, tensor<f32>) -> tensor<5x6xf32>
  %q = mlc.quantize %d, %z : (tensor<5x6xf32>, tensor<ui8>) -> tensor<5x6xui8>
  return %q : tensor<5x6xui8>
}

// A clamp that ends inside of the range of the integers is one of them.
// CHECK-LABEL: func @clamped
// CHECK: %[[Q:.*]] = mlc.quantize
// CHECK: mlc.clamp %[[Q]] {high = 1.300000e+01 : f64, low = 1.000000e+01 : f64}
func.func @clamped(%x: tensor<5x6xi32>) -> tensor<5x6xi8> {
  %s = mlc.load_param @s : tensor<6xf32>
  %t = mlc.constant dense<2.0> : tensor<f32>
  %z = mlc.constant dense<10> : tensor<i8>
  %xf = mlc.cast %x to f32 : tensor<5x6xi32> -> tensor<5x6xf32>
  %xs = mlc.mul %xf, %s : (tensor<5x6xf32>, tensor<6xf32>) -> tensor<5x6xf32>
  %c = mlc.clamp %xs {low = -100.0 : f64, high = 6.0 : f64} : (tensor<5x6xf32>) -> tensor<5x6xf32>
  %r = mlc.relu %c : (tensor<5x6xf32>) -> tensor<5x6xf32>
  %d = mlc.div %r, %t : (tensor<5x6xf32>, tensor<f32>) -> tensor<5x6xf32>
  %q = mlc.quantize %d, %z : (tensor<5x6xf32>, tensor<i8>) -> tensor<5x6xi8>
  return %q : tensor<5x6xi8>
}

// A bias of another scale stays where it was; so does a product that others read.
// CHECK-LABEL: func @others
// CHECK: mlc.cast %{{.*}} to f32
// CHECK-COUNT-2: mlc.div %{{.*}} : (tensor<5x6xf32>, tensor<f32>)
func.func @others(%x: tensor<5x6xi32>) -> (tensor<5x6xui8>, tensor<5x6xui8>, tensor<5x6xf32>) {
  %s = mlc.load_param @s : tensor<6xf32>
  %other = mlc.load_param @t : tensor<6xf32>
  %b = mlc.load_param @bias : tensor<6xi32>
  %t = mlc.constant dense<2.0> : tensor<f32>
  %z = mlc.constant dense<0> : tensor<ui8>
  %xf = mlc.cast %x to f32 : tensor<5x6xi32> -> tensor<5x6xf32>
  %xs = mlc.mul %xf, %s : (tensor<5x6xf32>, tensor<6xf32>) -> tensor<5x6xf32>
  %bf = mlc.cast %b to f32 : tensor<6xi32> -> tensor<6xf32>
  %bs = mlc.mul %bf, %other : (tensor<6xf32>, tensor<6xf32>) -> tensor<6xf32>
  %y = mlc.add %xs, %bs : (tensor<5x6xf32>, tensor<6xf32>) -> tensor<5x6xf32>
  %d = mlc.div %y, %t : (tensor<5x6xf32>, tensor<f32>) -> tensor<5x6xf32>
  %q = mlc.quantize %d, %z : (tensor<5x6xf32>, tensor<ui8>) -> tensor<5x6xui8>
  %us = mlc.mul %xf, %other : (tensor<5x6xf32>, tensor<6xf32>) -> tensor<5x6xf32>
  %e = mlc.div %us, %t : (tensor<5x6xf32>, tensor<f32>) -> tensor<5x6xf32>
  %p = mlc.quantize %e, %z : (tensor<5x6xf32>, tensor<ui8>) -> tensor<5x6xui8>
  return %q, %p, %us : tensor<5x6xui8>, tensor<5x6xui8>, tensor<5x6xf32>
}

// What selects elements between the same scale and zero point selects integers.
// CHECK-LABEL: func @selections
// CHECK-SAME: (%[[X:.*]]: tensor<1x2x4x4xui8>)
// CHECK-DAG: %[[Z:.*]] = mlc.constant dense<7> : tensor<ui8>
// CHECK: %[[P:.*]] = mlc.pool max %[[X]] {{.*}} : (tensor<1x2x4x4xui8>) -> tensor<1x2x2x2xui8>
// CHECK: %[[R:.*]] = mlc.max %[[P]], %[[Z]]
// CHECK: mlc.transpose %[[R]] {{.*}} : (tensor<1x2x2x2xui8>) -> tensor<1x2x2x2xui8>
// CHECK-NOT: mlc.quantize
func.func @selections(%x: tensor<1x2x4x4xui8>) -> tensor<1x2x2x2xui8> {
  %s = mlc.constant dense<0.1> : tensor<f32>
  %z = mlc.constant dense<7> : tensor<ui8>
  %zi = mlc.constant dense<7> : tensor<i32>
  %xi = mlc.cast %x to i32 : tensor<1x2x4x4xui8> -> tensor<1x2x4x4xi32>
  %xz = mlc.sub %xi, %zi : (tensor<1x2x4x4xi32>, tensor<i32>) -> tensor<1x2x4x4xi32>
  %xf = mlc.cast %xz to f32 : tensor<1x2x4x4xi32> -> tensor<1x2x4x4xf32>
  %xd = mlc.mul %xf, %s : (tensor<1x2x4x4xf32>, tensor<f32>) -> tensor<1x2x4x4xf32>
  %p = mlc.pool max %xd {window = array<i64: 3, 3>, strides = array<i64: 2, 2>, pad_low = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x2x4x4xf32>) -> tensor<1x2x2x2xf32>
  %r = mlc.relu %p : (tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %t = mlc.transpose %r {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %d = mlc.div %t, %s : (tensor<1x2x2x2xf32>, tensor<f32>) -> tensor<1x2x2x2xf32>
  %q = mlc.quantize %d, %z : (tensor<1x2x2x2xf32>, tensor<ui8>) -> tensor<1x2x2x2xui8>
  return %q : tensor<1x2x2x2xui8>
}

// Another scale is none of theirs.
// CHECK-LABEL: func @rescaled
// CHECK: mlc.quantize
func.func @rescaled(%x: tensor<4xui8>) -> tensor<4xui8> {
  %s = mlc.constant dense<0.5> : tensor<f32>
  %t = mlc.constant dense<0.25> : tensor<f32>
  %z = mlc.constant dense<0> : tensor<ui8>
  %xf = mlc.cast %x to f32 : tensor<4xui8> -> tensor<4xf32>
  %xd = mlc.mul %xf, %s : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %d = mlc.div %xd, %t : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %q = mlc.quantize %d, %z : (tensor<4xf32>, tensor<ui8>) -> tensor<4xui8>
  return %q : tensor<4xui8>
}
