#include "http/client_limits.hpp"

#include "base/errors.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace itemize::sidecar::http {

/// Of one address, or one client.
class ClientLimits::Count {
public:
  Count(std::shared_ptr<Counts> counts, std::string name) : counts_(std::move(counts)), name_(std::move(name)) {}
  ~Count() {
    const std::lock_guard<std::mutex> lock(counts_->mutex);
    const auto at = counts_->of.find(name_);
    if (--at->second == 0) counts_->of.erase(at);
  }
  Count(const Count &) = delete;
  Count &operator=(const Count &) = delete;

  /// Null when there are `most` already.
  static std::shared_ptr<Count> Take(const std::shared_ptr<Counts> &counts, std::string name, std::size_t most) {
    const std::lock_guard<std::mutex> lock(counts->mutex);
    std::size_t &count = counts->of[name];
    if (count >= most) return nullptr;
    auto taken = std::make_shared<Count>(counts, std::move(name));
    ++count;
    return taken;
  }

private:
  std::shared_ptr<Counts> counts_;
  std::string name_;
};

namespace {

prometheus::Counter &CountRefused(Metrics &metrics, const char *limit) {
  return metrics.Counter("itemize_limited_total", "Requests refused as their address or client makes too many",
                         {{"limit", limit}});
}

/// A number above 0, with or without a fraction; nothing when it is none, or too large.
std::optional<double> ParseAmount(const std::string &text) {
  constexpr double kMost = 1'000'000;
  double amount = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), amount, std::chars_format::fixed);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || !(amount > 0 && amount <= kMost))
    return std::nullopt;
  return amount;
}

std::optional<identity::Rate> ParseRate(const char *option, const std::string &text) {
  if (text.empty()) return std::nullopt;
  const std::size_t colon = text.find(':');
  const auto per_second = ParseAmount(text.substr(0, colon));
  const auto burst = colon == std::string::npos ? per_second : ParseAmount(text.substr(colon + 1));
  if (!per_second || !burst) {
    throw ConfigError(std::string(option) +
                      " must be RATE or RATE:BURST, each above 0 and at most 1000000, as in 10:50 "
                      "(10 requests a second, 50 at once), not \"" +
                      text + '"');
  }
  return identity::Rate{*per_second, std::max(1.0, *burst)};
}

std::vector<Network> ParseNetworks(const std::vector<std::string> &texts) {
  std::vector<Network> networks;
  for (const std::string &text : texts) {
    const auto network = ParseNetwork(text);
    if (!network)
      throw ConfigError("trusted-proxy must be ADDRESS or ADDRESS/BITS, as in 10.0.0.0/8, not \"" + text + '"');
    networks.push_back(*network);
  }
  return networks;
}

} // namespace

ClientLimitOptions ClientLimitOptionsOf(const Options &options) {
  ClientLimitOptions limits;
  limits.address_rate = ParseRate("rate-limit-address", options.rate_limit_address);
  limits.client_rate = ParseRate("rate-limit-client", options.rate_limit_client);
  limits.live_of_address = options.live_limit_address;
  limits.live_of_client = options.live_limit_client;
  limits.trusted_proxies = ParseNetworks(options.trusted_proxies);
  return limits;
}

ClientLimits::ClientLimits(ClientLimitOptions options, Metrics &metrics)
    : options_(std::move(options)), address_refused_(CountRefused(metrics, "address")),
      client_refused_(CountRefused(metrics, "client")), live_refused_(CountRefused(metrics, "live")) {}

int ClientLimits::TakeOfAddress(const std::string &address_key) {
  if (!options_.address_rate) return 0;
  const int wait = addresses_.Take(address_key, *options_.address_rate);
  if (wait > 0) address_refused_.Increment();
  return wait;
}

int ClientLimits::TakeOfClient(const std::string &subject_hash) {
  if (!options_.client_rate || subject_hash.empty()) return 0;
  const int wait = clients_.Take(subject_hash, *options_.client_rate);
  if (wait > 0) client_refused_.Increment();
  return wait;
}

std::optional<ClientLimits::Ticket> ClientLimits::TakeLive(const std::string &address_key,
                                                           const std::string &subject_hash) {
  using Both = std::pair<std::shared_ptr<Count>, std::shared_ptr<Count>>;
  const bool address = options_.live_of_address > 0;
  const bool client = options_.live_of_client > 0 && !subject_hash.empty();
  if (!address && !client) return Ticket();
  auto both = std::make_shared<Both>();
  // Names of the one kind are bytes of an address, 4 or 8 of them, of the other 64 digits.
  if (address) both->first = Count::Take(live_, address_key, options_.live_of_address);
  if (client) both->second = Count::Take(live_, subject_hash, options_.live_of_client);
  if ((address && !both->first) || (client && !both->second)) {
    live_refused_.Increment();
    return std::nullopt;
  }
  return Ticket(std::move(both));
}

} // namespace itemize::sidecar::http
