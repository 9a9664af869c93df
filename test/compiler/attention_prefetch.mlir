// A tile of a whole head asks for the rows of the next one: keys, values and queries, 32 floats in two lines each. Tiles
// that are parts of a head share its keys, which are in the cache already.
// RUN: mlc-opt %s --target-cpu=x86-64-v4 --emit=llvm -o - | FileCheck %s

// CHECK-LABEL: define {{.*}}@k0_attention
// CHECK-COUNT-4: call void @llvm.prefetch{{.*}}(ptr {{.*}}, i32 0, i32 2, i32 1)
// CHECK: ret i32
// CHECK-LABEL: define {{.*}}@k1_attention
// CHECK-NOT: llvm.prefetch
// CHECK: ret i32
func.func @main(%x: tensor<1x32x12x32xf32> {mlc.name = "x"}, %long: tensor<1x512x2x32xf32> {mlc.name = "long"})
    -> (tensor<1x32x12x32xf32> {mlc.name = "y"}, tensor<1x512x2x32xf32> {mlc.name = "z"})
    attributes {mlc.entry = "infer"} {
  %y = mlc.attention %x, %x, %x {layout = #mlc<head_layout bshd>, scale = 0.25 : f64}
      : (tensor<1x32x12x32xf32>, tensor<1x32x12x32xf32>, tensor<1x32x12x32xf32>) -> tensor<1x32x12x32xf32>
  %z = mlc.attention %long, %long, %long {layout = #mlc<head_layout bshd>, scale = 0.25 : f64}
      : (tensor<1x512x2x32xf32>, tensor<1x512x2x32xf32>, tensor<1x512x2x32xf32>) -> tensor<1x512x2x32xf32>
  return %y, %z : tensor<1x32x12x32xf32>, tensor<1x512x2x32xf32>
}
