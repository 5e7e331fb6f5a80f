#include "http/client_address.hpp"

#include "itemize/lsn.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace itemize::sidecar::http {

namespace {

constexpr std::string_view kForwardedFor = "X-Forwarded-For";
constexpr std::size_t kNetworkBytes = 8; // a /64

std::string BytesOf(const Address &address) {
  if (address.is_v4()) {
    const auto bytes = address.to_v4().to_bytes();
    return {bytes.begin(), bytes.end()};
  }
  const auto bytes = address.to_v6().to_bytes();
  return {bytes.begin(), bytes.end()};
}

std::optional<Address> ParseAddress(std::string_view text) {
  boost::system::error_code error;
  const Address address = boost::asio::ip::make_address(std::string(text), error);
  if (error) return std::nullopt;
  return Plain(address);
}

bool IsTrusted(const Address &address, const std::vector<Network> &trusted) {
  return std::any_of(trusted.begin(), trusted.end(),
                     [&address](const Network &network) { return network.Contains(address); });
}

/// An element of the field, which may have a port: `1.2.3.4`, `1.2.3.4:80`, `2001:db8::1`, `[2001:db8::1]:80`.
std::optional<Address> ForwardedAddress(std::string_view element) {
  element = TrimBlanks(element);
  if (element.substr(0, 1) == "[") {
    const std::size_t end = element.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    return ParseAddress(element.substr(1, end - 1));
  }
  const std::size_t colon = element.find(':');
  if (colon != std::string_view::npos && element.find(':', colon + 1) == std::string_view::npos)
    element = element.substr(0, colon);
  return ParseAddress(element);
}

} // namespace

bool Network::Contains(const Address &address) const {
  if (first.is_v4() != address.is_v4()) return false;
  const std::string wanted = BytesOf(first);
  const std::string bytes = BytesOf(address);
  const std::size_t whole = bits / 8;
  if (bytes.compare(0, whole, wanted, 0, whole) != 0) return false;
  const unsigned rest = bits % 8;
  if (rest == 0) return true;
  const auto differ = static_cast<unsigned char>(bytes[whole]) ^ static_cast<unsigned char>(wanted[whole]);
  return differ >> (8 - rest) == 0;
}

std::optional<Network> ParseNetwork(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto first = ParseAddress(text.substr(0, slash));
  if (!first) return std::nullopt;
  const unsigned most = first->is_v4() ? 32 : 128;
  if (slash == std::string_view::npos) return Network{*first, most};
  const auto bits = ParseUint64(text.substr(slash + 1));
  if (!bits || *bits > most) return std::nullopt;
  return Network{*first, static_cast<unsigned>(*bits)};
}

Address Plain(const Address &address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6());
}

Address ClientAddress(const Address &peer, const RequestHead &head, const std::vector<Network> &trusted) {
  Address client = Plain(peer);
  // Several fields of the name are one list, in their order.
  for (auto field = head.fields.rbegin(); field != head.fields.rend(); ++field) {
    if (!EqualsIgnoringCase(field->name, kForwardedFor)) continue;
    std::string_view list = field->value;
    while (IsTrusted(client, trusted)) {
      const std::size_t comma = list.rfind(',');
      const std::string_view last = comma == std::string_view::npos ? list : list.substr(comma + 1);
      const auto before = ForwardedAddress(last);
      if (!before) return client;
      client = *before;
      if (comma == std::string_view::npos) break;
      list = list.substr(0, comma);
    }
  }
  return client;
}

std::string AddressKey(const Address &address) {
  std::string bytes = BytesOf(Plain(address));
  if (bytes.size() > kNetworkBytes) bytes.resize(kNetworkBytes);
  return bytes;
}

} // namespace itemize::sidecar::http
