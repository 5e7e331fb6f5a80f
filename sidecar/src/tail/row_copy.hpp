// A copy of rows and the place in the stream from which it is continued, without gap and without double.
//
// The stream's end is read first, then the snapshot is taken. Whatever stands in the stream up to that end is in the
// snapshot (nothing ships before it is visible); of what comes later, each event's transaction id says whether it is.
#pragma once

#include "base/services.hpp"
#include "base/stop_token.hpp"
#include "local/stream_reader.hpp"
#include "options.hpp"
#include "tail/snapshot_copy.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace itemize::sidecar {

/// Waits while no epoch has begun. Throws Stopped.
StreamTip WaitForTip(StreamReader &reader, Services &services, const StopToken &stop);

/// A name with a slip of the pen would wait for ever without a word.
void WarnOfUnknownTypes(const TailOptions &tail, const StreamTip &tip, Services &services);

struct RowCopy {
  /// Begins a copy whose snapshot and tip are of the same epoch.
  static RowCopy Take(const Options &options, Services &services, const StopToken &stop, StreamReader &reader,
                      StreamTip tip);

  void ForEachRow(const std::function<bool(const std::string &type, const SnapshotCopy::Row &row)> &take);
  /// Behind this position no event is of a transaction that the snapshot contains.
  Lsn End() { return rows->End(); }
  [[nodiscard]] const TransactionSnapshot &snapshot() const { return rows->snapshot(); }

  StreamTip tip;
  std::vector<std::string> types;
  std::unique_ptr<SnapshotCopy> rows;
};

} // namespace itemize::sidecar
