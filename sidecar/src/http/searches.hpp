// GET /v1/search, /v1/facets and /v1/clusters.
#pragma once

#include "http/items.hpp"

#include <string_view>

namespace itemize::sidecar::http {

class Searches {
public:
  Searches(read::ItemReader &reader, WaitingRooms &rooms) : reader_(reader), rooms_(rooms) {}

  /// A worker looks at the request up to three times: may the type be searched, and has the copy come as far as the
  /// client wants; again when it has; and again when the search is done, for the answer.
  Reply Answer(const FramedRequest &request, const authorization::Viewer &viewer, search::Kind kind,
               std::string_view type, const Parameters &parameters);

private:
  Reply Begin(const FramedRequest &request, read::ReadDemand demand, search::Ask ask);

  read::ItemReader &reader_;
  WaitingRooms &rooms_;
};

} // namespace itemize::sidecar::http
