// Lanes of bf16 are moved as 16-bit words: no kernel asks for a conversion of compiler-rt (the linker refuses what is not in it).
// RUN: mlc-opt %s --target-cpu=x86-64-v3 -o %t.mlc
// RUN: mlc-opt %s --target-cpu=x86-64-v3 --emit=asm -o - | FileCheck %s
// CHECK-NOT: __truncsfbf2
func.func @f(%x: tensor<9xbf16> {mlc.name = "x"}, %y: tensor<bf16> {mlc.name = "y"})
    -> (tensor<9xbf16> {mlc.name = "z"}) attributes {mlc.entry = "infer"} {
  %z = mlc.pow %x, %y : (tensor<9xbf16>, tensor<bf16>) -> tensor<9xbf16>
  return %z : tensor<9xbf16>
}
