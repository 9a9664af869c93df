// Checks of tensors that callers give. Nothing is read before what was read says that it is there: the rank stands
// before the shape, shape and type before the data.
#ifndef MLC_RUNTIME_CORE_CHECKS_H
#define MLC_RUNTIME_CORE_CHECKS_H

#include "mlc/runtime.h"
#include <cstddef>

namespace mlc::runtime {

enum class Access { read, write };

// The type exists, the rank is `rank`, and a shape is there to be read. `what` and `name` stand in messages.
void checkShape(const mlc_tensor &tensor, size_t rank, const char *what, const char *name);

// Data is there and aligned, and strides stay in the address space. A tensor that is written has each element apart.
// The shape is known to be one of the module's.
void checkData(const mlc_tensor &tensor, Access access, const char *what, const char *name);

// Whether two dense tensors share bytes. Others are copied, before the run or behind it, so that nothing can go wrong.
bool overlap(const mlc_tensor &a, const mlc_tensor &b);

} // namespace mlc::runtime

#endif // MLC_RUNTIME_CORE_CHECKS_H
