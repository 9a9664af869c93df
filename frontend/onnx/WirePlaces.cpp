// Walks the wire format (https://protobuf.dev/programming-guides/encoding) beside the parsed message: repeated fields
// keep their order, so the n-th occurrence on the wire is the n-th element of the message.
#include "frontend/onnx/ModelFile.h"

#include <functional>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <vector>

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

namespace mlc::frontend {
namespace {

struct Span {
  uint64_t begin, end;
};

class Walker {
public:
  explicit Walker(std::span<const std::byte> bytes) : bytes(bytes) {}

  // Calls `visit` with number and place of every length-delimited field.
  bool fields(Span span, const std::function<void(int, Span)> &visit) {
    uint64_t at = span.begin;
    while (at < span.end) {
      // A stream's positions are ints: one stream per field header lets files exceed 2 GB.
      uint64_t window = std::min<uint64_t>(span.end - at, 1 << 20);
      CodedInputStream stream(reinterpret_cast<const uint8_t *>(bytes.data()) + at, static_cast<int>(window));
      uint32_t tag = stream.ReadTag();
      if (tag == 0)
        return false;
      if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
        if (!WireFormatLite::SkipField(&stream, tag))
          return false;
        at += static_cast<uint64_t>(stream.CurrentPosition());
        continue;
      }
      uint64_t length;
      if (!stream.ReadVarint64(&length))
        return false;
      uint64_t begin = at + static_cast<uint64_t>(stream.CurrentPosition());
      if (length > span.end - begin)
        return false;
      visit(WireFormatLite::GetTagFieldNumber(tag), {begin, begin + length});
      at = begin + length;
    }
    return true;
  }

  void tensor(Span span, onnx::TensorProto &proto) {
    int occurrences = 0;
    uint64_t offset = 0;
    bool packed = proto.data_type() == onnx::TensorProto::FLOAT && !proto.has_raw_data();
    uint64_t expected = packed ? static_cast<uint64_t>(proto.float_data_size()) * 4 : proto.raw_data().size();
    fields(span, [&](int field, Span place) {
      if (field == (packed ? onnx::TensorProto::kFloatDataFieldNumber : onnx::TensorProto::kRawDataFieldNumber) &&
          place.end - place.begin == expected) {
        offset = place.begin;
        ++occurrences;
      }
    });
    if (occurrences != 1 || expected == 0)
      return;
    places[&proto] = {offset, expected};
    proto.clear_raw_data();
    proto.clear_float_data();
  }

  void node(Span span, onnx::NodeProto &proto) {
    int index = 0;
    fields(span, [&](int field, Span place) {
      if (field != onnx::NodeProto::kAttributeFieldNumber || index >= proto.attribute_size())
        return;
      onnx::AttributeProto &attribute = *proto.mutable_attribute(index++);
      std::vector<Span> tensors, graphs;
      fields(place, [&](int inner, Span value) {
        if (inner == onnx::AttributeProto::kTFieldNumber)
          tensors.push_back(value);
        else if (inner == onnx::AttributeProto::kGFieldNumber)
          graphs.push_back(value);
      });
      // What occurs twice was merged by the parser.
      if (tensors.size() == 1 && attribute.has_t())
        tensor(tensors[0], *attribute.mutable_t());
      if (graphs.size() == 1 && attribute.has_g())
        graph(graphs[0], *attribute.mutable_g());
    });
  }

  void graph(Span span, onnx::GraphProto &proto) {
    int initializers = 0, nodes = 0;
    fields(span, [&](int field, Span place) {
      if (field == onnx::GraphProto::kInitializerFieldNumber && initializers < proto.initializer_size())
        tensor(place, *proto.mutable_initializer(initializers++));
      else if (field == onnx::GraphProto::kNodeFieldNumber && nodes < proto.node_size())
        node(place, *proto.mutable_node(nodes++));
    });
  }

  WirePlaces places;

private:
  std::span<const std::byte> bytes;
};

} // namespace

WirePlaces takeTensorPlaces(std::span<const std::byte> bytes, onnx::ModelProto &model) {
  Walker walker(bytes);
  std::vector<Span> graphs;
  walker.fields({0, bytes.size()}, [&](int field, Span place) {
    if (field == onnx::ModelProto::kGraphFieldNumber)
      graphs.push_back(place);
  });
  // A graph in two pieces is merged by the parser: its tensors are then copied.
  if (graphs.size() == 1)
    walker.graph(graphs[0], *model.mutable_graph());
  return std::move(walker.places);
}

} // namespace mlc::frontend
