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
  // Asks for the row of the next tile, where that is the next head's: rows of a head are a few lines each, too far from
  // each other for the hardware to foresee them. Behind the last head it asks for what nobody needs, or for nothing.
  void prefetchNextHead(Value matrix, Value row, const HeadView &view, int64_t size);

  Value key, value; // where the head's matrices begin
  Value allKeys;    // that the head has
  Value firstKey, keys;
};

} // namespace mlc::codegen

#endif // MLC_CODEGEN_ATTENTION_KEYBLOCK_H
