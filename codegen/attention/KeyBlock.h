// A block of keys and values of one head, as an attention tile's products read it: step 1 of Attention.h.
#ifndef MLC_CODEGEN_ATTENTION_KEYBLOCK_H
#define MLC_CODEGEN_ATTENTION_KEYBLOCK_H

#include "codegen/attention/TileBuilder.h"

namespace mlc::codegen {

class KeyBlock : protected TileBuilder {
protected:
  using TileBuilder::TileBuilder;

  // keys * scale, transposed, in squares of one vector, into panels. Pairs are moved as they are.
  void copyKeys();
  // Values in rows of two keys as pairs; behind an odd number of keys comes a zero.
  void copyValues();

  Value key, value; // where the head's matrices begin
  Value allKeys;    // that the head has
  Value firstKey, keys;
};

} // namespace mlc::codegen

#endif // MLC_CODEGEN_ATTENTION_KEYBLOCK_H
