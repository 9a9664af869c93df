// RUN: mlc-opt %s --mlc-recover-gelu --canonicalize | FileCheck %s
// RUN: mlc-opt %s --mlc-recover-gelu --canonicalize --compare-with=%s

// x * 0.5 * (1 + erf(x / sqrt(2))), as torch.onnx writes it.
// CHECK-LABEL: func @erf_div
// CHECK-SAME: (%[[X:.*]]: tensor
// CHECK-NEXT: %[[Y:.*]] = mlc.gelu %[[X]] :
// CHECK-NEXT: return %[[Y]]
func.func @erf_div(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %half = mlc.constant dense<0.5> : tensor<f32>
  %one = mlc.constant dense<1.0> : tensor<f32>
  %sqrt2 = mlc.constant dense<1.41421354> : tensor<f32>
  %0 = mlc.div %x, %sqrt2 : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %1 = mlc.erf %0 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = mlc.add %1, %one : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %3 = mlc.mul %x, %2 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %4 = mlc.mul %3, %half : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  return %4 : tensor<4x8xf32>
}

// (0.5 * (1 + erf(x * 0.7071))) * x, as TensorFlow's exporter writes it.
// CHECK-LABEL: func @erf_mul
// CHECK-SAME: (%[[X:.*]]: tensor
// CHECK-NEXT: %[[Y:.*]] = mlc.gelu %[[X]] :
// CHECK-NEXT: return %[[Y]]
func.func @erf_mul(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %half = mlc.constant dense<0.5> : tensor<1x1xf32>
  %one = mlc.constant dense<1.0> : tensor<f32>
  %r = mlc.constant dense<0.707106769> : tensor<f32>
  %0 = mlc.mul %r, %x : (tensor<f32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = mlc.erf %0 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = mlc.add %one, %1 : (tensor<f32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %3 = mlc.mul %half, %2 : (tensor<1x1xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %4 = mlc.mul %3, %x : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %4 : tensor<4x8xf32>
}

// CHECK-LABEL: func @tanh
// CHECK-SAME: (%[[X:.*]]: tensor
// CHECK-NEXT: %[[Y:.*]] = mlc.gelu %[[X]] {tanh_approximation}
// CHECK-NEXT: return %[[Y]]
func.func @tanh(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %half = mlc.constant dense<0.5> : tensor<f32>
  %one = mlc.constant dense<1.0> : tensor<f32>
  %three = mlc.constant dense<3.0> : tensor<f32>
  %cubic = mlc.constant dense<4.471500e-02> : tensor<f32>
  %c = mlc.constant dense<0.797884583> : tensor<f32>
  %0 = mlc.pow %x, %three : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %1 = mlc.mul %0, %cubic : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %2 = mlc.add %x, %1 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %3 = mlc.mul %2, %c : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %4 = mlc.tanh %3 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %5 = mlc.add %4, %one : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %6 = mlc.mul %x, %half : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %7 = mlc.mul %6, %5 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %7 : tensor<4x8xf32>
}

// sqrt(2/pi) * x * (1 + 0.044715 x^2), as some exporters write the argument.
// CHECK-LABEL: func @tanh_factored
// CHECK: mlc.gelu %{{.*}} {tanh_approximation}
func.func @tanh_factored(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %half = mlc.constant dense<0.5> : tensor<f32>
  %one = mlc.constant dense<1.0> : tensor<f32>
  %cubic = mlc.constant dense<4.471500e-02> : tensor<f32>
  %c = mlc.constant dense<0.797884583> : tensor<f32>
  %0 = mlc.mul %x, %x : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = mlc.mul %0, %cubic : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %2 = mlc.add %1, %one : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %3 = mlc.mul %x, %c : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %4 = mlc.mul %3, %2 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %5 = mlc.tanh %4 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %6 = mlc.add %5, %one : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %7 = mlc.mul %x, %6 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %8 = mlc.mul %7, %half : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  return %8 : tensor<4x8xf32>
}

// The argument's scale is not 1/sqrt(2): this is another function.
// CHECK-LABEL: func @other_scale
// CHECK-NOT: mlc.gelu
// CHECK: mlc.erf
func.func @other_scale(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %half = mlc.constant dense<0.5> : tensor<f32>
  %one = mlc.constant dense<1.0> : tensor<f32>
  %r = mlc.constant dense<0.7072> : tensor<f32>
  %0 = mlc.mul %x, %r : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %1 = mlc.erf %0 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = mlc.add %1, %one : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %3 = mlc.mul %x, %2 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %4 = mlc.mul %3, %half : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  return %4 : tensor<4x8xf32>
}

// x and the argument of erf differ.
// CHECK-LABEL: func @other_argument
// CHECK-NOT: mlc.gelu
// CHECK: mlc.erf
func.func @other_argument(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %half = mlc.constant dense<0.5> : tensor<f32>
  %one = mlc.constant dense<1.0> : tensor<f32>
  %sqrt2 = mlc.constant dense<1.41421354> : tensor<f32>
  %0 = mlc.div %y, %sqrt2 : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %1 = mlc.erf %0 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = mlc.add %1, %one : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %3 = mlc.mul %x, %2 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %4 = mlc.mul %3, %half : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  return %4 : tensor<4x8xf32>
}
