// A depthwise convolution keeps its padding and has a kernel of its own. In a block of eight results inside the image,
// all columns of a line are loaded once: three lines of ten, some of them as operands of products, and the weights.
// RUN: mlc-opt %s --report --target-cpu=x86-64-v4 | tr -s " " | FileCheck %s --check-prefix=REPORT
// RUN: mlc-opt %s --per-op-compare --target-cpu=x86-64-v3
// RUN: mlc-opt %s --target-cpu=x86-64-v4 --emit=asm -o %t.s
// RUN: awk '/vfmadd/{n++} /[(]%.*%zmm/{l++} /rsp/{s++} /^[.]L.*:/{if(n) print n, l+0, s+0; n=l=s=0}' %t.s | FileCheck %s --check-prefix=BLOCKS

// REPORT-NOT: {{[0-9]}} pad
// REPORT: depthwise 8x16, {{.*}} conv + relu
// Products, loads, accesses of the stack.
// BLOCKS: {{^}}72 39 0{{$}}

mlc.param @w : tensor<64x1x3x3xf32> = #mlc.seeded<1, normal, 0.0 : f64, 0.05 : f64>
func.func @main(%x: tensor<1x64x56x56xf32> {mlc.name = "x"}) -> (tensor<1x64x56x56xf32> {mlc.name = "y"}) attributes {mlc.entry = "infer"} {
  %w = mlc.load_param @w : tensor<64x1x3x3xf32>
  %0 = mlc.conv %x, %w {groups = 64 : i64, strides = array<i64: 1, 1>, pad_low = array<i64: 1, 1>, pad_high = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x64x56x56xf32>, tensor<64x1x3x3xf32>) -> tensor<1x64x56x56xf32>
  %1 = mlc.relu %0 : (tensor<1x64x56x56xf32>) -> tensor<1x64x56x56xf32>
  return %1 : tensor<1x64x56x56xf32>
}
