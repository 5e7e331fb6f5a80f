#include "global/report_text.hpp"

#include "global/trim_rules.hpp"

#include <nlohmann/json.hpp>

namespace itemize::sidecar {
namespace {

nlohmann::json ConsumerJson(const StreamPicture &picture, const StreamConsumer &consumer) {
  return {{"name", consumer.name},
          {"applied", FormatPgLsn(consumer.position.commit_lsn)},
          {"complete", FormatPgLsn(consumer.complete)},
          {"lag_bytes", picture.lag_bytes(consumer)},
          {"silent_seconds", picture.silent_seconds(consumer)},
          {"live", IsLive(picture, consumer)}};
}

} // namespace

std::string ReportJson(const StreamPicture &picture, const std::string &slot) {
  nlohmann::json report = {{"epoch", FormatEpoch(picture.epoch)},
                           {"slot", slot},
                           {"published", FormatPgLsn(picture.last.commit_lsn)},
                           {"entries", picture.length},
                           {"bytes", picture.held_bytes()},
                           {"oldest_seconds", picture.oldest_seconds()},
                           {"clusters", nlohmann::json::array()},
                           {"groups", nlohmann::json::array()}};
  for (const StreamConsumer &cluster : picture.clusters)
    report["clusters"].push_back(ConsumerJson(picture, cluster));
  for (const StreamConsumer &group : picture.groups)
    report["groups"].push_back(ConsumerJson(picture, group));
  return report.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string ReportEssence(const StreamPicture &picture) {
  std::string essence = FormatEpoch(picture.epoch);
  if (picture.last.ordinal != 0) essence += ' ' + FormatVersion(picture.last);
  const auto add = [&](const StreamConsumer &consumer) {
    essence += ' ' + consumer.name + (IsLate(picture, consumer) ? IsLive(picture, consumer) ? "~" : "-" : "+") +
               (picture.lag_bytes(consumer) > kMuchLag ? "<" : "") +
               (consumer.position < picture.last && picture.last.ordinal != 0 ? "<" : "=");
  };
  for (const StreamConsumer &cluster : picture.clusters)
    add(cluster);
  for (const StreamConsumer &group : picture.groups)
    add(group);
  return essence;
}

} // namespace itemize::sidecar
