// RUN: mlc-opt %s --mlc-recover-integer-products --canonicalize --cse | FileCheck %s
// RUN: mlc-opt %s --mlc-recover-integer-products --canonicalize --compare-with=%s

mlc.param @w : tensor<8x6xi8> = dense<3> : tensor<8x6xi8>
mlc.param @wu : tensor<6x8xui8> = dense<200> : tensor<6x8xui8>
mlc.param @f : tensor<4x2x3x3xi8> = dense<-7> : tensor<4x2x3x3xi8>
mlc.param @s : tensor<6xf32> = dense<[1.0, 0.5, 0.25, 2.0, 4.0, 0.125]> : tensor<6xf32>
mlc.param @so : tensor<4x1x1x1xf32> = dense<0.5> : tensor<4x1x1x1xf32>

// Unsigned activations around a zero point that is not known, signed weights.
// CHECK-LABEL: func @integers
// CHECK-SAME: (%[[A:.*]]: tensor<5x8xui8>, %[[Z:.*]]: tensor<ui8>)
// CHECK-DAG: %[[W:.*]] = mlc.load_param @w
// CHECK-DAG: %[[ZI:.*]] = mlc.cast %[[Z]] to i32
// CHECK-DAG: %[[P:.*]] = mlc.matmul %[[A]], %[[W]] {wide_result} : (tensor<5x8xui8>, tensor<8x6xi8>) -> tensor<5x6xi32>
// CHECK-DAG: %[[WI:.*]] = mlc.cast %[[W]] to i32
// CHECK-DAG: %[[C:.*]] = mlc.reduce sum %[[WI]] {axes = array<i64: 0>}
// CHECK: %[[CZ:.*]] = mlc.mul %[[C]], %[[ZI]]
// CHECK: %[[R:.*]] = mlc.sub %[[P]], %[[CZ]]
// CHECK: return %[[R]]
func.func @integers(%a: tensor<5x8xui8>, %z: tensor<ui8>) -> tensor<5x6xi32> {
  %w = mlc.load_param @w : tensor<8x6xi8>
  %ai = mlc.cast %a to i32 : tensor<5x8xui8> -> tensor<5x8xi32>
  %zi = mlc.cast %z to i32 : tensor<ui8> -> tensor<i32>
  %az = mlc.sub %ai, %zi : (tensor<5x8xi32>, tensor<i32>) -> tensor<5x8xi32>
  %wi = mlc.cast %w to i32 : tensor<8x6xi8> -> tensor<8x6xi32>
  %r = mlc.matmul %az, %wi : (tensor<5x8xi32>, tensor<8x6xi32>) -> tensor<5x6xi32>
  return %r : tensor<5x6xi32>
}

// Signed activations, unsigned weights with a zero point for each output, transposed: both signs turn, and the sums of
// rows are a product with ones.
// CHECK-LABEL: func @other_signs
// CHECK-SAME: (%[[A:.*]]: tensor<2x5x8xi8>, %[[Z:.*]]: tensor<6x1xui8>)
// CHECK-DAG: %[[ONES:.*]] = mlc.constant dense<1> : tensor<1x8xi8>
// CHECK-DAG: %[[AU:.*]] = mlc.cast %[[A]] to ui8
// CHECK-DAG: %[[AX:.*]] = mlc.xor %[[AU]],
// CHECK-DAG: mlc.matmul %[[AX]], %{{.*}} {transpose_rhs, wide_result} : (tensor<2x5x8xui8>, tensor<6x8xi8>) -> tensor<2x5x6xi32>
// CHECK-DAG: mlc.matmul %[[AX]], %[[ONES]] {transpose_rhs, wide_result} : (tensor<2x5x8xui8>, tensor<1x8xi8>) -> tensor<2x5x1xi32>
func.func @other_signs(%a: tensor<2x5x8xi8>, %z: tensor<6x1xui8>) -> tensor<2x5x6xi32> {
  %w = mlc.load_param @wu : tensor<6x8xui8>
  %ai = mlc.cast %a to i32 : tensor<2x5x8xi8> -> tensor<2x5x8xi32>
  %wi = mlc.cast %w to i32 : tensor<6x8xui8> -> tensor<6x8xi32>
  %zp = mlc.constant dense<[[1], [0], [255], [128], [7], [100]]> : tensor<6x1xi32>
  %wz = mlc.sub %wi, %zp : (tensor<6x8xi32>, tensor<6x1xi32>) -> tensor<6x8xi32>
  %r = mlc.matmul %ai, %wz {transpose_rhs} : (tensor<2x5x8xi32>, tensor<6x8xi32>) -> tensor<2x5x6xi32>
  return %r : tensor<2x5x6xi32>
}

// Dequantised: the scales of both stand behind the product, and movements are those of the integers.
// CHECK-LABEL: func @floats
// CHECK-SAME: (%[[A:.*]]: tensor<8x5xui8>)
// CHECK-DAG: %[[T:.*]] = mlc.transpose %[[A]] {permutation = array<i64: 1, 0>}
// CHECK-DAG: %[[P:.*]] = mlc.matmul %[[T]], %{{.*}} {wide_result}
// CHECK-DAG: %[[S:.*]] = mlc.mul %{{.*}}, %{{.*}} : (tensor<{{.*}}f32>, tensor<{{.*}}f32>) -> tensor<6xf32>
// CHECK-DAG: %[[D:.*]] = mlc.sub %[[P]],
// CHECK-DAG: %[[F:.*]] = mlc.cast %[[D]] to f32
// CHECK: mlc.mul %[[F]], %[[S]]
func.func @floats(%a: tensor<8x5xui8>) -> tensor<5x6xf32> {
  %w = mlc.load_param @w : tensor<8x6xi8>
  %s = mlc.load_param @s : tensor<6xf32>
  %z = mlc.constant dense<3> : tensor<i32>
  %as = mlc.constant dense<0.25> : tensor<f32>
  %ai = mlc.cast %a to i32 : tensor<8x5xui8> -> tensor<8x5xi32>
  %az = mlc.sub %ai, %z : (tensor<8x5xi32>, tensor<i32>) -> tensor<8x5xi32>
  %af = mlc.cast %az to f32 : tensor<8x5xi32> -> tensor<8x5xf32>
  %ad = mlc.mul %as, %af : (tensor<f32>, tensor<8x5xf32>) -> tensor<8x5xf32>
  %at = mlc.transpose %ad {permutation = array<i64: 1, 0>} : (tensor<8x5xf32>) -> tensor<5x8xf32>
  %wi = mlc.cast %w to i32 : tensor<8x6xi8> -> tensor<8x6xi32>
  %wf = mlc.cast %wi to f32 : tensor<8x6xi32> -> tensor<8x6xf32>
  %wd = mlc.mul %wf, %s : (tensor<8x6xf32>, tensor<6xf32>) -> tensor<8x6xf32>
  %r = mlc.matmul %at, %wd : (tensor<5x8xf32>, tensor<8x6xf32>) -> tensor<5x6xf32>
  return %r : tensor<5x6xf32>
}

// Padding is the zero point.
// CHECK-LABEL: func @convolution
// CHECK: %[[P:.*]] = mlc.pad %{{.*}} {high = array<i64: 0, 0, 1, 1>, low = array<i64: 0, 0, 1, 2>, value = 1.300000e+02 : f64} : (tensor<1x2x5x5xui8>)
// CHECK: mlc.conv %[[P]], %{{.*}} {dilations = array<i64: 1, 1>, pad_high = array<i64: 0, 0>, pad_low = array<i64: 0, 0>, strides = array<i64: 2, 1>, wide_result} : (tensor<1x2x7x8xui8>, tensor<4x2x3x3xi8>) -> tensor<1x4x3x6xi32>
func.func @convolution(%x: tensor<1x2x5x5xf32>) -> tensor<1x4x3x6xf32> {
  %f = mlc.load_param @f : tensor<4x2x3x3xi8>
  %so = mlc.load_param @so : tensor<4x1x1x1xf32>
  %zq = mlc.constant dense<2> : tensor<i8>
  %z = mlc.constant dense<2> : tensor<i32>
  %s = mlc.constant dense<0.03125> : tensor<f32>
  %q = mlc.quantize %x, %zq : (tensor<1x2x5x5xf32>, tensor<i8>) -> tensor<1x2x5x5xi8>
  %qi = mlc.cast %q to i32 : tensor<1x2x5x5xi8> -> tensor<1x2x5x5xi32>
  %qz = mlc.sub %qi, %z : (tensor<1x2x5x5xi32>, tensor<i32>) -> tensor<1x2x5x5xi32>
  %qf = mlc.cast %qz to f32 : tensor<1x2x5x5xi32> -> tensor<1x2x5x5xf32>
  %qd = mlc.mul %qf, %s : (tensor<1x2x5x5xf32>, tensor<f32>) -> tensor<1x2x5x5xf32>
  %fi = mlc.cast %f to i32 : tensor<4x2x3x3xi8> -> tensor<4x2x3x3xi32>
  %ff = mlc.cast %fi to f32 : tensor<4x2x3x3xi32> -> tensor<4x2x3x3xf32>
  %fd = mlc.mul %ff, %so : (tensor<4x2x3x3xf32>, tensor<4x1x1x1xf32>) -> tensor<4x2x3x3xf32>
  %r = mlc.conv %qd, %fd {strides = array<i64: 2, 1>, pad_low = array<i64: 1, 2>, pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x2x5x5xf32>, tensor<4x2x3x3xf32>) -> tensor<1x4x3x6xf32>
  return %r : tensor<1x4x3x6xf32>
}

// Left alone: a scale for each row, padding that is not known, weights that are none, scales along the sum.
// CHECK-LABEL: func @others
// CHECK-NOT: wide_result
func.func @others(%a: tensor<5x8xui8>, %rows: tensor<5x1xf32>, %b: tensor<8x6xi8>, %x: tensor<1x2x5x5xui8>, %z: tensor<i32>, %k: tensor<8x1xf32>) -> (tensor<5x6xf32>, tensor<5x6xf32>, tensor<1x4x5x5xi32>, tensor<5x6xf32>) {
  %w = mlc.load_param @w : tensor<8x6xi8>
  %f = mlc.load_param @f : tensor<4x2x3x3xi8>
  %af = mlc.cast %a to f32 : tensor<5x8xui8> -> tensor<5x8xf32>
  %ad = mlc.mul %af, %rows : (tensor<5x8xf32>, tensor<5x1xf32>) -> tensor<5x8xf32>
  %wf = mlc.cast %w to f32 : tensor<8x6xi8> -> tensor<8x6xf32>
  %0 = mlc.matmul %ad, %wf : (tensor<5x8xf32>, tensor<8x6xf32>) -> tensor<5x6xf32>
  %bf = mlc.cast %b to f32 : tensor<8x6xi8> -> tensor<8x6xf32>
  %1 = mlc.matmul %af, %bf : (tensor<5x8xf32>, tensor<8x6xf32>) -> tensor<5x6xf32>
  %xi = mlc.cast %x to i32 : tensor<1x2x5x5xui8> -> tensor<1x2x5x5xi32>
  %xz = mlc.sub %xi, %z : (tensor<1x2x5x5xi32>, tensor<i32>) -> tensor<1x2x5x5xi32>
  %fi = mlc.cast %f to i32 : tensor<4x2x3x3xi8> -> tensor<4x2x3x3xi32>
  %2 = mlc.conv %xz, %fi {strides = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x2x5x5xi32>, tensor<4x2x3x3xi32>) -> tensor<1x4x5x5xi32>
  %ks = mlc.constant dense<[[1.0], [2.0], [3.0], [4.0], [5.0], [6.0], [7.0], [8.0]]> : tensor<8x1xf32>
  %wd = mlc.mul %wf, %ks : (tensor<8x6xf32>, tensor<8x1xf32>) -> tensor<8x6xf32>
  %3 = mlc.matmul %af, %wd : (tensor<5x8xf32>, tensor<8x6xf32>) -> tensor<5x6xf32>
  return %0, %1, %2, %3 : tensor<5x6xf32>, tensor<5x6xf32>, tensor<1x4x5x5xi32>, tensor<5x6xf32>
}

// Left alone: sums in f32 that i32 may not hold, for the number of products or for the zero point.
mlc.param @long : tensor<33026x2xi8> = dense<3> : tensor<33026x2xi8>
// CHECK-LABEL: func @larger_than_i32
// CHECK-NOT: wide_result
func.func @larger_than_i32(%a: tensor<5x33026xui8>, %b: tensor<5x8xui8>) -> (tensor<5x2xf32>, tensor<5x6xf32>) {
  %l = mlc.load_param @long : tensor<33026x2xi8>
  %w = mlc.load_param @w : tensor<8x6xi8>
  %af = mlc.cast %a to f32 : tensor<5x33026xui8> -> tensor<5x33026xf32>
  %lf = mlc.cast %l to f32 : tensor<33026x2xi8> -> tensor<33026x2xf32>
  %0 = mlc.matmul %af, %lf : (tensor<5x33026xf32>, tensor<33026x2xf32>) -> tensor<5x2xf32>
  %z = mlc.constant dense<100000000> : tensor<i32>
  %bi = mlc.cast %b to i32 : tensor<5x8xui8> -> tensor<5x8xi32>
  %bz = mlc.sub %bi, %z : (tensor<5x8xi32>, tensor<i32>) -> tensor<5x8xi32>
  %bf = mlc.cast %bz to f32 : tensor<5x8xi32> -> tensor<5x8xf32>
  %wf = mlc.cast %w to f32 : tensor<8x6xi8> -> tensor<8x6xf32>
  %1 = mlc.matmul %bf, %wf : (tensor<5x8xf32>, tensor<8x6xf32>) -> tensor<5x6xf32>
  return %0, %1 : tensor<5x2xf32>, tensor<5x6xf32>
}
