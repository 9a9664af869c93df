// RUN: mlc-opt %s --mlc-fold-constants | FileCheck %s
// RUN: not mlc-opt %s --mlc-fold-constants --compare-with=%s 2>&1 | FileCheck %s --check-prefix=MESSAGE

// MESSAGE: mlc.gather at {{.*}}fold_constants_error.mlir{{.*}}index 7 at position 0 is outside of [-2, 2), the indices of dimension 0 of the data
// An index out of range is an error of the run, not of the compiler.
// CHECK-LABEL: func @out_of_range
// CHECK: mlc.gather
func.func @out_of_range() -> tensor<1xf32> {
  %t = mlc.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %i = mlc.constant dense<[7]> : tensor<1xi64>
  %r = mlc.gather %t, %i {axis = 0 : i64} : (tensor<2xf32>, tensor<1xi64>) -> tensor<1xf32>
  return %r : tensor<1xf32>
}
