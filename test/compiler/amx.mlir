// A product in bf16 by AMX: weights packed in panels of pairs are tiles as they lie, rows are read in place. A block of
// 2x2 tiles of sums: each step of k loads two tiles of each operand for four products, without a vector instruction
// between; tiles get their shapes once, and the next panels are asked for.
// RUN: mlc-opt %s --target-cpu=x86-64-v4+avx512bf16+amx-tile+amx-bf16 --emit=asm -o %t.s
// RUN: FileCheck %s < %t.s
// RUN: grep -c ldtilecfg %t.s | FileCheck %s --check-prefix=ONE
// RUN: grep -c tilerelease %t.s | FileCheck %s --check-prefix=ONE
// RUN: grep -c tdpbf16ps %t.s > %t.count && grep -c tileloadd %t.s >> %t.count && grep -c tilestored %t.s >> %t.count
// RUN: FileCheck %s --check-prefix=COUNTS < %t.count
// RUN: awk '/tilezero.*tmm3/,/tilestored/' %t.s > %t.steps
// RUN: not grep "zmm\|ymm" %t.steps
// RUN: mlc-opt %s --target-cpu=x86-64-v4+avx512bf16+amx-tile+amx-bf16 --report | FileCheck %s --check-prefix=REPORT
// ONE: {{^}}1{{$}}
// The eight steps of a chunk, twice: the last chunk has code of its own. Sums of an earlier chunk are four more loads.
// COUNTS: {{^}}64{{$}}
// COUNTS-NEXT: {{^}}72{{$}}
// COUNTS-NEXT: {{^}}8{{$}}
// CHECK: tilezero
// CHECK: tileloadd
// CHECK: prefetcht1
// CHECK: tdpbf16ps
// REPORT: amx 16x16,block=2x2,chunk=8
mlc.param @w : tensor<768x768xbf16> = #mlc.seeded<1, uniform, -1.0 : f64, 1.0 : f64>
func.func @f(%x: tensor<128x768xbf16> {mlc.name = "x"}) -> (tensor<128x768xf32> {mlc.name = "y"}) attributes {mlc.entry = "infer"} {
  %w = mlc.load_param @w : tensor<768x768xbf16>
  %y = mlc.matmul %x, %w {wide_result} : (tensor<128x768xbf16>, tensor<768x768xbf16>) -> tensor<128x768xf32>
  return %y : tensor<128x768xf32>
}
