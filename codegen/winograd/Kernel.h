// What the files of codegen/winograd share: the kernel taken apart, its blocking, and the writer of its tiles.
//
// The result is cut into tiles of m x m pixels, in the order of images, rows, columns; a block is some that follow each
// other. For a block
//   1. each tile's piece of the image, n x n pixels, is transformed: V [position][tile][channels], in scratch;
//   2. for a group of panels of the filter, V[position] x filter[position] is summed for each of the n^2 positions:
//      S [position][tile][outputs of the group], in scratch;
//   3. each tile of S is transformed, and what the region computes from it is stored.
// A tile of the launch is a block and a group of panels. Those of one block follow each other, so that who computes
// several transforms the image once.
//
// V and the filter are words of four bytes: a channel in f32, or two in bf16, which are multiplied in pairs.
#ifndef MLC_CODEGEN_WINOGRAD_KERNEL_H
#define MLC_CODEGEN_WINOGRAD_KERNEL_H

#include "codegen/cpu/Contraction.h"
#include "codegen/cpu/KernelFunction.h"
#include "dialects/mlc/MlcDialect.h"
#include "dialects/mlc/Winograd.h"
#include <optional>

namespace mlc::codegen {

struct WinogradKernel {
  explicit WinogradKernel(WinogradConvOp op) : op(op), winograd(op.getTile()) {}
  WinogradConvOp op;
  Winograd winograd;
  int64_t images, height, width, channels; // of the input
  int64_t interleave;                      // channels of a word
  int64_t top, left;                       // zeros in front of it
  int64_t rows, columns, outputs;          // of the result
  int64_t panels, panelWidth;              // of the filter
  unsigned input, filter;                  // numbers of the kernel's arguments
  // The result as rows x n sums, and what is stored: for the epilogue. Of the operands it knows their types, and how
  // words of them are multiplied.
  cpu::Contraction sums;

  int64_t words() const { return (channels + interleave - 1) / interleave; }
  int64_t taps() const { return winograd.taps; }
  int64_t positions() const { return winograd.taps * winograd.taps; }
  int64_t tilesDown() const { return (rows + winograd.tile - 1) / winograd.tile; }
  int64_t tilesAcross() const { return (columns + winograd.tile - 1) / winograd.tile; }
  int64_t tiles() const { return images * tilesDown() * tilesAcross(); }
  int64_t panelStride() const { return positions() * words() * panelWidth; } // words
};

// `count` things in `parts` parts, the first `larger` of which have one more than `each`.
struct Split {
  Split(int64_t count, int64_t parts) : parts(parts), each(count / parts), larger(count % parts) {}
  int64_t parts, each, larger;
};

struct WinogradBlocking {
  int64_t lanes;                  // words of a vector register
  int64_t groups, groupPanels;    // the last group may have fewer
  int64_t mostRows;               // tiles of a micro-kernel
  Split blocks{0, 1};             // of tiles
  int64_t wordStride;             // words of a tile in V
  int64_t inputStride, sumStride; // words of a position in V, in S
  int64_t sumsAt, pixelsAt;       // in scratch, in bytes, behind V: S; the results of a tile, for long epilogues
  int64_t scratchBytes;

  int64_t launchTiles() const { return blocks.parts * groups; }
  int64_t largestBlock() const { return blocks.each + (blocks.larger ? 1 : 0); }
};

// The kernel as one convolution of its arguments and what is computed from it element by element, or nothing.
std::optional<WinogradKernel> matchWinograd(mlir::func::FuncOp kernel, const TargetDesc &target);
WinogradBlocking chooseBlocking(const WinogradKernel &kernel, const TargetDesc &target);
// What --tune measures: chooseBlocking's first, then others that could be as fast. All compute the same bits.
std::vector<WinogradBlocking> candidateBlockings(const WinogradKernel &kernel, const TargetDesc &target);
// "6x64,blocks=8": rows x columns of a micro-kernel, blocks of tiles.
std::string nameOf(const WinogradKernel &kernel, const WinogradBlocking &blocking);
// Emits the tiles of the launch at the builder. False when what is behind the convolution cannot be evaluated.
bool emitWinograd(mlir::OpBuilder &builder, mlir::func::FuncOp function, const WinogradKernel &kernel,
                  const WinogradBlocking &blocking, const cpu::KernelFrame &frame);

} // namespace mlc::codegen

#endif // MLC_CODEGEN_WINOGRAD_KERNEL_H
