// mlc.winograd_conv as one kernel with what is computed from it element by element.
#ifndef MLC_CODEGEN_WINOGRAD_WINOGRADEMITTER_H
#define MLC_CODEGEN_WINOGRAD_WINOGRADEMITTER_H

#include "codegen/Kernel.h"

namespace mlc::codegen {

std::unique_ptr<Emitter> createWinogradEmitter();

} // namespace mlc::codegen

#endif // MLC_CODEGEN_WINOGRAD_WINOGRADEMITTER_H
