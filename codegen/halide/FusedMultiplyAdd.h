// math.fma through Halide, which has no such op: Expressions.cpp spells it, and here it becomes LLVM's intrinsic.
// Nothing else is fused, so that the code of a vector and that of its tail give the same bits.
#ifndef MLC_CODEGEN_HALIDE_FUSEDMULTIPLYADD_H
#define MLC_CODEGEN_HALIDE_FUSEDMULTIPLYADD_H

namespace llvm {
class Module;
}

namespace mlc::codegen {

// The function that stands for it in f64.
constexpr char kMultiplyAdd64[] = "mlc_multiply_add_f64";

void restoreMultiplyAdds(llvm::Module &module);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_HALIDE_FUSEDMULTIPLYADD_H
