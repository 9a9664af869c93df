// RUN: mlc-opt %s --mlc-fold-constants | FileCheck %s
// RUN: mlc-opt %s --pass-pipeline='builtin.module(mlc-fold-constants{max-elements=2})' | FileCheck %s --check-prefix=LIMIT
// RUN: mlc-opt %s --mlc-fold-constants --compare-with=%s
// RUN: mlc-opt %s --pass-pipeline='builtin.module(mlc-fold-constants{max-elements=2})' --compare-with=%s

// A chain folds in one run, and what it needed is gone.
// CHECK-LABEL: func @chain
// CHECK-NEXT: %[[C:.*]] = mlc.constant dense<[3.000000e+00, 5.000000e+00, 1.000000e+00]> : tensor<3xf32>
// CHECK-NEXT: return %[[C]]
// LIMIT-LABEL: func @chain
// LIMIT: mlc.sqrt
// LIMIT: mlc.add
func.func @chain() -> tensor<3xf32> {
  %a = mlc.constant dense<[4.0, 16.0, 0.0]> : tensor<3xf32>
  %one = mlc.constant dense<1.0> : tensor<f32>
  %s = mlc.sqrt %a : (tensor<3xf32>) -> tensor<3xf32>
  %r = mlc.add %s, %one : (tensor<3xf32>, tensor<f32>) -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// CHECK-LABEL: func @types
// CHECK-NEXT: %[[L:.*]] = mlc.constant dense<[true, false]> : tensor<2xi1>
// CHECK-NEXT: %[[I:.*]] = mlc.constant dense<[3, -4]> : tensor<2xi64>
// CHECK-NEXT: return %[[L]], %[[I]]
func.func @types() -> (tensor<2xi1>, tensor<2xi64>) {
  %a = mlc.constant dense<[1, 5]> : tensor<2xi32>
  %b = mlc.constant dense<[2, 4]> : tensor<2xi32>
  %f = mlc.constant dense<[3.5, -4.5]> : tensor<2xf32>
  %l = mlc.compare lt %a, %b : (tensor<2xi32>, tensor<2xi32>) -> tensor<2xi1>
  %i = mlc.cast %f to i64 : tensor<2xf32> -> tensor<2xi64>
  return %l, %i : tensor<2xi1>, tensor<2xi64>
}

// CHECK-LABEL: func @input
// CHECK: mlc.add
func.func @input(%x: tensor<2xf32>) -> tensor<2xf32> {
  %t = mlc.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %r = mlc.add %x, %t : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return %r : tensor<2xf32>
}
