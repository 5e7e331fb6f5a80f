// tail by itself: one reader, its position in the lines that it prints.
#pragma once

#include "base/services.hpp"
#include "base/stop_token.hpp"
#include "local/stream_reader.hpp"
#include "options.hpp"
#include "tail/floor.hpp"
#include "tail/interest.hpp"
#include "tail/line_writer.hpp"
#include "tail/transaction_snapshot.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace itemize::sidecar {

class PlainSession {
public:
  PlainSession(const Options &options, Services &services, StopToken stop);

  /// Until a stop, the limit or the place that --until names. A Redis that is away is waited for. Throws ResyncNeeded.
  void Run();

private:
  using Clock = std::chrono::steady_clock;

  /// Settles epoch and position; copies the rows when they are asked for.
  void Start(StreamReader &reader);
  void CopyRows(StreamReader &reader, StreamTip tip);
  void Follow(StreamReader &reader);
  void TakePiece(const Version &version, std::string_view piece);
  void Print(std::string record);
  /// Ends the line that waits for whether another one of its transaction follows.
  void CloseOpenRecord(bool last);
  void GoLive();
  /// While the output waits for its reader.
  void RenewHold(Clock::duration taken_nothing);
  void PrintProgressIfDue();
  [[nodiscard]] bool Done() const;

  const Options &options_;
  Services &services_;
  StopToken stop_;
  Interest interest_;
  LineWriter writer_;

  bool started_ = false;
  Epoch epoch_;
  std::string epoch_text_;
  /// Read up to here.
  Version after_;
  std::optional<Version> until_;
  bool inside_transaction_ = false;
  /// While changes pass that the copied rows may contain: up to `horizon_`.
  std::optional<TransactionSnapshot> snapshot_;
  Lsn horizon_ = 0;
  /// From before the rows are copied until the end of the stream has been read once.
  std::optional<FloorHold> hold_;
  std::string open_record_;
  std::uint64_t printed_ = 0;
  Clock::time_point last_line_ = Clock::now();
  Version last_marked_;
};

} // namespace itemize::sidecar
