// Constants, parameters, variables and fused regions, as they print, parsed again.
// RUN: mlc-opt %s | mlc-opt | FileCheck %s

// CHECK: mlc.param @file : tensor<8x16xf32> = #mlc.file<"model.safetensors", 1024>
mlc.param @file : tensor<8x16xf32> = #mlc.file<"model.safetensors", 1024>
// CHECK: mlc.param @zeros : tensor<4xf32> = #mlc.seeded<0, zeros, 0.000000e+00 : f64, 0.000000e+00 : f64>
mlc.param @zeros : tensor<4xf32> = #mlc.seeded<0, zeros, 0.000000e+00 : f64, 0.000000e+00 : f64>
// CHECK: mlc.param @ones : tensor<4xf32> = #mlc.seeded<0, ones, 0.000000e+00 : f64, 0.000000e+00 : f64>
mlc.param @ones : tensor<4xf32> = #mlc.seeded<0, ones, 0.000000e+00 : f64, 0.000000e+00 : f64>
// CHECK: mlc.param @normal : tensor<4xf32> = #mlc.seeded<42, normal, 0.000000e+00 : f64, 2.000000e-02 : f64>
mlc.param @normal : tensor<4xf32> = #mlc.seeded<42, normal, 0.000000e+00 : f64, 2.000000e-02 : f64>
// CHECK: mlc.param @uniform : tensor<4xf32> = #mlc.seeded<18446744073709551615, uniform, -1.000000e+00 : f64, 1.000000e+00 : f64>
mlc.param @uniform : tensor<4xf32> = #mlc.seeded<18446744073709551615, uniform, -1.000000e+00 : f64, 1.000000e+00 : f64>
// CHECK: mlc.param @dense : tensor<2xi64> = dense<[1, 2]> : tensor<2xi64>
mlc.param @dense : tensor<2xi64> = dense<[1, 2]> : tensor<2xi64>
// CHECK: mlc.variable @step : tensor<i64> = dense<0> : tensor<i64> {role = "optimizer_state"}
mlc.variable @step : tensor<i64> = dense<0> : tensor<i64> {role = "optimizer_state"}
// CHECK: mlc.variable @weight : tensor<4xf32> = #mlc.seeded<1, normal, 0.000000e+00 : f64, 1.000000e+00 : f64> {role = "weight", trainable}
mlc.variable @weight : tensor<4xf32> = #mlc.seeded<1, normal, 0.000000e+00 : f64, 1.000000e+00 : f64> {role = "weight", trainable}
// CHECK: mlc.variable @state : tensor<4xf32> = #mlc.file<"state.npy", 128>
mlc.variable @state : tensor<4xf32> = #mlc.file<"state.npy", 128>

// CHECK: mlc.param_pack @packed : tensor<1x8x16xf32> {
mlc.param_pack @packed : tensor<1x8x16xf32> {
  // CHECK: = mlc.load_param @file : tensor<8x16xf32>
  %0 = mlc.load_param @file : tensor<8x16xf32>
  // CHECK: = mlc.pack %{{.*}} {lanes = 16 : i64} : (tensor<8x16xf32>) -> tensor<1x8x16xf32>
  %1 = mlc.pack %0 {lanes = 16 : i64} : (tensor<8x16xf32>) -> tensor<1x8x16xf32>
  // CHECK: mlc.yield %{{.*}} : tensor<1x8x16xf32>
  mlc.yield %1 : tensor<1x8x16xf32>
}

// CHECK-LABEL: func.func @values
func.func @values() {
  // CHECK: = mlc.constant dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>
  %constant = mlc.constant dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>
  // CHECK: = mlc.constant dense<true> : tensor<2x3xi1>
  %splat = mlc.constant dense<true> : tensor<2x3xi1>
  // CHECK: = mlc.load_param @file : tensor<8x16xf32>
  %param = mlc.load_param @file : tensor<8x16xf32>
  // CHECK: = mlc.load_param @packed : tensor<1x8x16xf32>
  %pack = mlc.load_param @packed : tensor<1x8x16xf32>
  return
}

// CHECK-LABEL: func.func @fused
func.func @fused(%x: tensor<4x8xf32>, %w: tensor<8x16xf32>) -> tensor<4x16xf32> {
  // CHECK: = mlc.fused contraction (%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}) : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x16xf32> {
  %0 = mlc.fused contraction (%a = %x, %b = %w) : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x16xf32> {
    // CHECK: = mlc.matmul %{{.*}}, %{{.*}} : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x16xf32>
    %2 = mlc.matmul %a, %b : (tensor<4x8xf32>, tensor<8x16xf32>) -> tensor<4x16xf32>
    // CHECK: mlc.yield %{{.*}} : tensor<4x16xf32>
    mlc.yield %2 : tensor<4x16xf32>
  }
  // CHECK: = mlc.fused elementwise (%{{.*}} = %{{.*}}) {schedule = #mlc.schedule<"halide">} : (tensor<4x16xf32>) -> (tensor<4x16xf32>, tensor<4x16xf32>) {
  %1:2 = mlc.fused elementwise (%a = %0) {schedule = #mlc.schedule<"halide">} : (tensor<4x16xf32>) -> (tensor<4x16xf32>, tensor<4x16xf32>) {
    // CHECK: = mlc.exp %{{.*}} : (tensor<4x16xf32>) -> tensor<4x16xf32>
    %2 = mlc.exp %a : (tensor<4x16xf32>) -> tensor<4x16xf32>
    // CHECK: = mlc.neg %{{.*}} : (tensor<4x16xf32>) -> tensor<4x16xf32>
    %3 = mlc.neg %a : (tensor<4x16xf32>) -> tensor<4x16xf32>
    // CHECK: mlc.yield %{{.*}}, %{{.*}} : tensor<4x16xf32>, tensor<4x16xf32>
    mlc.yield %2, %3 : tensor<4x16xf32>, tensor<4x16xf32>
  }
  return %1#1 : tensor<4x16xf32>
}

// Every class prints by its name; a region may have no operand.
// CHECK-LABEL: func.func @classes
func.func @classes(%x: tensor<4xf32>) {
  // CHECK: = mlc.fused broadcast (%{{.*}} = %{{.*}}) : (tensor<4xf32>) -> tensor<4xf32> {
  %0 = mlc.fused broadcast (%a = %x) : (tensor<4xf32>) -> tensor<4xf32> {
    // CHECK: mlc.yield %{{.*}} : tensor<4xf32>
    mlc.yield %a : tensor<4xf32>
  }
  // CHECK: = mlc.fused injective (%{{.*}} = %{{.*}}) : (tensor<4xf32>) -> tensor<4xf32> {
  %1 = mlc.fused injective (%a = %x) : (tensor<4xf32>) -> tensor<4xf32> {
    // CHECK: mlc.yield %{{.*}} : tensor<4xf32>
    mlc.yield %a : tensor<4xf32>
  }
  // CHECK: = mlc.fused reduction (%{{.*}} = %{{.*}}) : (tensor<4xf32>) -> tensor<4xf32> {
  %2 = mlc.fused reduction (%a = %x) : (tensor<4xf32>) -> tensor<4xf32> {
    // CHECK: mlc.yield %{{.*}} : tensor<4xf32>
    mlc.yield %a : tensor<4xf32>
  }
  // CHECK: = mlc.fused opaque () : () -> tensor<2xf32> {
  %3 = mlc.fused opaque () : () -> tensor<2xf32> {
    // CHECK: = mlc.constant dense<0.000000e+00> : tensor<2xf32>
    %4 = mlc.constant dense<0.000000e+00> : tensor<2xf32>
    // CHECK: mlc.yield %{{.*}} : tensor<2xf32>
    mlc.yield %4 : tensor<2xf32>
  }
  return
}
