#include "http/key_list.hpp"

#include "http/target.hpp"
#include "itemize/change_event.hpp"
#include "itemize/key_text.hpp"

#include <unordered_set>

namespace itemize::sidecar::http {

namespace {

constexpr std::string_view kOpen = "in.(";

Problem BadKey(std::string_view key) {
  return {ProblemKind::kMalformedKey, "'" + std::string(key.substr(0, 200)) + "' is no key text", {}};
}

} // namespace

std::optional<std::vector<std::string>> SplitList(std::string_view list) {
  std::vector<std::string> elements;
  while (true) {
    std::size_t end = 0;
    if (!list.empty() && list.front() == '"') {
      end = list.find('"', 1);
      if (end == std::string_view::npos) return std::nullopt;
      elements.emplace_back(list.substr(1, end - 1));
      ++end;
    } else {
      end = list.find(',');
      const std::string_view element = list.substr(0, end);
      if (element.empty() || element.find('"') != std::string_view::npos) return std::nullopt;
      elements.emplace_back(element);
      if (end == std::string_view::npos) end = list.size();
    }
    if (end == list.size()) return elements;
    if (list[end] != ',') return std::nullopt;
    list.remove_prefix(end + 1);
  }
}

std::variant<std::vector<std::string>, Problem> ParseKeyList(std::string_view text) {
  if (text.substr(0, kOpen.size()) != kOpen || text.back() != ')') {
    return Problem{ProblemKind::kBadRequest, "the parameter key must have the form in.(k1,k2,\"a,b\")", {}};
  }
  const auto elements = SplitList(text.substr(kOpen.size(), text.size() - kOpen.size() - 1));
  if (!elements) return Problem{ProblemKind::kBadRequest, "the list of keys in key=in.(…) is malformed", {}};
  if (elements->size() > kMaxKeysPerRequest) {
    return Problem{ProblemKind::kBadRequest,
                   "at most " + std::to_string(kMaxKeysPerRequest) + " keys can be asked for at once",
                   {}};
  }
  std::vector<std::string> keys;
  std::unordered_set<std::string> seen;
  for (const std::string &element : *elements) {
    auto key = CanonicalClientKey(element);
    if (!key) return BadKey(element);
    if (seen.insert(*key).second) keys.push_back(std::move(*key));
  }
  return keys;
}

std::variant<std::vector<live::Interest>, Problem> ParseLiveItems(std::string_view text) {
  const auto elements = SplitList(text);
  if (!elements) {
    return Problem{ProblemKind::kBadRequest, "the parameter items must have the form type/key,type/*,\"type/a,b\"", {}};
  }
  return ParseLiveItems(*elements);
}

std::variant<std::vector<live::Interest>, Problem> ParseLiveItems(const std::vector<std::string> &elements) {
  if (elements.size() > kMaxItemsPerSubscription) {
    return Problem{ProblemKind::kBadRequest,
                   "at most " + std::to_string(kMaxItemsPerSubscription) + " items can be subscribed to at once",
                   {}};
  }
  std::vector<live::Interest> items;
  items.reserve(elements.size());
  for (const std::string &element : elements) {
    const std::size_t slash = element.find('/');
    if (slash == std::string::npos || !IsTypeName(std::string_view(element).substr(0, slash))) {
      return Problem{
          ProblemKind::kBadRequest, "'" + element.substr(0, 200) + "' in items is neither type/key nor type/*", {}};
    }
    live::Interest item{element.substr(0, slash), std::nullopt};
    const std::string_view key = std::string_view(element).substr(slash + 1);
    if (key != "*") {
      item.key = CanonicalClientKey(key);
      if (!item.key) return BadKey(key);
    }
    items.push_back(std::move(item));
  }
  return items;
}

std::variant<std::vector<live::Interest>, Problem> ParseLiveTopics(std::string_view text) {
  const auto elements = SplitList(text);
  if (!elements) return Problem{ProblemKind::kBadRequest, "the parameter topics must have the form a,b", {}};
  if (elements->size() > kMaxItemsPerSubscription) {
    return Problem{ProblemKind::kBadRequest,
                   "at most " + std::to_string(kMaxItemsPerSubscription) + " topics can be subscribed to at once",
                   {}};
  }
  std::vector<live::Interest> topics;
  topics.reserve(elements->size());
  for (const std::string &element : *elements) {
    if (!IsTopicName(element)) {
      return Problem{ProblemKind::kBadRequest, "'" + element.substr(0, 200) + "' in topics is no name of a topic", {}};
    }
    topics.push_back({kTopicMark + element, std::nullopt});
  }
  return topics;
}

} // namespace itemize::sidecar::http
