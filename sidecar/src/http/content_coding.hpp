// Which content codings a client takes (RFC 9110 section 12.5.3), and what an entity tag is called under each.
#pragma once

#include "base/compression.hpp"
#include "http/request_head.hpp"

#include <array>
#include <string>
#include <string_view>

namespace itemize::sidecar::http {

class AcceptedCodings {
public:
  /// Of all Accept-Encoding fields. Without one, nothing but the bytes as they are is taken for granted: a cache that
  /// leaves the field out may ask for whom it does not say.
  explicit AcceptedCodings(const RequestHead &head);

  [[nodiscard]] bool Takes(Coding coding) const { return weights_[static_cast<std::size_t>(coding)] > 0; }
  /// The one of the highest weight; among equals the one that makes the fewest bytes. Identity when none is taken.
  [[nodiscard]] Coding Preferred() const;

private:
  /// In thousandths, by Coding.
  std::array<int, kCodings> weights_{1, 0, 0};
};

/// The value of Content-Encoding; empty for identity.
[[nodiscard]] std::string_view NameOf(Coding coding);

/// A strong tag belongs to one representation (RFC 9110 section 8.8.1): `"abc"` is `"abc-gzip"` when compressed.
[[nodiscard]] std::string TagUnder(std::string_view tag, Coding coding);

} // namespace itemize::sidecar::http
