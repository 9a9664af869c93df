// The inner loop of a Winograd convolution's products: a full tile of sums for each step of the channels, unrolled by
// four, and no sum leaves its register.
// RUN: mlc-opt %s --target-cpu=x86-64-v4 --winograd=f4 --emit=asm -o %t.s
// RUN: awk '/micro_6x64_2:/,/retq/' %t.s > %t.micro
// RUN: FileCheck %s < %t.micro
// RUN: grep -c "vfmadd" %t.micro | FileCheck %s --check-prefix=PRODUCTS
// RUN: not grep "zmm.*rsp" %t.micro
// PRODUCTS: {{^}}96{{$}}
// CHECK: [[LOOP:.LBB[0-9_]+]]:
// CHECK-COUNT-96: vfmadd231ps
// CHECK: j{{[a-z]+}} [[LOOP]]

mlc.param @w : tensor<64x64x3x3xf32> = #mlc.seeded<1, normal, 0.0 : f64, 0.05 : f64>
func.func @main(%x: tensor<1x64x56x56xf32> {mlc.name = "x"}) -> (tensor<1x64x56x56xf32> {mlc.name = "y"}) attributes {mlc.entry = "infer"} {
  %w = mlc.load_param @w : tensor<64x64x3x3xf32>
  %0 = mlc.conv %x, %w {strides = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x64x56x56xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x56x56xf32>
  %1 = mlc.relu %0 : (tensor<1x64x56x56xf32>) -> tensor<1x64x56x56xf32>
  return %1 : tensor<1x64x56x56xf32>
}
