#include "tail/row_copy.hpp"

#include "itemize/change_event.hpp"

#include <algorithm>
#include <utility>

namespace itemize::sidecar {
namespace {

constexpr std::chrono::milliseconds kEpochPollInterval{50};

} // namespace

StreamTip WaitForTip(StreamReader &reader, Services &services, const StopToken &stop) {
  bool announced = false;
  while (true) {
    if (auto tip = reader.ReadTip()) return std::move(*tip);
    if (!announced) services.log.Info("waiting_for_epoch");
    announced = true;
    if (stop.WaitFor(kEpochPollInterval)) throw Stopped();
  }
}

void WarnOfUnknownTypes(const TailOptions &tail, const StreamTip &tip, Services &services) {
  for (const std::string &type : tail.types) {
    const bool known = std::any_of(tip.types.begin(), tip.types.end(), [&](const auto &defined) {
      return defined.first == type && defined.second.substr(defined.second.find(' ') + 1, 1) != kUndefinedRead;
    });
    if (!known && type != kEveryName) services.log.Warning("type_not_defined", {{"type", type}});
  }
}

RowCopy RowCopy::Take(const Options &options, Services &services, const StopToken &stop, StreamReader &reader,
                      StreamTip tip) {
  while (true) {
    RowCopy copy;
    copy.rows = std::make_unique<SnapshotCopy>(options.database, stop);
    copy.types = options.tail.types;
    if (std::find(copy.types.begin(), copy.types.end(), kEveryName) != copy.types.end())
      copy.types = copy.rows->Types();
    StreamTip now = WaitForTip(reader, services, stop);
    const bool same = now.epoch == tip.epoch;
    copy.tip = std::move(tip);
    if (same) return copy;
    tip = std::move(now);
  }
}

void RowCopy::ForEachRow(const std::function<bool(const std::string &type, const SnapshotCopy::Row &row)> &take) {
  for (const std::string &type : types) {
    if (!rows->ForEachRow(type, [&](const SnapshotCopy::Row &row) { return take(type, row); })) return;
  }
}

} // namespace itemize::sidecar
