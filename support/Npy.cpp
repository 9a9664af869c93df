#include "support/Npy.h"

#include "support/FileWriter.h"
#include "support/MappedFile.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <zip.h>

namespace mlc {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

std::optional<DType> parseDescr(std::string_view descr) {
  // '|' stands before types of one byte, '<' and '>' before little- and big-endian ones. NumPy writes these, and reads
  // '=' and nothing, too, as the machine's order.
  std::string_view code = descr;
  if (code.starts_with('<') || code.starts_with('|') || code.starts_with('>') || code.starts_with('='))
    code.remove_prefix(1);
  static constexpr std::pair<std::string_view, DType> kCodes[] = {
      {"f4", DType::F32}, {"f8", DType::F64}, {"f2", DType::F16}, {"V2", DType::BF16}, {"b1", DType::I1},
      {"i1", DType::I8},  {"u1", DType::U8},  {"i2", DType::I16}, {"u2", DType::U16},  {"i4", DType::I32},
      {"u4", DType::U32}, {"i8", DType::I64}, {"u8", DType::U64}};
  for (auto [text, type] : kCodes)
    if (text == code)
      return type;
  return std::nullopt;
}

std::string_view descrOf(DType type) {
  switch (type) {
  case DType::F32: return "<f4";
  case DType::F64: return "<f8";
  case DType::F16: return "<f2";
  case DType::BF16: return "<V2";
  case DType::I1: return "|b1";
  case DType::I8: return "|i1";
  case DType::U8: return "|u1";
  case DType::I16: return "<i2";
  case DType::U16: return "<u2";
  case DType::I32: return "<i4";
  case DType::U32: return "<u4";
  case DType::I64: return "<i8";
  case DType::U64: return "<u8";
  }
  return "";
}

// The text after "'key':" of the header, a Python literal dict with keys descr, fortran_order, shape.
std::optional<std::string_view> valueOf(std::string_view header, std::string_view key) {
  size_t at = header.find("'" + std::string(key) + "'");
  if (at == std::string_view::npos)
    at = header.find("\"" + std::string(key) + "\"");
  if (at == std::string_view::npos)
    return std::nullopt;
  at = header.find(':', at);
  if (at == std::string_view::npos)
    return std::nullopt;
  at = header.find_first_not_of(' ', at + 1);
  if (at == std::string_view::npos)
    return std::nullopt;
  return header.substr(at);
}

// True or False, and nothing else.
std::optional<bool> parseBool(std::string_view text) {
  for (auto [word, value] : {std::pair<std::string_view, bool>("True", true), {"False", false}})
    if (text.starts_with(word) && text.substr(word.size()).find_first_of(" ,}\n") == 0)
      return value;
  return std::nullopt;
}

std::optional<std::vector<int64_t>> parseShape(std::string_view text) {
  if (text.empty() || text[0] != '(')
    return std::nullopt;
  size_t end = text.find(')');
  if (end == std::string_view::npos)
    return std::nullopt;
  text = text.substr(1, end - 1);
  std::vector<int64_t> shape;
  while (true) {
    size_t first = text.find_first_not_of(", ");
    if (first == std::string_view::npos)
      return shape;
    text.remove_prefix(first);
    int64_t dim;
    auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), dim);
    if (error != std::errc() || dim < 0)
      return std::nullopt;
    shape.push_back(dim);
    text.remove_prefix(static_cast<size_t>(rest - text.data()));
  }
}

HostTensor swapBytes(const HostTensor &source) {
  HostTensor result(source.dtype(), source.shape());
  const size_t size = sizeOf(source.dtype());
  for (size_t at = 0; at < source.sizeBytes(); at += size)
    std::reverse_copy(source.bytes() + at, source.bytes() + at + size, result.mutableBytes() + at);
  return result;
}

// Fortran order to C order.
HostTensor toRowMajor(const HostTensor &source) {
  HostTensor result(source.dtype(), source.shape());
  const std::vector<int64_t> &shape = source.shape();
  size_t size = sizeOf(source.dtype());
  std::vector<int64_t> index(shape.size(), 0);
  for (int64_t i = 0; i < source.numElements(); ++i) {
    int64_t from = 0;
    for (size_t d = shape.size(); d-- > 0;)
      from = from * shape[d] + index[d];
    std::memcpy(result.mutableBytes() + static_cast<size_t>(i) * size,
                source.bytes() + static_cast<size_t>(from) * size, size);
    for (size_t d = shape.size(); d-- > 0 && ++index[d] == shape[d];)
      index[d] = 0;
  }
  return result;
}

std::string header(const HostTensor &tensor) {
  std::string dict = "{'descr': '" + std::string(descrOf(tensor.dtype())) + "', 'fortran_order': False, 'shape': (";
  for (size_t i = 0; i < tensor.shape().size(); ++i)
    dict += (i ? ", " : "") + std::to_string(tensor.shape()[i]);
  dict += tensor.shape().size() == 1 ? ",), }" : "), }";
  // Magic, version, length and dict end at a multiple of 64 bytes.
  size_t length = (10 + dict.size() + 1 + 63) / 64 * 64 - 10;
  dict.resize(length - 1, ' ');
  dict += '\n';
  std::string text(kMagic);
  text += '\x01';
  text += '\x00';
  text += static_cast<char>(length & 255);
  text += static_cast<char>(length >> 8);
  return text + dict;
}

struct ZipCloser {
  void operator()(zip_t *archive) const { zip_discard(archive); }
  void operator()(zip_file_t *file) const { zip_fclose(file); }
};

std::string messageOf(zip_error_t &error) {
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

} // namespace

Result<HostTensor> parseNpy(const std::string &name, std::span<const std::byte> bytes,
                            std::shared_ptr<const void> owner) {
  auto bad = [&](const std::string &what) {
    return Status::error("'" + name + "' is not a usable .npy file: " + what);
  };
  std::string_view text(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  if (text.size() < 10 || text.substr(0, kMagic.size()) != kMagic)
    return bad("it does not start with the .npy magic; write it with numpy.save");
  int major = static_cast<unsigned char>(text[6]);
  size_t lengthBytes = major == 1 ? 2 : 4;
  if (major < 1 || major > 3 || text.size() < 8 + lengthBytes)
    return bad("it has format version " + std::to_string(major) + ", expected 1 to 3; write it with numpy.save");
  size_t length = 0;
  for (size_t i = 0; i < lengthBytes; ++i)
    length |= static_cast<size_t>(static_cast<unsigned char>(text[8 + i])) << (8 * i);
  size_t start = 8 + lengthBytes + length;
  if (start > text.size())
    return bad("its header is truncated");
  std::string_view dict = text.substr(8 + lengthBytes, length);

  std::optional<std::string_view> descr = valueOf(dict, "descr");
  if (!descr || descr->empty())
    return bad("its header lacks descr");
  const char quote = (*descr)[0];
  if (quote != '\'' && quote != '"')
    return bad("structured arrays are not supported");
  std::string_view code = descr->substr(1, descr->find(quote, 1) - 1);
  std::optional<DType> type = parseDescr(code);
  if (!type)
    return bad("unsupported element type '" + std::string(code) + "'; convert it, for instance with .astype('<f4')");
  std::optional<std::string_view> shapeText = valueOf(dict, "shape");
  std::optional<std::vector<int64_t>> shape = shapeText ? parseShape(*shapeText) : std::nullopt;
  if (!shape || !elementCount(*shape))
    return bad("its header lacks a shape of numbers from 0 on that fits in memory");
  std::optional<std::string_view> orderText = valueOf(dict, "fortran_order");
  std::optional<bool> isFortran = orderText ? parseBool(*orderText) : std::nullopt;
  if (!isFortran)
    return bad("its header lacks fortran_order, True or False");

  size_t expected = static_cast<size_t>(*elementCount(*shape)) * sizeOf(*type);
  if (text.size() - start < expected)
    return bad("truncated: " + describe(*type, *shape) + " needs " + std::to_string(expected) + " bytes of data, " +
               std::to_string(text.size() - start) + " are there");
  if (text.size() - start > expected)
    return bad(std::to_string(text.size() - start - expected) + " bytes follow the data of " + describe(*type, *shape));
  HostTensor tensor = HostTensor::borrow(*type, *shape, bytes.data() + start, std::move(owner));
  if (code[0] == '>')
    tensor = swapBytes(tensor);
  return *isFortran ? toRowMajor(tensor) : tensor;
}

Status checkMemberName(const std::string &name) {
  for (size_t at = 0; at <= name.size();) {
    const size_t end = std::min(name.find_first_of("/\\", at), name.size());
    if (name.substr(at, end - at) == "..")
      return Status::error("'" + name + "' cannot be a name in an .npz: unpacked, it would lie outside of its folder");
    at = end + 1;
  }
  return Status::success();
}

Result<HostTensor> readNpy(const std::string &path) {
  Result<std::shared_ptr<const MappedFile>> file = MappedFile::open(path);
  if (!file.ok())
    return file.status();
  return parseNpy(path, (*file)->bytes(), *file);
}

Status writeNpy(const std::string &path, const HostTensor &tensor) {
  Result<FileWriter> writer = FileWriter::create(path);
  if (!writer.ok())
    return writer.status();
  if (Status status = writer->write(header(tensor)); !status.ok())
    return status;
  if (Status status = writer->write(std::span(tensor.bytes(), tensor.sizeBytes())); !status.ok())
    return status;
  return writer->commit();
}

Result<NamedTensors> readNpz(const std::string &path) {
  Result<std::shared_ptr<const MappedFile>> file = MappedFile::open(path);
  if (!file.ok())
    return file.status();
  auto bad = [&](const std::string &what) {
    return Status::error("'" + path + "' is not a usable .npz file: " + what);
  };
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t *source = zip_source_buffer_create((*file)->bytes().data(), (*file)->bytes().size(), 0, &error);
  if (!source)
    return bad(messageOf(error));
  std::unique_ptr<zip_t, ZipCloser> archive(zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error));
  if (!archive) {
    zip_source_free(source);
    return bad(messageOf(error));
  }
  NamedTensors tensors;
  zip_int64_t members = zip_get_num_entries(archive.get(), 0);
  for (zip_int64_t i = 0; i < members; ++i) {
    zip_stat_t info;
    if (zip_stat_index(archive.get(), static_cast<zip_uint64_t>(i), 0, &info) != 0 || !(info.valid & ZIP_STAT_SIZE))
      return bad(zip_strerror(archive.get()));
    std::string name = info.name;
    std::unique_ptr<zip_file_t, ZipCloser> member(zip_fopen_index(archive.get(), static_cast<zip_uint64_t>(i), 0));
    if (!member)
      return bad("member '" + name + "': " + zip_strerror(archive.get()));
    // The size in the directory is not trusted: the buffer grows with what is really there.
    auto content = std::make_shared<std::vector<std::byte>>();
    constexpr size_t kChunk = size_t{1} << 20;
    while (true) {
      size_t old = content->size();
      content->resize(old + kChunk);
      zip_int64_t got = zip_fread(member.get(), content->data() + old, kChunk);
      if (got < 0)
        return bad("member '" + name + "': " + zip_file_strerror(member.get()));
      content->resize(old + static_cast<size_t>(got));
      if (got == 0)
        break;
    }
    if (content->size() != info.size)
      return bad("member '" + name + "' is truncated");
    Result<HostTensor> tensor = parseNpy(path + ":" + name, std::span(content->data(), content->size()), content);
    if (!tensor.ok())
      return tensor.status();
    if (name.ends_with(".npy"))
      name.resize(name.size() - 4);
    tensors.emplace_back(std::move(name), *std::move(tensor));
  }
  return tensors;
}

Status writeNpz(const std::string &path, const NamedTensors &tensors) {
  auto failed = [&](const std::string &what) { return Status::error("cannot write '" + path + "': " + what); };
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t *image = zip_source_buffer_create(nullptr, 0, 0, &error);
  if (!image)
    return failed(messageOf(error));
  std::unique_ptr<zip_t, ZipCloser> archive(zip_open_from_source(image, ZIP_TRUNCATE, &error));
  if (!archive) {
    zip_source_free(image);
    return failed(messageOf(error));
  }
  // The archive is made in memory, so that the file itself is written aside as every other.
  zip_source_keep(image);
  std::unique_ptr<zip_source_t, decltype(&zip_source_free)> keeper(image, zip_source_free);
  std::vector<std::string> members;
  members.reserve(tensors.size());
  for (const auto &[name, tensor] : tensors) {
    if (Status status = checkMemberName(name); !status.ok())
      return status;
    std::string &content = members.emplace_back(header(tensor));
    content.append(reinterpret_cast<const char *>(tensor.bytes()), tensor.sizeBytes());
    zip_source_t *source = zip_source_buffer(archive.get(), content.data(), content.size(), 0);
    zip_int64_t index = source ? zip_file_add(archive.get(), (name + ".npy").c_str(), source, ZIP_FL_ENC_UTF_8) : -1;
    if (index < 0) {
      zip_source_free(source);
      return failed("member '" + name + "': " + zip_strerror(archive.get()));
    }
    zip_set_file_compression(archive.get(), static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0);
    // A fixed date (1980-01-01, zip's first): the same tensors give the same bytes.
    zip_file_set_dostime(archive.get(), static_cast<zip_uint64_t>(index), 0, 0x21, 0);
  }
  if (zip_close(archive.get()) != 0)
    return failed(zip_strerror(archive.get()));
  (void)archive.release();

  zip_stat_t info;
  if (zip_source_stat(image, &info) != 0 || zip_source_open(image) != 0)
    return failed("the archive cannot be read back");
  std::vector<std::byte> bytes(info.size);
  zip_int64_t got = zip_source_read(image, bytes.data(), bytes.size());
  zip_source_close(image);
  if (got != static_cast<zip_int64_t>(bytes.size()))
    return failed("the archive cannot be read back");
  return writeFile(path, bytes);
}

} // namespace mlc
