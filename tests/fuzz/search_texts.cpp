// What visitors type and applications pass on to a search, as the extension reads it: inside a server a fault would
// restart everybody's database. The first byte says which of the readers is asked.
#include "fuzz.hpp"

#include "boundary/error.hpp"
#include "search/cursor_text.hpp"
#include "search/facets_parse.hpp"
#include "search/filters_json.hpp"
#include "search/filters_parse.hpp"
#include "search/order_words.hpp"
#include "search/request_claims.hpp"
#include "search/text/query_syntax.hpp"
#include "search/text/tokenizer.hpp"

#include <nlohmann/json.hpp>

namespace {

using namespace itemize;

void CheckQuery(std::string_view text) {
  const QuerySyntax syntax = ParseQuery(text, {"name", "about"});
  for (const QueryNode &node : syntax.nodes) {
    fuzz::Require(node.begin <= node.end && node.end <= text.size(), "words are of the query");
    for (const int child : node.children)
      fuzz::Require(child >= 0 && static_cast<std::size_t>(child) < syntax.nodes.size(), "children are nodes");
  }
}

void CheckTokens(std::string_view text) {
  Tokenizer tokenizer(text);
  Token token{};
  std::size_t count = 0;
  while (tokenizer.Next(token)) {
    fuzz::Require(token.begin < token.end && token.end <= text.size(), "a token is of the text");
    fuzz::Require(++count <= 2 * text.size() + 1, "there is an end of them");
  }
}

void CheckCursor(std::string_view text) {
  const auto content = UnpackCursor(text);
  if (!content) return;
  const auto again = UnpackCursor(PackCursor(*content));
  fuzz::Require(again && again->values == content->values && again->question == content->question,
                "a cursor comes back as it was");
}

/// What is refused is refused as an error of the caller's.
template <typename Read>
bool Taken(Read read) {
  try {
    read();
    return true;
  } catch (const Error &) {
    return false;
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text = fuzz::TextOf(data + 1, size - 1);
  switch (data[0] % 7) {
  case 0: CheckQuery(text); break;
  case 1: CheckTokens(text); break;
  case 2: CheckCursor(text); break;
  case 3: (void)ParseOrderWords(text); break;
  case 4: Taken([&] { (void)ParseFilters(text); }); break;
  case 5: Taken([&] { (void)ParseFacets(text); }); break;
  default: Taken([&] { (void)ClaimsMayRead("role:a,b", text); }); Taken([&] { (void)ClaimedSubject(text); });
  }
  return 0;
}
