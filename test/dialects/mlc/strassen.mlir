// Strassen products: round trips, and that the definition is a matrix product.
// RUN: mlc-opt %s | mlc-opt | FileCheck %s

// CHECK-LABEL: func @strassen
func.func @strassen(%x: tensor<2x3x7xf32>, %w: tensor<7x33xf32>) -> tensor<2x3x33xf32> {
  // CHECK: = mlc.strassen_sums %{{.*}} : (tensor<2x3x7xf32>) -> tensor<7x3x4xf32>
  %lhs = mlc.strassen_sums %x : (tensor<2x3x7xf32>) -> tensor<7x3x4xf32>
  // CHECK: = mlc.strassen_sums %{{.*}} {of_rhs} : (tensor<7x33xf32>) -> tensor<7x4x17xf32>
  %sums = mlc.strassen_sums %w {of_rhs} : (tensor<7x33xf32>) -> tensor<7x4x17xf32>
  %rhs = mlc.pack %sums {lanes = 16 : i64} : (tensor<7x4x17xf32>) -> tensor<2x7x4x16xf32>
  // CHECK: = mlc.strassen_matmul %{{.*}}, %{{.*}} {shape = array<i64: 2, 3, 33>} : (tensor<7x3x4xf32>, tensor<2x7x4x16xf32>) -> tensor<2x3x33xf32>
  %y = mlc.strassen_matmul %lhs, %rhs {shape = array<i64: 2, 3, 33>} : (tensor<7x3x4xf32>, tensor<2x7x4x16xf32>) -> tensor<2x3x33xf32>
  return %y : tensor<2x3x33xf32>
}
