// The target of a request: paths, keys, lists, positions, and all that a search, a list of facets or a map asks for.
#include "fuzz.hpp"

#include "http/key_list.hpp"
#include "http/search_parameters.hpp"
#include "http/target.hpp"
#include "itemize/key_text.hpp"
#include "itemize/lsn.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  using namespace itemize;
  using namespace itemize::sidecar;
  const http::Target target = http::SplitTarget(fuzz::TextOf(data, size));
  for (const std::string_view segment : http::PathSegments(target.path)) {
    const auto key = http::CanonicalClientKey(segment);
    if (!key) continue;
    fuzz::Require(http::CanonicalClientKey(*key) == key, "the canonical form is its own");
    fuzz::Require(key->find_first_of("\"\\\n") == std::string::npos, "nothing in a key is escaped in JSON");
  }
  if (const auto position = ParsePosition(target.path))
    fuzz::Require(ParsePosition(FormatPosition(*position)) == position, "a position comes back as it was");
  (void)http::ParseKeyList(target.query);
  (void)http::ParseLiveItems(target.query);
  (void)http::ParseLiveTopics(target.query);
  const auto parameters = http::ParseQuery(target.query);
  if (!parameters) return 0;
  for (const auto kind : {search::Kind::kSearch, search::Kind::kFacets, search::Kind::kClusters})
    (void)http::ParseSearch(kind, "listing", *parameters);
  return 0;
}
