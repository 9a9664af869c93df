// Walks the wire format (https://protobuf.dev/programming-guides/encoding). Repeated fields keep their order, so the
// n-th occurrence on the wire is the n-th element of the parsed message.
#include "frontend/onnx/ModelFile.h"

#include "llvm/Support/SaveAndRestore.h"

#include <functional>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <vector>

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

namespace mlc::frontend {
namespace {

using onnx::AttributeProto;
using onnx::GraphProto;
using onnx::ModelProto;
using onnx::NodeProto;
using onnx::TensorProto;

struct Span {
  uint64_t begin = 0, end = 0;
  uint64_t size() const { return end - begin; }
};

struct Field {
  int number;
  bool isDelimited; // has a content: text, bytes, a message, packed numbers
  Span content, whole;
};

// Smaller contents cost nothing in memory.
constexpr uint64_t kLeastDropped = 1024;

class Wire {
public:
  explicit Wire(std::span<const std::byte> bytes) : bytes(bytes) {}

  // False where the bytes are ill-formed.
  bool fields(Span span, const std::function<void(const Field &)> &visit) const {
    uint64_t at = span.begin;
    while (at < span.end) {
      // A stream's positions are ints: one stream per field header lets files exceed 2 GB.
      uint64_t window = std::min<uint64_t>(span.end - at, 1 << 20);
      CodedInputStream stream(reinterpret_cast<const uint8_t *>(bytes.data()) + at, static_cast<int>(window));
      uint32_t tag = stream.ReadTag();
      if (tag == 0)
        return false;
      bool isDelimited = WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
      uint64_t length = 0;
      if (isDelimited ? !stream.ReadVarint64(&length) : !WireFormatLite::SkipField(&stream, tag))
        return false;
      uint64_t begin = at + static_cast<uint64_t>(stream.CurrentPosition());
      if (length > span.end - begin)
        return false;
      visit({WireFormatLite::GetTagFieldNumber(tag), isDelimited, {begin, begin + length}, {at, begin + length}});
      at = begin + length;
    }
    return true;
  }

  // The contents of the fields `number`.
  std::vector<Span> all(Span span, int number) const {
    std::vector<Span> found;
    fields(span, [&](const Field &field) {
      if (field.number == number && field.isDelimited)
        found.push_back(field.content);
    });
    return found;
  }

  // Where the content of a tensor is: raw_data, or packed float_data, that is there once. Empty: it is elsewhere, or
  // ambiguous.
  Span content(Span tensor) const {
    std::vector<Span> raw, packed;
    bool loose = false; // numbers one by one
    fields(tensor, [&](const Field &field) {
      if (field.number == TensorProto::kRawDataFieldNumber && field.isDelimited)
        raw.push_back(field.content);
      else if (field.number == TensorProto::kFloatDataFieldNumber && field.isDelimited)
        packed.push_back(field.content);
      else
        loose |= field.number == TensorProto::kFloatDataFieldNumber;
    });
    if (!raw.empty())
      return raw.size() == 1 ? raw[0] : Span{};
    return packed.size() == 1 && !loose ? packed[0] : Span{};
  }

  std::string_view text(Span span) const {
    return {reinterpret_cast<const char *>(bytes.data()) + span.begin, static_cast<size_t>(span.size())};
  }

private:
  std::span<const std::byte> bytes;
};

// ---- Before parsing: a copy of the message without the large contents of tensors ----

class Reducer {
public:
  explicit Reducer(const Wire &wire) : wire(wire) {}

  std::string model(Span span) {
    // A graph in two pieces is merged by the parser: its tensors stay.
    bool once = wire.all(span, ModelProto::kGraphFieldNumber).size() == 1;
    return copy(span, [&](int field, Span place) {
      return once && field == ModelProto::kGraphFieldNumber ? std::optional(graph(place)) : std::nullopt;
    });
  }

private:
  const Wire &wire;
  int depth = 0; // of graphs in each other

  // The fields of `span`, with another content where `change` gives one.
  template <typename Change> std::string copy(Span span, Change change) {
    std::string out;
    uint64_t end = span.begin;
    bool whole = wire.fields(span, [&](const Field &field) {
      end = field.whole.end;
      std::optional<std::string> changed =
          field.isDelimited ? change(field.number, field.content) : std::optional<std::string>();
      if (!changed) {
        out += wire.text(field.whole);
        return;
      }
      uint8_t header[20], *next = CodedOutputStream::WriteVarint32ToArray(
                              WireFormatLite::MakeTag(field.number, WireFormatLite::WIRETYPE_LENGTH_DELIMITED), header);
      next = CodedOutputStream::WriteVarint64ToArray(changed->size(), next);
      out.append(header, next);
      out += *changed;
    });
    if (!whole) // the parser will say so
      out += wire.text({end, span.end});
    return out;
  }

  std::string tensor(Span span) {
    Span content = wire.content(span);
    return copy(span, [&](int, Span place) {
      return content.size() >= kLeastDropped && place.begin == content.begin ? std::optional(std::string())
                                                                             : std::nullopt;
    });
  }

  std::string graph(Span span) {
    // The parser refuses deeper ones.
    constexpr int mostDeep = 40;
    if (depth == mostDeep)
      return std::string(wire.text(span));
    llvm::SaveAndRestore deeper(depth, depth + 1);
    return copy(span, [&](int field, Span place) -> std::optional<std::string> {
      if (field == GraphProto::kInitializerFieldNumber)
        return tensor(place);
      return field == GraphProto::kNodeFieldNumber ? std::optional(node(place)) : std::nullopt;
    });
  }

  std::string node(Span span) {
    return copy(span, [&](int field, Span place) {
      return field == NodeProto::kAttributeFieldNumber ? std::optional(attribute(place)) : std::nullopt;
    });
  }

  std::string attribute(Span span) {
    // What occurs twice is merged by the parser.
    bool oneTensor = wire.all(span, AttributeProto::kTFieldNumber).size() == 1;
    bool oneGraph = wire.all(span, AttributeProto::kGFieldNumber).size() == 1;
    return copy(span, [&](int field, Span place) -> std::optional<std::string> {
      if (field == AttributeProto::kTFieldNumber && oneTensor)
        return tensor(place);
      return field == AttributeProto::kGFieldNumber && oneGraph ? std::optional(graph(place)) : std::nullopt;
    });
  }
};

// ---- Behind parsing: the place of every tensor's content, beside the parsed message ----

class Placer {
public:
  explicit Placer(const Wire &wire) : wire(wire) {}

  void graph(Span span, GraphProto &proto) {
    int initializers = 0, nodes = 0;
    wire.fields(span, [&](const Field &field) {
      if (field.number == GraphProto::kInitializerFieldNumber && initializers < proto.initializer_size())
        tensor(field.content, *proto.mutable_initializer(initializers++));
      else if (field.number == GraphProto::kNodeFieldNumber && nodes < proto.node_size())
        node(field.content, *proto.mutable_node(nodes++));
    });
  }

  WirePlaces places;

private:
  const Wire &wire;

  void tensor(Span span, TensorProto &proto) {
    Span content = wire.content(span);
    bool packed = wire.all(span, TensorProto::kRawDataFieldNumber).empty();
    if (content.size() == 0 || (packed && proto.data_type() != TensorProto::FLOAT))
      return;
    places[&proto] = {content.begin, content.size()};
    proto.clear_raw_data();
    proto.clear_float_data();
  }

  void node(Span span, NodeProto &proto) {
    int index = 0;
    for (Span place : wire.all(span, NodeProto::kAttributeFieldNumber)) {
      if (index >= proto.attribute_size())
        return;
      AttributeProto &attribute = *proto.mutable_attribute(index++);
      std::vector<Span> tensors = wire.all(place, AttributeProto::kTFieldNumber);
      std::vector<Span> graphs = wire.all(place, AttributeProto::kGFieldNumber);
      if (tensors.size() == 1 && attribute.has_t())
        tensor(tensors[0], *attribute.mutable_t());
      if (graphs.size() == 1 && attribute.has_g())
        graph(graphs[0], *attribute.mutable_g());
    }
  }
};

} // namespace

std::string withoutTensorContents(std::span<const std::byte> bytes) {
  Wire wire(bytes);
  return Reducer(wire).model({0, bytes.size()});
}

WirePlaces takeTensorPlaces(std::span<const std::byte> bytes, onnx::ModelProto &model) {
  Wire wire(bytes);
  Placer placer(wire);
  std::vector<Span> graphs = wire.all({0, bytes.size()}, ModelProto::kGraphFieldNumber);
  if (graphs.size() == 1)
    placer.graph(graphs[0], *model.mutable_graph());
  return std::move(placer.places);
}

} // namespace mlc::frontend
