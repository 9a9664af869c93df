// Convolutions of bf16 are plain sums where every target multiplies tiles; those of f32 are not multiplied by tiles.
// RUN: mlc-opt %s --precision=bf16 --compile-to=layout --target-cpu=x86-64-v4+avx512bf16 | FileCheck %s
// RUN: mlc-opt %s --precision=bf16 --compile-to=layout --target-cpu=x86-64-v4+avx512bf16+amx-tile+amx-bf16,x86-64-v3 | FileCheck %s
// RUN: mlc-opt %s --compile-to=layout --target-cpu=x86-64-v4+avx512bf16+amx-tile+amx-bf16 | FileCheck %s
// RUN: mlc-opt %s --precision=bf16 --compile-to=layout --target-cpu=x86-64-v4+avx512bf16+amx-tile+amx-bf16 | FileCheck %s --check-prefix=TILES
// CHECK: mlc.winograd_conv
// TILES-NOT: mlc.winograd_conv
// TILES: mlc.packed_conv
// TILES-NOT: mlc.winograd_conv
mlc.param @w : tensor<3x3x64x64xf32> = #mlc.seeded<1, normal, 0.0 : f64, 0.05 : f64>
func.func @f(%x: tensor<1x56x56x64xf32> {mlc.name = "x"}) -> (tensor<1x56x56x64xf32> {mlc.name = "y"}) attributes {mlc.entry = "infer"} {
  %w = mlc.load_param @w : tensor<3x3x64x64xf32>
  %y = mlc.conv %x, %w {dilations = array<i64: 1, 1>, layout = #mlc<layout channels_last>, pad_high = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, strides = array<i64: 1, 1>} : (tensor<1x56x56x64xf32>, tensor<3x3x64x64xf32>) -> tensor<1x56x56x64xf32>
  return %y : tensor<1x56x56x64xf32>
}
