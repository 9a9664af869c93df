// Folders and canonical forms of the dialect, and what looks like one and is none.
// RUN: mlc-opt %s --canonicalize | FileCheck %s

//===-- Elementwise identities ---------------------------------------------------------------------------------===//

// x + -0 keeps every x; x + 0 turns -0 into 0 and stays.
// CHECK-LABEL: func.func @add_zero(
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>
func.func @add_zero(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %minus_zero = mlc.constant dense<-0.0> : tensor<f32>
  %zero = mlc.constant dense<0.0> : tensor<f32>
  %0 = mlc.add %x, %minus_zero : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = mlc.add %x, %zero : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  // CHECK: %[[KEPT:.*]] = mlc.add
  // CHECK: return %[[X]], %[[KEPT]]
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}

// CHECK-LABEL: func.func @add_zero_integer(
// CHECK-SAME: %[[X:.*]]: tensor<4xi32>
func.func @add_zero_integer(%x: tensor<4xi32>) -> tensor<4xi32> {
  %zero = mlc.constant dense<0> : tensor<4xi32>
  // The constant moves to the right first: add commutes.
  %0 = mlc.add %zero, %x : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
  // CHECK-NEXT: return %[[X]]
  return %0 : tensor<4xi32>
}

// x - 0 keeps every x; x - -0 turns -0 into 0.
// CHECK-LABEL: func.func @sub_zero(
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>
func.func @sub_zero(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %zero = mlc.constant dense<0.0> : tensor<f32>
  %minus_zero = mlc.constant dense<-0.0> : tensor<f32>
  %0 = mlc.sub %x, %zero : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = mlc.sub %x, %minus_zero : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = mlc.sub %zero, %x : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  // CHECK: %[[KEPT:.*]] = mlc.sub %[[X]]
  // CHECK: %[[NEGATED:.*]] = mlc.sub %{{.*}}, %[[X]]
  // CHECK: return %[[X]], %[[KEPT]], %[[NEGATED]]
  return %0, %1, %2 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// CHECK-LABEL: func.func @times_one(
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>, %[[H:.*]]: tensor<4xbf16>, %[[I:.*]]: tensor<4xi64>
func.func @times_one(%x: tensor<4xf32>, %h: tensor<4xbf16>, %i: tensor<4xi64>) -> (tensor<4xf32>, tensor<4xbf16>, tensor<4xi64>, tensor<4xf32>, tensor<4xf32>) {
  %one = mlc.constant dense<1.0> : tensor<1xf32>
  %one_half = mlc.constant dense<1.0> : tensor<bf16>
  %one_int = mlc.constant dense<1> : tensor<i64>
  %0 = mlc.mul %one, %x : (tensor<1xf32>, tensor<4xf32>) -> tensor<4xf32>
  %1 = mlc.mul %h, %one_half : (tensor<4xbf16>, tensor<bf16>) -> tensor<4xbf16>
  %2 = mlc.div %i, %one_int : (tensor<4xi64>, tensor<i64>) -> tensor<4xi64>
  %3 = mlc.div %x, %one : (tensor<4xf32>, tensor<1xf32>) -> tensor<4xf32>
  %4 = mlc.pow %x, %one : (tensor<4xf32>, tensor<1xf32>) -> tensor<4xf32>
  // CHECK-NEXT: return %[[X]], %[[H]], %[[I]], %[[X]], %[[X]]
  return %0, %1, %2, %3, %4 : tensor<4xf32>, tensor<4xbf16>, tensor<4xi64>, tensor<4xf32>, tensor<4xf32>
}

// Not x: other values, one over x, a tensor of several values, and a shape that grows.
// CHECK-LABEL: func.func @not_times_one(
func.func @not_times_one(%x: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<3x2xf32>, tensor<2xf32>) {
  %one = mlc.constant dense<1.0> : tensor<f32>
  %two = mlc.constant dense<2.0> : tensor<f32>
  %mixed = mlc.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %ones = mlc.constant dense<1.0> : tensor<3x1xf32>
  // CHECK: mlc.mul
  %0 = mlc.mul %x, %two : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  // CHECK: mlc.div
  %1 = mlc.div %one, %x : (tensor<f32>, tensor<2xf32>) -> tensor<2xf32>
  // CHECK: mlc.div
  %2 = mlc.div %x, %mixed : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  // CHECK: mlc.mul {{.*}} -> tensor<3x2xf32>
  %3 = mlc.mul %x, %ones : (tensor<2xf32>, tensor<3x1xf32>) -> tensor<3x2xf32>
  // CHECK: mlc.pow
  %4 = mlc.pow %one, %x : (tensor<f32>, tensor<2xf32>) -> tensor<2xf32>
  return %0, %1, %2, %3, %4 : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<3x2xf32>, tensor<2xf32>
}

// CHECK-LABEL: func.func @cast(
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>
func.func @cast(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = mlc.cast %x to f32 : tensor<4xf32> -> tensor<4xf32>
  // A cast there and back loses bits: both stay.
  // CHECK-NEXT: %[[HALF:.*]] = mlc.cast %[[X]] to f16
  // CHECK-NEXT: %[[BACK:.*]] = mlc.cast %[[HALF]] to f32
  %1 = mlc.cast %x to f16 : tensor<4xf32> -> tensor<4xf16>
  %2 = mlc.cast %1 to f32 : tensor<4xf16> -> tensor<4xf32>
  // CHECK-NEXT: return %[[X]], %[[BACK]]
  return %0, %2 : tensor<4xf32>, tensor<4xf32>
}

// CHECK-LABEL: func.func @select(
// CHECK-SAME: %[[C:.*]]: tensor<4xi1>, %[[A:.*]]: tensor<4xf32>, %[[B:.*]]: tensor<4xf32>
func.func @select(%c: tensor<4xi1>, %a: tensor<4xf32>, %b: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %true = mlc.constant dense<true> : tensor<i1>
  %false = mlc.constant dense<false> : tensor<4xi1>
  %0 = mlc.select %true, %a, %b : (tensor<i1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %1 = mlc.select %false, %a, %b : (tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %2 = mlc.select %c, %a, %a : (tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  // CHECK-NEXT: return %[[A]], %[[B]], %[[A]]
  return %0, %1, %2 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// CHECK-LABEL: func.func @select_stays(
func.func @select_stays(%c: tensor<2x4xi1>, %a: tensor<4xf32>, %b: tensor<4xf32>) -> (tensor<2x4xf32>, tensor<4xf32>, tensor<3x4xf32>) {
  %mixed = mlc.constant dense<[true, false, true, false]> : tensor<4xi1>
  %true = mlc.constant dense<true> : tensor<3x1xi1>
  // CHECK: mlc.select {{.*}} -> tensor<2x4xf32>
  %0 = mlc.select %c, %a, %a : (tensor<2x4xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  // CHECK: mlc.select {{.*}} -> tensor<4xf32>
  %1 = mlc.select %mixed, %a, %b : (tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  // CHECK: mlc.select {{.*}} -> tensor<3x4xf32>
  %2 = mlc.select %true, %a, %b : (tensor<3x1xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<3x4xf32>
  return %0, %1, %2 : tensor<2x4xf32>, tensor<4xf32>, tensor<3x4xf32>
}

//===-- Transpose and reshape ----------------------------------------------------------------------------------===//

// CHECK-LABEL: func.func @transpose_identity(
// CHECK-SAME: %[[X:.*]]: tensor<4x8xf32>
func.func @transpose_identity(%x: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %0 = mlc.transpose %x {permutation = array<i64: 0, 1>} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = mlc.transpose %x {permutation = array<i64: 1, 0>} : (tensor<4x8xf32>) -> tensor<8x4xf32>
  %2 = mlc.transpose %1 {permutation = array<i64: 1, 0>} : (tensor<8x4xf32>) -> tensor<4x8xf32>
  // CHECK-NEXT: return %[[X]], %[[X]]
  return %0, %2 : tensor<4x8xf32>, tensor<4x8xf32>
}

// Two rotations of three dimensions are the third.
// CHECK-LABEL: func.func @transpose_compose(
func.func @transpose_compose(%x: tensor<2x3x4xf32>) -> tensor<4x2x3xf32> {
  %0 = mlc.transpose %x {permutation = array<i64: 1, 2, 0>} : (tensor<2x3x4xf32>) -> tensor<3x4x2xf32>
  // CHECK-NEXT: mlc.transpose %{{.*}} {permutation = array<i64: 2, 0, 1>} : (tensor<2x3x4xf32>) -> tensor<4x2x3xf32>
  // CHECK-NEXT: return
  %1 = mlc.transpose %0 {permutation = array<i64: 1, 2, 0>} : (tensor<3x4x2xf32>) -> tensor<4x2x3xf32>
  return %1 : tensor<4x2x3xf32>
}

// Only a dimension of size 1 moves.
// As some exporters transpose keys. The target must be split as the source was.
// CHECK-LABEL: func.func @transpose_in_batches(
func.func @transpose_in_batches(%x: tensor<2x3x4x5xf32>) -> (tensor<2x3x5x4xf32>, tensor<3x2x5x4xf32>) {
  %0 = mlc.reshape %x {shape = array<i64: 6, 4, 5>} : (tensor<2x3x4x5xf32>) -> tensor<6x4x5xf32>
  %1 = mlc.transpose %0 {permutation = array<i64: 0, 2, 1>} : (tensor<6x4x5xf32>) -> tensor<6x5x4xf32>
  // CHECK: mlc.transpose %{{.*}} {permutation = array<i64: 0, 1, 3, 2>} : (tensor<2x3x4x5xf32>) -> tensor<2x3x5x4xf32>
  %2 = mlc.reshape %1 {shape = array<i64: 2, 3, 5, 4>} : (tensor<6x5x4xf32>) -> tensor<2x3x5x4xf32>
  %3 = mlc.transpose %0 {permutation = array<i64: 0, 2, 1>} : (tensor<6x4x5xf32>) -> tensor<6x5x4xf32>
  // CHECK: mlc.reshape %{{.*}} {shape = array<i64: 3, 2, 5, 4>}
  %4 = mlc.reshape %3 {shape = array<i64: 3, 2, 5, 4>} : (tensor<6x5x4xf32>) -> tensor<3x2x5x4xf32>
  return %2, %4 : tensor<2x3x5x4xf32>, tensor<3x2x5x4xf32>
}

// CHECK-LABEL: func.func @transpose_to_reshape(
func.func @transpose_to_reshape(%x: tensor<4x1x8xf32>) -> (tensor<1x4x8xf32>, tensor<8x1x4xf32>) {
  // CHECK-NEXT: mlc.reshape %{{.*}} {shape = array<i64: 1, 4, 8>}
  %0 = mlc.transpose %x {permutation = array<i64: 1, 0, 2>} : (tensor<4x1x8xf32>) -> tensor<1x4x8xf32>
  // CHECK-NEXT: mlc.transpose %{{.*}} {permutation = array<i64: 2, 1, 0>}
  %1 = mlc.transpose %x {permutation = array<i64: 2, 1, 0>} : (tensor<4x1x8xf32>) -> tensor<8x1x4xf32>
  return %0, %1 : tensor<1x4x8xf32>, tensor<8x1x4xf32>
}

// CHECK-LABEL: func.func @reshape(
// CHECK-SAME: %[[X:.*]]: tensor<4x8xf32>
func.func @reshape(%x: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>, tensor<2x16xf32>) {
  %0 = mlc.reshape %x {shape = array<i64: 4, 8>} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = mlc.reshape %x {shape = array<i64: 32>} : (tensor<4x8xf32>) -> tensor<32xf32>
  %2 = mlc.reshape %1 {shape = array<i64: 4, 8>} : (tensor<32xf32>) -> tensor<4x8xf32>
  // CHECK-NEXT: %[[R:.*]] = mlc.reshape %[[X]] {shape = array<i64: 2, 16>} : (tensor<4x8xf32>) -> tensor<2x16xf32>
  %3 = mlc.reshape %1 {shape = array<i64: 2, 16>} : (tensor<32xf32>) -> tensor<2x16xf32>
  // CHECK-NEXT: return %[[X]], %[[X]], %[[R]]
  return %0, %2, %3 : tensor<4x8xf32>, tensor<4x8xf32>, tensor<2x16xf32>
}

// The inner reshape stays where it has another user.
// CHECK-LABEL: func.func @reshape_shared(
// CHECK-SAME: %[[X:.*]]: tensor<4x8xf32>
func.func @reshape_shared(%x: tensor<4x8xf32>) -> (tensor<32xf32>, tensor<2x16xf32>) {
  // CHECK-DAG: mlc.reshape %[[X]] {shape = array<i64: 32>}
  %0 = mlc.reshape %x {shape = array<i64: 32>} : (tensor<4x8xf32>) -> tensor<32xf32>
  // CHECK-DAG: mlc.reshape %[[X]] {shape = array<i64: 2, 16>}
  %1 = mlc.reshape %0 {shape = array<i64: 2, 16>} : (tensor<32xf32>) -> tensor<2x16xf32>
  return %0, %1 : tensor<32xf32>, tensor<2x16xf32>
}

//===-- Constants ------------------------------------------------------------------------------------------------===//

// Movements of a constant whose elements are all equal are constants; a reshape of any constant is one.
// CHECK-LABEL: func.func @constants(
func.func @constants() -> (tensor<8x4xf32>, tensor<2x2xi64>, tensor<3x4x8xf32>, tensor<2x2xf32>) {
  %splat = mlc.constant dense<3.0> : tensor<4x8xf32>
  %table = mlc.constant dense<[1, 2, 3, 4]> : tensor<4xi64>
  %0 = mlc.transpose %splat {permutation = array<i64: 1, 0>} : (tensor<4x8xf32>) -> tensor<8x4xf32>
  %1 = mlc.reshape %table {shape = array<i64: 2, 2>} : (tensor<4xi64>) -> tensor<2x2xi64>
  %2 = mlc.broadcast %splat {shape = array<i64: 3, 4, 8>} : (tensor<4x8xf32>) -> tensor<3x4x8xf32>
  %3 = mlc.slice %splat {offsets = array<i64: 1, 1>, sizes = array<i64: 2, 2>, strides = array<i64: 1, 3>} : (tensor<4x8xf32>) -> tensor<2x2xf32>
  // CHECK-DAG: %[[T:.*]] = mlc.constant dense<3.000000e+00> : tensor<8x4xf32>
  // CHECK-DAG: %[[R:.*]] = mlc.constant dense<{{\[\[}}1, 2], [3, 4]]> : tensor<2x2xi64>
  // CHECK-DAG: %[[B:.*]] = mlc.constant dense<3.000000e+00> : tensor<3x4x8xf32>
  // CHECK-DAG: %[[S:.*]] = mlc.constant dense<3.000000e+00> : tensor<2x2xf32>
  // CHECK-NEXT: return %[[T]], %[[R]], %[[B]], %[[S]]
  return %0, %1, %2, %3 : tensor<8x4xf32>, tensor<2x2xi64>, tensor<3x4x8xf32>, tensor<2x2xf32>
}

// CHECK-LABEL: func.func @constants_stay(
func.func @constants_stay() -> (tensor<2x2xi64>, tensor<2x4xi64>, tensor<2xi64>) {
  %matrix = mlc.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi64>
  %table = mlc.constant dense<[1, 2, 3, 4]> : tensor<4xi64>
  // CHECK: mlc.transpose
  %0 = mlc.transpose %matrix {permutation = array<i64: 1, 0>} : (tensor<2x2xi64>) -> tensor<2x2xi64>
  // CHECK: mlc.broadcast
  %1 = mlc.broadcast %table {shape = array<i64: 2, 4>} : (tensor<4xi64>) -> tensor<2x4xi64>
  // CHECK: mlc.slice
  %2 = mlc.slice %table {offsets = array<i64: 1>, sizes = array<i64: 2>, strides = array<i64: 1>} : (tensor<4xi64>) -> tensor<2xi64>
  return %0, %1, %2 : tensor<2x2xi64>, tensor<2x4xi64>, tensor<2xi64>
}

// A splat of no elements.
// CHECK-LABEL: func.func @empty_constants(
func.func @empty_constants() -> (tensor<0xf32>, tensor<0x4xf32>) {
  %splat = mlc.constant dense<3.0> : tensor<1xf32>
  %four = mlc.constant dense<3.0> : tensor<1x4xf32>
  // CHECK-DAG: mlc.constant dense<{{.*}}> : tensor<0xf32>
  %0 = mlc.slice %splat {offsets = array<i64: 0>, sizes = array<i64: 0>, strides = array<i64: 1>} : (tensor<1xf32>) -> tensor<0xf32>
  // CHECK-DAG: mlc.constant dense<{{.*}}> : tensor<0x4xf32>
  %1 = mlc.broadcast %four {shape = array<i64: 0, 4>} : (tensor<1x4xf32>) -> tensor<0x4xf32>
  return %0, %1 : tensor<0xf32>, tensor<0x4xf32>
}

//===-- Movements that move nothing --------------------------------------------------------------------------------===//

// CHECK-LABEL: func.func @whole(
// CHECK-SAME: %[[X:.*]]: tensor<4x1xf32>
func.func @whole(%x: tensor<4x1xf32>) -> (tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>) {
  %0 = mlc.broadcast %x {shape = array<i64: 4, 1>} : (tensor<4x1xf32>) -> tensor<4x1xf32>
  %1 = mlc.slice %x {offsets = array<i64: 0, 0>, sizes = array<i64: 4, 1>, strides = array<i64: 1, 1>} : (tensor<4x1xf32>) -> tensor<4x1xf32>
  // One element has no direction.
  %2 = mlc.slice %x {offsets = array<i64: 0, 0>, sizes = array<i64: 4, 1>, strides = array<i64: 1, -1>} : (tensor<4x1xf32>) -> tensor<4x1xf32>
  %3 = mlc.concat %x {axis = 0 : i64} : (tensor<4x1xf32>) -> tensor<4x1xf32>
  %4 = mlc.pad %x {high = array<i64: 0, 0>, low = array<i64: 0, 0>, value = 1.0 : f64} : (tensor<4x1xf32>) -> tensor<4x1xf32>
  // CHECK-NEXT: return %[[X]], %[[X]], %[[X]], %[[X]], %[[X]]
  return %0, %1, %2, %3, %4 : tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>
}

// A reversal has the operand's type and is no identity.
// CHECK-LABEL: func.func @moves(
func.func @moves(%x: tensor<4x1xf32>) -> (tensor<4x1xf32>, tensor<4x3xf32>, tensor<8x1xf32>, tensor<4x2xf32>) {
  // CHECK: mlc.slice
  %0 = mlc.slice %x {offsets = array<i64: 3, 0>, sizes = array<i64: 4, 1>, strides = array<i64: -1, 1>} : (tensor<4x1xf32>) -> tensor<4x1xf32>
  // CHECK: mlc.broadcast
  %1 = mlc.broadcast %x {shape = array<i64: 4, 3>} : (tensor<4x1xf32>) -> tensor<4x3xf32>
  // CHECK: mlc.concat
  %2 = mlc.concat %x, %x {axis = 0 : i64} : (tensor<4x1xf32>, tensor<4x1xf32>) -> tensor<8x1xf32>
  // CHECK: mlc.pad
  %3 = mlc.pad %x {high = array<i64: 0, 1>, low = array<i64: 0, 0>, value = 0.0 : f64} : (tensor<4x1xf32>) -> tensor<4x2xf32>
  return %0, %1, %2, %3 : tensor<4x1xf32>, tensor<4x3xf32>, tensor<8x1xf32>, tensor<4x2xf32>
}

// Ops without a user go: all are pure.
// CHECK-LABEL: func.func @dead(
func.func @dead(%x: tensor<4x4xf32>) {
  %0 = mlc.matmul %x, %x : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = mlc.fused elementwise (%a = %0) : (tensor<4x4xf32>) -> tensor<4x4xf32> {
    %2 = mlc.exp %a : (tensor<4x4xf32>) -> tensor<4x4xf32>
    mlc.yield %2 : tensor<4x4xf32>
  }
  // CHECK-NEXT: return
  return
}

//===-- Gathers by known indices -------------------------------------------------------------------------------===//

// A row, rows in steps, and a row repeated.
// CHECK-LABEL: func.func @gather_known(
func.func @gather_known(%x: tensor<2x9x4xf32>) -> (tensor<2x4xf32>, tensor<2x2x2x4xf32>, tensor<2x3x4xf32>) {
  %last = mlc.constant dense<-1> : tensor<i64>
  %steps = mlc.constant dense<[[7, 5], [3, 1]]> : tensor<2x2xi64>
  %same = mlc.constant dense<4> : tensor<3xi64>
  // CHECK: %[[A:.*]] = mlc.slice %{{.*}} {offsets = array<i64: 0, 8, 0>, sizes = array<i64: 2, 1, 4>, strides = array<i64: 1, 1, 1>}
  // CHECK: %[[A0:.*]] = mlc.reshape %[[A]] {shape = array<i64: 2, 4>}
  %0 = mlc.gather %x, %last {axis = 1 : i64} : (tensor<2x9x4xf32>, tensor<i64>) -> tensor<2x4xf32>
  // CHECK: %[[B:.*]] = mlc.slice %{{.*}} {offsets = array<i64: 0, 7, 0>, sizes = array<i64: 2, 4, 4>, strides = array<i64: 1, -2, 1>}
  // CHECK: %[[B0:.*]] = mlc.reshape %[[B]] {shape = array<i64: 2, 2, 2, 4>}
  %1 = mlc.gather %x, %steps {axis = 1 : i64} : (tensor<2x9x4xf32>, tensor<2x2xi64>) -> tensor<2x2x2x4xf32>
  // CHECK: %[[C:.*]] = mlc.slice %{{.*}} {offsets = array<i64: 0, 4, 0>, sizes = array<i64: 2, 1, 4>, strides = array<i64: 1, 1, 1>}
  // CHECK: %[[C0:.*]] = mlc.broadcast %[[C]] {shape = array<i64: 2, 3, 4>}
  %2 = mlc.gather %x, %same {axis = 1 : i64} : (tensor<2x9x4xf32>, tensor<3xi64>) -> tensor<2x3x4xf32>
  // CHECK: return %[[A0]], %[[B0]], %[[C0]]
  return %0, %1, %2 : tensor<2x4xf32>, tensor<2x2x2x4xf32>, tensor<2x3x4xf32>
}

// No progression; an index outside, which the run reports; indices of the run; no index at all.
// CHECK-LABEL: func.func @gather_stays(
// CHECK-COUNT-4: mlc.gather
func.func @gather_stays(%x: tensor<9xf32>, %i: tensor<2xi64>) -> (tensor<3xf32>, tensor<2xf32>, tensor<2xf32>, tensor<0xf32>) {
  %uneven = mlc.constant dense<[0, 1, 3]> : tensor<3xi64>
  %outside = mlc.constant dense<[8, 9]> : tensor<2xi64>
  %none = mlc.constant dense<> : tensor<0xi64>
  %0 = mlc.gather %x, %uneven {axis = 0 : i64} : (tensor<9xf32>, tensor<3xi64>) -> tensor<3xf32>
  %1 = mlc.gather %x, %outside {axis = 0 : i64} : (tensor<9xf32>, tensor<2xi64>) -> tensor<2xf32>
  %2 = mlc.gather %x, %i {axis = 0 : i64} : (tensor<9xf32>, tensor<2xi64>) -> tensor<2xf32>
  %3 = mlc.gather %x, %none {axis = 0 : i64} : (tensor<9xf32>, tensor<0xi64>) -> tensor<0xf32>
  return %0, %1, %2, %3 : tensor<3xf32>, tensor<2xf32>, tensor<2xf32>, tensor<0xf32>
}
