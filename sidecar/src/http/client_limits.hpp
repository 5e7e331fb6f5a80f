// Limits for each address and each client, held before anything is done for a request. Without any of them nothing is
// counted.
#pragma once

#include "base/metrics.hpp"
#include "http/client_address.hpp"
#include "http/limiter.hpp"
#include "options.hpp"

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace itemize::sidecar::http {

struct ClientLimitOptions {
  /// Requests; nothing: no limit.
  std::optional<identity::Rate> address_rate;
  std::optional<identity::Rate> client_rate;
  /// Live subscriptions at once; 0: no limit.
  std::size_t live_of_address = 0;
  std::size_t live_of_client = 0;
  std::vector<Network> trusted_proxies;
};

/// Throws ConfigError for a rate or a network that is none.
[[nodiscard]] ClientLimitOptions ClientLimitOptionsOf(const Options &options);

/// Thread-safe.
class ClientLimits {
public:
  ClientLimits(ClientLimitOptions options, Metrics &metrics);

  /// Whether addresses matter at all.
  [[nodiscard]] bool UsesAddresses() const { return options_.address_rate || options_.live_of_address > 0; }
  /// Whom the request of that peer is counted for.
  [[nodiscard]] std::string KeyOf(const Address &peer, const RequestHead &head) const {
    return AddressKey(ClientAddress(peer, head, options_.trusted_proxies));
  }
  /// Takes one request: 0, or the seconds until there is room for it.
  [[nodiscard]] int TakeOfAddress(const std::string &address_key);
  /// `subject_hash`: of who asks; empty: nobody in particular, of whom the address is all that is known.
  [[nodiscard]] int TakeOfClient(const std::string &subject_hash);

  /// Counts a live subscription as long as it is held.
  using Ticket = std::shared_ptr<void>;
  /// Nothing: there are as many as there may be. Null where there is no limit.
  [[nodiscard]] std::optional<Ticket> TakeLive(const std::string &address_key, const std::string &subject_hash);

private:
  class Count;
  struct Counts {
    std::mutex mutex;
    std::unordered_map<std::string, std::size_t> of;
  };

  const ClientLimitOptions options_;
  Limiter addresses_;
  Limiter clients_;
  /// Outlives this object with the last ticket.
  std::shared_ptr<Counts> live_ = std::make_shared<Counts>();
  prometheus::Counter &address_refused_;
  prometheus::Counter &client_refused_;
  prometheus::Counter &live_refused_;
};

} // namespace itemize::sidecar::http
