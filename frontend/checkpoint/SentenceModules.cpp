// modules.json of sentence-transformers: Transformer, Pooling, and possibly Normalize, in this order.
#include "frontend/checkpoint/Checkpoint.h"

#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

// The configuration of a Pooling module: which of its modes is on.
static Head readPooling(Checkpoint &checkpoint, const Json &pooling) {
  Head head = Head::Auto;
  if (!pooling.is_object()) {
    checkpoint.problem("modules.json: the configuration of Pooling is not a JSON object");
    return head;
  }
  for (auto &[key, value] : pooling.items()) {
    if (!StringRef(key).starts_with("pooling_mode_") || value != true)
      continue;
    Head mode = key == "pooling_mode_mean_tokens" ? Head::Mean
                : key == "pooling_mode_cls_token" ? Head::FirstToken
                                                  : Head::Auto;
    if (mode == Head::Auto)
      checkpoint.problem("modules.json: " + key +
                         " is not supported (pooling_mode_mean_tokens and pooling_mode_cls_token are); "
                         "pass --head to choose another head");
    else if (head != Head::Auto)
      checkpoint.problem("modules.json: two modes of pooling at once are not supported; pass --head to choose a head");
    else
      head = mode;
  }
  if (head == Head::Auto && !checkpoint.hasProblems())
    checkpoint.problem("modules.json: Pooling has no mode; pass --head to choose a head");
  return head;
}

SentenceModules frontend::readSentenceModules(Checkpoint &checkpoint) {
  SentenceModules result;
  if (!checkpoint.hasFile("modules.json"))
    return result;
  Json modules = checkpoint.readJson("modules.json");
  if (!modules.is_array()) {
    checkpoint.problem("modules.json is not a list of modules");
    return result;
  }
  for (const Json &entry : modules) {
    if (!entry.is_object() || !entry.contains("type") || !entry["type"].is_string()) {
      checkpoint.problem("modules.json: a module has no type");
      return result;
    }
    std::string type = entry["type"];
    StringRef kind = StringRef(type).rsplit('.').second;
    if (kind == "Normalize") {
      result.normalize = true;
    } else if (kind == "Pooling") {
      if (checkpoint.options().head != Head::Auto)
        continue; // What the user asked for stands instead.
      SmallString<64> file;
      if (entry.contains("path") && entry["path"].is_string())
        file = entry["path"].get<std::string>();
      llvm::sys::path::append(file, "config.json");
      result.head = readPooling(checkpoint, checkpoint.readJson(file));
    } else if (kind != "Transformer") {
      checkpoint.problem("modules.json: module '" + type + "' is not supported (Transformer, Pooling, Normalize are)");
    }
  }
  return result;
}
