// Einsum: operand by operand, each pair one batched matrix product.
#include "frontend/Compose.h"
#include "frontend/onnx/NodeContext.h"

#include "llvm/ADT/StringExtras.h"
#include <map>
#include <set>

using namespace mlir;
using namespace mlc;
using namespace mlc::frontend;

namespace {

// Labels are letters; the dimensions of an ellipsis are negative, counted from its last, -1.
using Labels = SmallVector<int>;

struct Term {
  Value value;
  Labels labels;
};

// "ab...c" for a tensor of `rank`; nothing where it does not fit.
std::optional<Labels> parseLabels(StringRef text, int64_t rank, int64_t ellipsis) {
  Labels labels;
  while (!text.empty()) {
    if (text.consume_front("...")) {
      for (int64_t i = ellipsis; i > 0; --i)
        labels.push_back(static_cast<int>(-i));
    } else if (llvm::isAlpha(text.front())) {
      labels.push_back(text.front());
      text = text.drop_front();
    } else {
      return std::nullopt;
    }
  }
  return rank < 0 || static_cast<int64_t>(labels.size()) == rank ? std::optional(labels) : std::nullopt;
}

int64_t indexOf(const Labels &labels, int label) { return llvm::find(labels, label) - labels.begin(); }

// The elements where two dimensions with one label agree.
Term takeDiagonals(Compose &c, Term term) {
  for (size_t j = 1; term.value && j < term.labels.size(); ++j)
    for (size_t i = 0; i < j; ++i) {
      if (term.labels[i] != term.labels[j])
        continue;
      int64_t rank = static_cast<int64_t>(term.labels.size()), size = Compose::shape(term.value)[i];
      Value same = c.compare(ComparePredicate::EQ, c.iota(size, rank - 1 - static_cast<int64_t>(i)),
                             c.iota(size, rank - 1 - static_cast<int64_t>(j)));
      Value picked = c.select(same, term.value, c.like(term.value, 0));
      term.value = c.reduce(ReduceKind::Sum, picked, static_cast<int64_t>(j), false);
      term.labels.erase(term.labels.begin() + static_cast<ptrdiff_t>(j--));
      break;
    }
  return term;
}

Term sumOut(Compose &c, Term term, function_ref<bool(int)> isKept) {
  Dims axes;
  Labels kept;
  for (auto [i, label] : llvm::enumerate(term.labels))
    if (isKept(label))
      kept.push_back(label);
    else
      axes.push_back(static_cast<int64_t>(i));
  if (!axes.empty())
    term.value = c.reduce(ReduceKind::Sum, term.value, axes, false);
  term.labels = kept;
  return term;
}

Value permuted(Compose &c, const Term &term, ArrayRef<int> order) {
  Dims permutation;
  for (int label : order)
    permutation.push_back(indexOf(term.labels, label));
  return llvm::is_sorted(permutation) ? term.value : c.g.transpose(term.value, permutation);
}

Term multiply(Compose &c, const Term &a, const Term &b, const std::map<int, int64_t> &sizes,
              function_ref<bool(int)> isNeeded) {
  Labels batch, rows, columns, inner;
  for (int label : a.labels) {
    bool shared = llvm::is_contained(b.labels, label);
    (!shared ? rows : isNeeded(label) ? batch : inner).push_back(label);
  }
  for (int label : b.labels)
    if (!llvm::is_contained(a.labels, label))
      columns.push_back(label);
  auto count = [&](const Labels &labels) {
    int64_t product = 1;
    for (int label : labels)
      product *= sizes.at(label);
    return product;
  };
  auto joined = [](std::initializer_list<const Labels *> parts) {
    Labels all;
    for (const Labels *part : parts)
      all.append(*part);
    return all;
  };
  Value left = c.g.reshape(permuted(c, a, joined({&batch, &rows, &inner})), {count(batch), count(rows), count(inner)});
  Value right =
      c.g.reshape(permuted(c, b, joined({&batch, &inner, &columns})), {count(batch), count(inner), count(columns)});
  Term product{{}, joined({&batch, &rows, &columns})};
  Dims shape;
  for (int label : product.labels)
    shape.push_back(sizes.at(label));
  product.value = c.g.reshape(c.matmul(left, right), shape);
  return product;
}

LogicalResult einsum(NodeContext &n) {
  std::string equation = n.stringAttr("equation", "");
  auto malformed = [&] { return n.unsupported("equation '" + equation + "' does not fit its operands"); };
  std::string compact;
  for (char ch : equation)
    if (ch != ' ')
      compact += ch;
  auto [left, right] = StringRef(compact).split("->");
  bool explicitOutput = StringRef(compact).contains("->");
  SmallVector<StringRef> texts;
  left.split(texts, ',');
  if (texts.size() != n.numInputs())
    return malformed();
  Compose c(n.g);
  SmallVector<Term> terms;
  std::map<int, int64_t> sizes;
  std::map<int, int> occurrences;
  int64_t widest = 0;
  for (auto [i, text] : llvm::enumerate(texts)) {
    int64_t letters = llvm::count_if(text, [](char ch) { return ch != '.'; });
    int64_t ellipsis = text.contains("...") ? n.rankOf(i) - letters : 0;
    if (ellipsis < 0)
      return malformed();
    widest = std::max(widest, ellipsis);
    std::optional<Labels> labels = parseLabels(text, n.rankOf(i), ellipsis);
    if (!labels)
      return malformed();
    for (auto [d, label] : llvm::enumerate(*labels)) {
      int64_t size = n.shapeOf(i)[d];
      auto [known, isNew] = sizes.try_emplace(label, size);
      if (!isNew && known->second != size && known->second != 1 && size != 1)
        return malformed();
      known->second = known->second == 1 ? size : known->second;
      ++occurrences[label];
    }
    terms.push_back({n.operand(i), *labels});
  }
  Labels output;
  if (explicitOutput) {
    std::optional<Labels> parsed = parseLabels(right, -1, widest);
    if (!parsed)
      return malformed();
    output = *parsed;
  } else {
    // The ellipsis, then the letters that occur once, in order.
    for (auto [label, times] : occurrences)
      if (label < 0 || times == 1)
        output.push_back(label);
  }
  for (int label : output)
    if (!sizes.contains(label) || llvm::count(output, label) > 1)
      return malformed();
  for (Term &term : terms) {
    Dims shape;
    for (int label : term.labels)
      shape.push_back(sizes[label]);
    term.value = c.broadcast(term.value, shape);
    term = takeDiagonals(c, term);
  }
  for (size_t i = 0; i < terms.size(); ++i) {
    auto isNeeded = [&](int label) {
      return llvm::is_contained(output, label) || llvm::any_of(ArrayRef(terms).drop_front(i + 1), [&](const Term &t) {
               return llvm::is_contained(t.labels, label);
             });
    };
    auto isElsewhere = [&](int label) {
      return isNeeded(label) || (i > 0 && llvm::is_contained(terms[i - 1].labels, label));
    };
    terms[i] = sumOut(c, terms[i], isElsewhere);
    if (i > 0)
      terms[i] =
          multiply(c,
                   sumOut(c, terms[i - 1],
                          [&](int label) { return isNeeded(label) || llvm::is_contained(terms[i].labels, label); }),
                   terms[i], sizes, isNeeded);
    if (!terms[i].value)
      return failure();
  }
  Term last = sumOut(c, terms.back(), [&](int label) { return llvm::is_contained(output, label); });
  return n.result(permuted(c, last, output));
}

} // namespace

void frontend::addEinsumOps(OpTable &table) { table["Einsum"] = {einsum, 12}; }
