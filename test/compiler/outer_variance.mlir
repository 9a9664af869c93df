// A sum of squares of differences along the outer dimension: whichever emitter makes it, it is right.
// RUN: mlc-opt %s --per-op-compare --target-cpu=x86-64-v3 2>/dev/null | FileCheck %s
// CHECK: 3 kernels agree with the interpreter
func.func @f(%x: tensor<160x17xf32> {mlc.name = "x"}) -> (tensor<1x17xf32> {mlc.name = "y"}) attributes {mlc.entry = "infer"} {
%0 = mlc.relu %x : (tensor<160x17xf32>) -> tensor<160x17xf32>
%m = mlc.reduce mean %0 {axes = array<i64: 0>, keep_dims} : (tensor<160x17xf32>) -> tensor<1x17xf32>
%d = mlc.sub %0, %m : (tensor<160x17xf32>, tensor<1x17xf32>) -> tensor<160x17xf32>
%q = mlc.mul %d, %d : (tensor<160x17xf32>, tensor<160x17xf32>) -> tensor<160x17xf32>
%1 = mlc.reduce mean %q {axes = array<i64: 0>, keep_dims} : (tensor<160x17xf32>) -> tensor<1x17xf32>
return %1 : tensor<1x17xf32>
}
