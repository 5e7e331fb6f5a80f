// Where a request comes from: the peer's address, or, behind proxies that are trusted, what they say it is.
#pragma once

#include "http/request_head.hpp"

#include <boost/asio/ip/address.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace itemize::sidecar::http {

using Address = boost::asio::ip::address;

/// Addresses that begin with the same bits.
struct Network {
  Address first;
  unsigned bits = 0;

  [[nodiscard]] bool Contains(const Address &address) const;
};

/// `ADDRESS` or `ADDRESS/BITS`; nothing when it is neither.
[[nodiscard]] std::optional<Network> ParseNetwork(std::string_view text);

/// IPv4 in IPv6 (::ffff:a.b.c.d) as IPv4, which is what it is.
[[nodiscard]] Address Plain(const Address &address);

/// The last address in X-Forwarded-For that is not a trusted proxy's, if the peer is one: each proxy appends whom it
/// was asked by, so what stands in front of that anybody may have written. Where that is no address, the one behind it.
[[nodiscard]] Address ClientAddress(const Address &peer, const RequestHead &head, const std::vector<Network> &trusted);

/// What is counted together, as bytes: an IPv4 address, or the /64 of an IPv6 address, which is one customer's.
[[nodiscard]] std::string AddressKey(const Address &address);

} // namespace itemize::sidecar::http
