// The lowering is of kernel functions: what belongs to the program around them has none.
// RUN: mlc-opt %s --convert-mlc-to-linalg --verify-diagnostics

mlc.param @w : tensor<4xf32> = dense<1.0> : tensor<4xf32>
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{'mlc.load_param' op has no lowering to linalg}}
  %w = mlc.load_param @w : tensor<4xf32>
  %0 = mlc.add %x, %w : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
