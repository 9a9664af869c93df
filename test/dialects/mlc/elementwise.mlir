// Elementwise ops as they print, parsed again.
// RUN: mlc-opt %s | mlc-opt | FileCheck %s

// CHECK-LABEL: func.func @unary
func.func @unary(%x: tensor<4x8xf32>, %i: tensor<4xi32>, %b: tensor<4xi1>) {
  // CHECK: = mlc.abs %{{.*}} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %abs = mlc.abs %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  // CHECK: = mlc.abs %{{.*}} : (tensor<4xi32>) -> tensor<4xi32>
  %abs_int = mlc.abs %i : (tensor<4xi32>) -> tensor<4xi32>
  // CHECK: = mlc.neg %{{.*}} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %neg = mlc.neg %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  // CHECK: = mlc.sign %{{.*}} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %sign = mlc.sign %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  // CHECK: = mlc.exp %{{.*}} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %exp = mlc.exp %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  // CHECK: = mlc.log %{{.*}} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %log = mlc.log %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  // CHECK: = mlc.sqrt %{{.*}} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %sqrt = mlc.sqrt %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  // CHECK: = mlc.rsqrt %{{.*}} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %rsqrt = mlc.rsqrt %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  // CHECK: = mlc.reciprocal %{{.*}} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %reciprocal = mlc.reciprocal %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  // CHECK: = mlc.sin %{{.*}} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %sin = mlc.sin %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  // CHECK: = mlc.cos %{{.*}} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %cos = mlc.cos %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  // CHECK: = mlc.tanh %{{.*}} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %tanh = mlc.tanh %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  // CHECK: = mlc.erf %{{.*}} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %erf = mlc.erf %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  // CHECK: = mlc.sigmoid %{{.*}} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %sigmoid = mlc.sigmoid %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  // CHECK: = mlc.softplus %{{.*}} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %softplus = mlc.softplus %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  // CHECK: = mlc.floor %{{.*}} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %floor = mlc.floor %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  // CHECK: = mlc.ceil %{{.*}} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %ceil = mlc.ceil %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  // CHECK: = mlc.round %{{.*}} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %round = mlc.round %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  // CHECK: = mlc.relu %{{.*}} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %relu = mlc.relu %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  // CHECK: = mlc.not %{{.*}} : (tensor<4xi1>) -> tensor<4xi1>
  %not = mlc.not %b : (tensor<4xi1>) -> tensor<4xi1>
  // CHECK: = mlc.is_nan %{{.*}} : (tensor<4x8xf32>) -> tensor<4x8xi1>
  %is_nan = mlc.is_nan %x : (tensor<4x8xf32>) -> tensor<4x8xi1>
  // CHECK: = mlc.is_inf %{{.*}} : (tensor<4x8xf32>) -> tensor<4x8xi1>
  %is_inf = mlc.is_inf %x : (tensor<4x8xf32>) -> tensor<4x8xi1>
  return
}

// CHECK-LABEL: func.func @attributes
func.func @attributes(%x: tensor<4xf32>, %i: tensor<4xi64>) {
  // CHECK: = mlc.gelu %{{.*}} : (tensor<4xf32>) -> tensor<4xf32>
  %gelu = mlc.gelu %x : (tensor<4xf32>) -> tensor<4xf32>
  // CHECK: = mlc.gelu %{{.*}} {tanh_approximation} : (tensor<4xf32>) -> tensor<4xf32>
  %gelu_tanh = mlc.gelu %x {tanh_approximation} : (tensor<4xf32>) -> tensor<4xf32>
  // CHECK: = mlc.leaky_relu %{{.*}} {alpha = 1.000000e-02 : f64} : (tensor<4xf32>) -> tensor<4xf32>
  %leaky_relu = mlc.leaky_relu %x {alpha = 1.000000e-02 : f64} : (tensor<4xf32>) -> tensor<4xf32>
  // CHECK: = mlc.elu %{{.*}} {alpha = 1.000000e+00 : f64} : (tensor<4xf32>) -> tensor<4xf32>
  %elu = mlc.elu %x {alpha = 1.000000e+00 : f64} : (tensor<4xf32>) -> tensor<4xf32>
  // CHECK: = mlc.hard_sigmoid %{{.*}} {alpha = 2.000000e-01 : f64, beta = 5.000000e-01 : f64} : (tensor<4xf32>) -> tensor<4xf32>
  %hard_sigmoid = mlc.hard_sigmoid %x {alpha = 2.000000e-01 : f64, beta = 5.000000e-01 : f64} : (tensor<4xf32>) -> tensor<4xf32>
  %zero_point = mlc.constant dense<3> : tensor<ui8>
  // CHECK: = mlc.quantize %{{.*}}, %{{.*}} : (tensor<4xf32>, tensor<ui8>) -> tensor<4xui8>
  %quantized = mlc.quantize %x, %zero_point : (tensor<4xf32>, tensor<ui8>) -> tensor<4xui8>
  // CHECK: = mlc.clamp %{{.*}} {high = 6.000000e+00 : f64, low = 0.000000e+00 : f64} : (tensor<4xf32>) -> tensor<4xf32>
  %relu6 = mlc.clamp %x {high = 6.000000e+00 : f64, low = 0.000000e+00 : f64} : (tensor<4xf32>) -> tensor<4xf32>
  // CHECK: = mlc.clamp %{{.*}} {low = 0.000000e+00 : f64} : (tensor<4xi64>) -> tensor<4xi64>
  %at_least = mlc.clamp %i {low = 0.000000e+00 : f64} : (tensor<4xi64>) -> tensor<4xi64>
  // CHECK: = mlc.cast %{{.*}} to f32 : tensor<4xi64> -> tensor<4xf32>
  %cast = mlc.cast %i to f32 : tensor<4xi64> -> tensor<4xf32>
  // CHECK: = mlc.cast %{{.*}} to i1 : tensor<4xf32> -> tensor<4xi1>
  %to_bool = mlc.cast %x to i1 : tensor<4xf32> -> tensor<4xi1>
  return
}

// CHECK-LABEL: func.func @binary
func.func @binary(%x: tensor<4x8xf32>, %row: tensor<8xf32>, %i: tensor<4xui8>, %b: tensor<4xi1>, %s: tensor<i1>) {
  // CHECK: = mlc.add %{{.*}}, %{{.*}} : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  %add = mlc.add %x, %row : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  // CHECK: = mlc.sub %{{.*}}, %{{.*}} : (tensor<8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %sub = mlc.sub %row, %x : (tensor<8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  // CHECK: = mlc.mul %{{.*}}, %{{.*}} : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  %mul = mlc.mul %i, %i : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  // CHECK: = mlc.div %{{.*}}, %{{.*}} : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %div = mlc.div %x, %x : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  // CHECK: = mlc.rem %{{.*}}, %{{.*}} : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  %rem = mlc.rem %x, %row : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  // CHECK: = mlc.pow %{{.*}}, %{{.*}} : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  %pow = mlc.pow %x, %row : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  // CHECK: = mlc.max %{{.*}}, %{{.*}} : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  %max = mlc.max %x, %row : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  // CHECK: = mlc.min %{{.*}}, %{{.*}} : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  %min = mlc.min %x, %row : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  // CHECK: = mlc.and %{{.*}}, %{{.*}} : (tensor<4xi1>, tensor<i1>) -> tensor<4xi1>
  %and = mlc.and %b, %s : (tensor<4xi1>, tensor<i1>) -> tensor<4xi1>
  // CHECK: = mlc.or %{{.*}}, %{{.*}} : (tensor<4xi1>, tensor<i1>) -> tensor<4xi1>
  %or = mlc.or %b, %s : (tensor<4xi1>, tensor<i1>) -> tensor<4xi1>
  // CHECK: = mlc.xor %{{.*}}, %{{.*}} : (tensor<4xi1>, tensor<i1>) -> tensor<4xi1>
  %xor = mlc.xor %b, %s : (tensor<4xi1>, tensor<i1>) -> tensor<4xi1>
  return
}

// CHECK-LABEL: func.func @bits
func.func @bits(%a: tensor<4x8xui16>, %b: tensor<8xui16>, %i: tensor<4xi8>) {
  // CHECK: = mlc.shift_left %{{.*}}, %{{.*}} : (tensor<4x8xui16>, tensor<8xui16>) -> tensor<4x8xui16>
  %left = mlc.shift_left %a, %b : (tensor<4x8xui16>, tensor<8xui16>) -> tensor<4x8xui16>
  // CHECK: = mlc.shift_right %{{.*}}, %{{.*}} : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  %right = mlc.shift_right %i, %i : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  // CHECK: = mlc.xor %{{.*}}, %{{.*}} : (tensor<4x8xui16>, tensor<8xui16>) -> tensor<4x8xui16>
  %xor_bits = mlc.xor %a, %b : (tensor<4x8xui16>, tensor<8xui16>) -> tensor<4x8xui16>
  // CHECK: = mlc.not %{{.*}} : (tensor<4xi8>) -> tensor<4xi8>
  %not_bits = mlc.not %i : (tensor<4xi8>) -> tensor<4xi8>
  return
}

// Both operands stretch, and the result has the higher rank.
// CHECK-LABEL: func.func @broadcast_both
func.func @broadcast_both(%column: tensor<4x1xf64>, %row: tensor<8xf64>, %empty: tensor<0xf64>, %one: tensor<1xf64>) {
  // CHECK: = mlc.mul %{{.*}}, %{{.*}} : (tensor<4x1xf64>, tensor<8xf64>) -> tensor<4x8xf64>
  %outer = mlc.mul %column, %row : (tensor<4x1xf64>, tensor<8xf64>) -> tensor<4x8xf64>
  // CHECK: = mlc.add %{{.*}}, %{{.*}} : (tensor<0xf64>, tensor<1xf64>) -> tensor<0xf64>
  %none = mlc.add %empty, %one : (tensor<0xf64>, tensor<1xf64>) -> tensor<0xf64>
  return
}

// CHECK-LABEL: func.func @choice
func.func @choice(%x: tensor<4xf32>, %y: tensor<1xf32>, %c: tensor<2x1xi1>) {
  // CHECK: = mlc.compare eq %{{.*}}, %{{.*}} : (tensor<4xf32>, tensor<1xf32>) -> tensor<4xi1>
  %eq = mlc.compare eq %x, %y : (tensor<4xf32>, tensor<1xf32>) -> tensor<4xi1>
  // CHECK: = mlc.compare ne %{{.*}}, %{{.*}} : (tensor<4xf32>, tensor<1xf32>) -> tensor<4xi1>
  %ne = mlc.compare ne %x, %y : (tensor<4xf32>, tensor<1xf32>) -> tensor<4xi1>
  // CHECK: = mlc.compare lt %{{.*}}, %{{.*}} : (tensor<4xf32>, tensor<1xf32>) -> tensor<4xi1>
  %lt = mlc.compare lt %x, %y : (tensor<4xf32>, tensor<1xf32>) -> tensor<4xi1>
  // CHECK: = mlc.compare le %{{.*}}, %{{.*}} : (tensor<4xf32>, tensor<1xf32>) -> tensor<4xi1>
  %le = mlc.compare le %x, %y : (tensor<4xf32>, tensor<1xf32>) -> tensor<4xi1>
  // CHECK: = mlc.compare gt %{{.*}}, %{{.*}} : (tensor<4xf32>, tensor<1xf32>) -> tensor<4xi1>
  %gt = mlc.compare gt %x, %y : (tensor<4xf32>, tensor<1xf32>) -> tensor<4xi1>
  // CHECK: = mlc.compare ge %{{.*}}, %{{.*}} : (tensor<4xf32>, tensor<1xf32>) -> tensor<4xi1>
  %ge = mlc.compare ge %x, %y : (tensor<4xf32>, tensor<1xf32>) -> tensor<4xi1>
  // CHECK: = mlc.select %{{.*}}, %{{.*}}, %{{.*}} : (tensor<2x1xi1>, tensor<4xf32>, tensor<1xf32>) -> tensor<2x4xf32>
  %select = mlc.select %c, %x, %y : (tensor<2x1xi1>, tensor<4xf32>, tensor<1xf32>) -> tensor<2x4xf32>
  return
}
