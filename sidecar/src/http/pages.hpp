// /v1/pages/{path}: what an application has rendered, served until one of the items it was made of changes.
#pragma once

#include "http/items.hpp"
#include "identity/identity.hpp"
#include "read/pages.hpp"

#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace itemize::sidecar::http {

/// Items that one page may be made of.
inline constexpr std::size_t kMaxItemsOfPage = 1000;
inline constexpr std::size_t kMaxPagePathBytes = 1024;
inline constexpr std::string_view kPageMethods = "GET, HEAD, PUT, DELETE";

/// Of `{"content_type":…,"body":…,"items":{TYPE:{KEY:ETAG,…},…}}`.
struct RenderedPage {
  read::Page page;
  std::vector<read::PageItemName> items;
  /// Of each item, without quotes.
  std::vector<std::string> tags;
};

[[nodiscard]] std::variant<RenderedPage, Problem> ParseRenderedPage(std::string_view body);

/// Whether it may name a page: segments that are not empty, `.` or `..`.
[[nodiscard]] bool IsPagePath(std::string_view path);

/// Used by one worker, with its connections.
class Pages {
public:
  Pages(read::ReadBackends &backends, read::ItemReader &reader, WaitingRooms &rooms);

  /// Whether there are any pages here.
  [[nodiscard]] bool enabled() const { return !backends_.options.page_role.empty(); }
  /// `path`: what stands behind `/v1/pages/`, raw. One of kPageMethods.
  Reply Answer(const FramedRequest &request, const identity::Caller &caller, std::string_view path);

private:
  Reply Get(const FramedRequest &request, const authorization::Viewer &viewer, const std::string &path);
  Reply Put(const FramedRequest &request, const authorization::Viewer &viewer, const std::string &path);
  Reply Remove(const std::string &path);
  Reply Refuse(const Problem &problem);
  /// Nothing when there is no copy that may be read.
  std::optional<read::FoundPage> Find(const std::string &path);
  /// Has the items held here, as the page was made of them and as its maker may see them; what is answered instead when
  /// that is not possible.
  std::optional<Reply> Hold(const RenderedPage &made, const read::ReadDemand &demand);

  read::ReadBackends &backends_;
  read::ItemReader &reader_;
  WaitingRooms &rooms_;
  read::Pages pages_;
  prometheus::Counter &hits_;
  prometheus::Counter &misses_;
  prometheus::Counter &stored_;
  prometheus::Counter &refused_;
};

} // namespace itemize::sidecar::http
