// All rows of item types as one snapshot of the primary contains them.
#pragma once

#include "itemize/lsn.hpp"
#include "postgres/connection.hpp"
#include "tail/transaction_snapshot.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace itemize::sidecar {

class SnapshotCopy {
public:
  /// Connects and takes the snapshot. Throws FatalError on a standby: its snapshots leave out running transactions
  /// that have committed on the primary.
  SnapshotCopy(const std::string &database, const StopToken &stop);

  [[nodiscard]] const TransactionSnapshot &snapshot() const { return snapshot_; }

  /// All defined types, in the order of their names.
  std::vector<std::string> Types();

  struct Row {
    std::string_view key;
    std::string_view item;
    std::string_view generation;
  };
  /// In key order, in pages of about a megabyte, until `take` says false, which is returned. Throws FatalError for a
  /// type that is not defined.
  bool ForEachRow(const std::string &type, const std::function<bool(const Row &)> &take);

  /// Lets the snapshot go. No transaction that it contains committed behind the position returned.
  Lsn End();

private:
  PostgresConnection connection_;
  TransactionSnapshot snapshot_;
};

} // namespace itemize::sidecar
