#include "tail/floor.hpp"

#include "redis/consumer_report.hpp"
#include "redis/endpoint.hpp"
#include "redis/script.hpp"

#include <random>

namespace itemize::sidecar {
namespace {

constexpr std::chrono::seconds kRenewInterval{1};

const RedisScript &ReportScript() {
  static const RedisScript script(R"lua(
-- KEYS: groups; ARGV: name, floor, milliseconds, what names of copies begin with. Copies that were broken off, silent for so long, are taken out.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local held = redis.call('HGETALL', KEYS[1])
for i = 1, #held, 2 do
  local reported = tonumber(string.match(held[i + 1], ' (%d+)') or '0')
  if string.sub(held[i], 1, #ARGV[4]) == ARGV[4] and now - reported > tonumber(ARGV[3]) then redis.call('HDEL', KEYS[1], held[i]) end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. string.format('%.0f', now))
return 1
)lua");
  return script;
}

} // namespace

std::string RandomName() {
  std::random_device random;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string name;
  while (name.size() < 16)
    name.push_back(kDigits[random() % kDigits.size()]);
  return name;
}

FloorHold::FloorHold(const Options &options, const Epoch &epoch, const Version &floor)
    : endpoint_(ParseRedisUrl(options.global_redis)), key_(GlobalKeys(options.prefix).Groups(FormatEpoch(epoch))),
      name_(std::string(kCopyName) + RandomName()), floor_(floor) {
  Renew();
}

FloorHold::~FloorHold() {
  try {
    if (connection_) connection_->Command({"HDEL", key_, name_});
  } catch (const std::exception &) { // NOLINT(bugprone-empty-catch): a name that is not renewed counts no more
  }
}

void FloorHold::RenewIfDue() {
  if (std::chrono::steady_clock::now() - renewed_ >= kRenewInterval) Renew();
}

void FloorHold::Renew() {
  static const std::string silence = std::to_string(std::chrono::milliseconds(kClusterSilence).count());
  try {
    if (!connection_) connection_.emplace(endpoint_);
    ReportScript().Run(*connection_, {key_}, {name_, FormatVersion(floor_), silence, kCopyName});
  } catch (const RedisError &) {
    connection_.reset();
    throw;
  }
  renewed_ = std::chrono::steady_clock::now();
}

} // namespace itemize::sidecar
