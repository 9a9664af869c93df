// The inner loop of a contraction in bf16: a full tile of dot products for each step of two rows, unrolled by four, no
// sum leaves its register, and one instruction rounds a vector at the store.
// RUN: mlc-opt %s --target-cpu=x86-64-v4+avx512bf16 --emit=asm -o %t.s
// RUN: awk '/micro_8x48:/,/retq/' %t.s > %t.micro
// RUN: FileCheck %s < %t.micro
// RUN: grep -c "vdpbf16ps" %t.micro | FileCheck %s --check-prefix=DOTS
// RUN: grep -c "vcvtneps2bf16" %t.micro | FileCheck %s --check-prefix=ROUNDINGS
// RUN: not grep "zmm.*rsp" %t.micro
// DOTS: {{^}}96{{$}}
// ROUNDINGS: {{^}}24{{$}}
// CHECK: micro_8x48:
// CHECK: vdpbf16ps
// CHECK-NOT: vfmadd
// CHECK: retq
mlc.param @w : tensor<768x768xbf16> = #mlc.seeded<1, uniform, -1.0 : f64, 1.0 : f64>
mlc.param @b : tensor<768xf32> = #mlc.seeded<2, uniform, -1.0 : f64, 1.0 : f64>
func.func @f(%x: tensor<128x768xbf16> {mlc.name = "x"}) -> (tensor<128x768xbf16> {mlc.name = "y"}) attributes {mlc.entry = "infer"} {
  %w = mlc.load_param @w : tensor<768x768xbf16>
  %b = mlc.load_param @b : tensor<768xf32>
  %y = mlc.matmul %x, %w {wide_result} : (tensor<128x768xbf16>, tensor<768x768xbf16>) -> tensor<128x768xf32>
  %z = mlc.add %y, %b : (tensor<128x768xf32>, tensor<768xf32>) -> tensor<128x768xf32>
  %r = mlc.relu %z : (tensor<128x768xf32>) -> tensor<128x768xf32>
  %n = mlc.cast %r to bf16 : tensor<128x768xf32> -> tensor<128x768xbf16>
  return %n : tensor<128x768xbf16>
}
