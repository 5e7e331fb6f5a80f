// A logical slot's stream (the manual's "Streaming Replication Protocol"; "Logical Streaming
// Replication Parameters").
#pragma once

#include "itemize/lsn.hpp"
#include "postgres/connection.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace itemize::sidecar {

/// Name of our output plugin.
inline constexpr const char *kOutputPlugin = "itemize";

struct SystemIdentity {
  std::uint64_t system_identifier = 0;
  std::uint32_t timeline = 0;
};

struct SlotState {
  bool exists = false;
  std::string plugin;
  std::string database;
  /// Process that reads it now; 0: none.
  int active_pid = 0;
  Lsn confirmed = 0;
  /// The WAL that the slot needs is gone (max_slot_wal_keep_size): it can never be streamed again.
  bool lost = false;
};

/// From pg_replication_slots.
SlotState ReadSlot(PostgresConnection &connection, const std::string &slot);

/// For one thread at a time.
class ReplicationStream {
public:
  ReplicationStream(const std::string &url, const StopToken &stop);

  SystemIdentity IdentifySystem();
  /// Waits for transactions in progress to end, however long they take.
  void CreateSlot(const std::string &slot);
  void DropSlot(const std::string &slot);
  std::string Show(const std::string &setting);
  PostgresConnection &connection() { return connection_; }

  /// From the slot's confirmed position on. Throws PostgresError 55006 while somebody else reads it. `careful`: changes
  /// that cannot be encoded are set aside, instead of ending the stream; slower.
  void Start(const std::string &slot, bool careful = false);

  struct Message {
    enum class Kind { kData, kKeepalive };
    Kind kind = Kind::kData;
    /// The plugin's message; valid until the next call.
    std::string_view data;
    /// Keepalive: everything that ends up to here has been sent.
    Lsn wal_end = 0;
    bool reply_requested = false;
  };
  /// The next message that has arrived; false when there is none yet. Throws when the stream ended.
  bool Receive(Message &message);
  /// Until something arrived, a stop is requested or the time is over.
  void Wait(std::chrono::milliseconds longest);
  /// Tells the server that everything up to `confirmed` is safe with us: it may be forgotten there.
  void SendStatus(Lsn confirmed);

private:
  struct Free {
    void operator()(char *buffer) const;
  };
  [[noreturn]] void ThrowEnded();

  PostgresConnection connection_;
  std::unique_ptr<char, Free> buffer_;
};

} // namespace itemize::sidecar
