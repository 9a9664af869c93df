// Parsers of --shape and --pad.
#include "frontend/Import.h"

using namespace llvm;

Expected<mlc::ShapeBinding> mlc::parseShapeBinding(StringRef text) {
  ShapeBinding binding;
  auto bad = [&](StringRef item) {
    return createStringError("'" + item +
                             "' is not NAME=SIZE (a symbolic dimension, as batch=8) or "
                             "NAME=AxBxC (an input's shape, as ids=8x128)");
  };
  SmallVector<StringRef> items;
  text.split(items, ',');
  for (StringRef item : items) {
    // Names may hold '=', ':' or '/': the last '=' separates.
    auto [name, value] = item.rsplit('=');
    SmallVector<StringRef> sizes;
    value.split(sizes, 'x');
    std::vector<int64_t> dims;
    for (StringRef size : sizes) {
      int64_t dim;
      if (size.getAsInteger(10, dim) || dim < 0)
        return bad(item);
      dims.push_back(dim);
    }
    if (name.empty())
      return bad(item);
    bool isNew = sizes.size() == 1 ? binding.symbols.emplace(name.str(), dims[0]).second
                                   : binding.inputs.emplace(name.str(), dims).second;
    if (!isNew)
      return createStringError("'" + name + "' is bound twice");
  }
  return binding;
}

Expected<mlc::Padding> mlc::parsePadding(StringRef text) {
  Padding padding;
  padding.text = text.str();
  SmallVector<StringRef> items;
  text.split(items, ',');
  for (StringRef item : items) {
    bool isMask = item.consume_front("mask=");
    if (item.empty())
      return createStringError(isMask ? "mask= names no input"
                                      : "expected dimensions, as batch,seq,mask=attention_mask");
    if (isMask && !padding.mask.empty())
      return createStringError("two masks are given, '" + padding.mask + "' and '" + item + "'");
    if (!isMask && is_contained(padding.dims, item))
      return createStringError("'" + item + "' is given twice");
    if (isMask)
      padding.mask = item.str();
    else
      padding.dims.push_back(item.str());
  }
  if (padding.dims.empty())
    return createStringError("it names no dimension; expected dimensions, as batch,seq,mask=attention_mask");
  return padding;
}
