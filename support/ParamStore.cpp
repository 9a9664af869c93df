// Seeded tensors use the counter-based generator Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011) and the Box-Muller transform, so that an element depends on seed and index only.
#include "support/ParamStore.h"

#include <array>
#include <bit>
#include <cmath>
#include <numbers>

namespace mlc {

static std::array<uint32_t, 4> philox(uint64_t seed, uint64_t counter) {
  std::array<uint32_t, 4> x = {static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32), 0, 0};
  uint32_t key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    uint64_t a = uint64_t{0xD2511F53} * x[0], b = uint64_t{0xCD9E8D57} * x[2];
    x = {static_cast<uint32_t>(b >> 32) ^ x[1] ^ key0, static_cast<uint32_t>(b),
         static_cast<uint32_t>(a >> 32) ^ x[3] ^ key1, static_cast<uint32_t>(a)};
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  return x;
}

static double sample(const SeededSource &source, uint64_t index) {
  using Distribution = SeededSource::Distribution;
  if (source.distribution == Distribution::Ones)
    return 1;
  std::array<uint32_t, 4> bits = philox(source.seed, index);
  // Two uniforms in (0, 1), 32 bits each.
  double u = (bits[0] + 0.5) * 0x1p-32, v = (bits[1] + 0.5) * 0x1p-32;
  if (source.distribution == Distribution::Uniform)
    return source.first + (source.second - source.first) * u;
  return source.first + source.second * std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
}

static Result<HostTensor> generate(const ParamSource &source, const SeededSource &seeded) {
  HostTensor tensor(source.dtype, source.shape);
  if (seeded.distribution == SeededSource::Distribution::Zeros)
    return tensor;
  std::byte *out = tensor.mutableBytes();
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    double value = sample(seeded, static_cast<uint64_t>(i));
    if (source.dtype == DType::F32) {
      float f = static_cast<float>(value);
      std::memcpy(out + i * 4, &f, 4);
    } else if (source.dtype == DType::F64) {
      std::memcpy(out + i * 8, &value, 8);
    } else if (source.dtype == DType::BF16) {
      // Round to nearest even; a sample is finite.
      uint32_t bits = std::bit_cast<uint32_t>(static_cast<float>(value));
      uint16_t rounded = static_cast<uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
      std::memcpy(out + i * 2, &rounded, 2);
    } else {
      return Status::error("seeded parameters are f32, f64 or bf16, not " + std::string(nameOf(source.dtype)));
    }
  }
  return tensor;
}

Result<std::shared_ptr<const MappedFile>> ParamStore::map(const std::string &path) {
  std::lock_guard lock(mutex);
  if (auto found = files.find(path); found != files.end())
    return found->second;
  Result<std::shared_ptr<const MappedFile>> file = MappedFile::open(path);
  if (file.ok())
    files[path] = *file;
  return file;
}

Result<HostTensor> ParamStore::read(const ParamSource &source) {
  std::optional<int64_t> count = elementCount(source.shape);
  if (!count)
    return Status::error("a parameter's shape must be static and of a size that fits in memory");
  uint64_t size = static_cast<uint64_t>(*count) * sizeOf(source.dtype);
  if (const auto *seeded = std::get_if<SeededSource>(&source.data))
    return generate(source, *seeded);
  if (const auto *inlined = std::get_if<InlineSource>(&source.data)) {
    if (inlined->bytes.size() != size)
      return Status::error(describe(source.dtype, source.shape) + " needs " + std::to_string(size) + " bytes, " +
                           std::to_string(inlined->bytes.size()) + " are given");
    return HostTensor::from(source.dtype, source.shape, inlined->bytes);
  }
  const FileSource &place = std::get<FileSource>(source.data);
  Result<std::shared_ptr<const MappedFile>> file = map(place.path);
  if (!file.ok())
    return file.status();
  uint64_t available = (*file)->bytes().size();
  if (place.offset > available || available - place.offset < size)
    return Status::error("'" + place.path + "' is too short: " + describe(source.dtype, source.shape) + " at byte " +
                         std::to_string(place.offset) + " needs " + std::to_string(size) + " bytes, the file has " +
                         std::to_string(available) + "; fetch it again");
  return HostTensor::borrow(source.dtype, source.shape, (*file)->bytes().data() + place.offset, *file);
}

} // namespace mlc
