// GET /v1/items/…: one item, many by key, or a page.
#pragma once

#include "http/reply.hpp"
#include "http/request_head.hpp"
#include "http/target.hpp"
#include "read/item_reader.hpp"

#include <string>
#include <string_view>

namespace itemize::sidecar::http {

inline constexpr std::size_t kDefaultPageItems = 100;
inline constexpr std::size_t kMaxPageItems = 1000;

class Items {
public:
  explicit Items(read::ItemReader &reader) : reader_(reader) {}

  /// `/v1/items/{type}/{key}`; both segments raw.
  Reply One(const RequestHead &head, std::string_view type, std::string_view raw_key);
  /// `/v1/items/{type}?key=in.(…)` and `/v1/items/{type}?limit=&after=`.
  Reply Collection(const RequestHead &head, std::string_view type, const Parameters &parameters);

private:
  Reply Many(const RequestHead &head, const std::string &type, const std::string &list);
  Reply Page(const RequestHead &head, const std::string &type, const Parameters &parameters);

  read::ItemReader &reader_;
};

/// The first name in `parameters` that is repeated or not among `known`, as a problem.
[[nodiscard]] std::optional<Problem> CheckParameters(const Parameters &parameters,
                                                     std::initializer_list<std::string_view> known);

[[nodiscard]] const std::string *FindParameter(const Parameters &parameters, std::string_view name);

} // namespace itemize::sidecar::http
