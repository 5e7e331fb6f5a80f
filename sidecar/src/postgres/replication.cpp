#include "postgres/replication.hpp"

#include <libpq-fe.h>

#include <array>
#include <poll.h>

namespace itemize::sidecar {
namespace {

/// A slot's creation waits for every transaction in progress; only a stop ends that wait.
constexpr std::chrono::hours kSlotCreationTimeout{24};

/// PostgreSQL counts microseconds from 2000-01-01, Unix seconds from 1970-01-01.
constexpr std::int64_t kPostgresEpochUnixSeconds = 946'684'800;

std::string Quoted(const std::string &name) { return '"' + name + '"'; }

std::uint64_t ReadBigEndian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes.substr(0, 8))
    value = (value << 8U) | static_cast<unsigned char>(byte);
  return value;
}

void AppendBigEndian(std::string &bytes, std::uint64_t value) {
  for (unsigned shift = 64; shift > 0; shift -= 8)
    bytes.push_back(static_cast<char>((value >> (shift - 8)) & 0xFFU));
}

PostgresSettings ReplicationSettings() {
  PostgresSettings settings;
  settings.replication = true;
  return settings;
}

Error Unexpected(const std::string &what) { return Error("unexpected answer of PostgreSQL: " + what); }

constexpr std::size_t kDataHeaderBytes = 1 + 8 + 8 + 8;
constexpr std::size_t kKeepaliveBytes = 1 + 8 + 8 + 1;

} // namespace

SlotState ReadSlot(PostgresConnection &connection, const std::string &slot) {
  // Simple protocol: a walsender knows no other.
  const PostgresResult result =
      connection.Execute("SELECT plugin, database, active_pid, confirmed_flush_lsn, wal_status = 'lost' "
                         "FROM pg_catalog.pg_replication_slots WHERE slot_name = '" +
                         slot + "'");
  SlotState state;
  if (result.rows() == 0) return state;
  state.exists = true;
  state.plugin = result.Text(0, 0);
  state.database = result.Text(0, 1);
  if (!result.IsNull(0, 2)) state.active_pid = static_cast<int>(ParseUint64(result.Text(0, 2)).value_or(0));
  state.confirmed = ParsePgLsn(result.Text(0, 3)).value_or(0);
  state.lost = result.Text(0, 4) == "t";
  return state;
}

ReplicationStream::ReplicationStream(const std::string &url, const StopToken &stop)
    : connection_(url, ReplicationSettings(), stop) {}

SystemIdentity ReplicationStream::IdentifySystem() {
  const PostgresResult result = connection_.Execute("IDENTIFY_SYSTEM");
  if (result.rows() != 1 || result.columns() < 3) throw Unexpected("IDENTIFY_SYSTEM");
  const auto system = ParseUint64(result.Text(0, 0));
  const auto timeline = ParseUint64(result.Text(0, 1));
  if (!system || !timeline) throw Unexpected("IDENTIFY_SYSTEM");
  return {*system, static_cast<std::uint32_t>(*timeline)};
}

void ReplicationStream::CreateSlot(const std::string &slot) {
  connection_.Execute("CREATE_REPLICATION_SLOT " + Quoted(slot) + " LOGICAL " + Quoted(kOutputPlugin) +
                          " NOEXPORT_SNAPSHOT",
                      kSlotCreationTimeout);
}

void ReplicationStream::DropSlot(const std::string &slot) {
  connection_.Execute("DROP_REPLICATION_SLOT " + Quoted(slot));
}

std::string ReplicationStream::Show(const std::string &setting) {
  const PostgresResult result = connection_.Execute("SHOW " + setting);
  if (result.rows() != 1) throw Unexpected("SHOW");
  return std::string(result.Text(0, 0));
}

void ReplicationStream::Start(const std::string &slot, bool careful) {
  const PostgresResult result = connection_.Execute("START_REPLICATION SLOT " + Quoted(slot) +
                                                    " LOGICAL 0/0 (version '3'" + (careful ? ", careful '1')" : ")"));
  if (PQresultStatus(result.raw()) != PGRES_COPY_BOTH) throw Unexpected("START_REPLICATION");
}

bool ReplicationStream::Receive(Message &message) {
  while (true) {
    char *raw = nullptr;
    const int length = PQgetCopyData(connection_.raw(), &raw, 1);
    buffer_.reset(raw);
    if (length == 0) {
      // Nothing complete in libpq's buffer: take in what the socket has, once.
      if (PQconsumeInput(connection_.raw()) == 0) ThrowEnded();
      const int again = PQgetCopyData(connection_.raw(), &raw, 1);
      buffer_.reset(raw);
      if (again == 0) return false;
      if (again < 0) ThrowEnded();
      message.data = {raw, static_cast<std::size_t>(again)};
    } else if (length < 0) {
      ThrowEnded();
    } else {
      message.data = {raw, static_cast<std::size_t>(length)};
    }
    const std::string_view bytes = message.data;
    if (bytes[0] == 'w' && bytes.size() >= kDataHeaderBytes) {
      message.kind = Message::Kind::kData;
      message.data = bytes.substr(kDataHeaderBytes);
      return true;
    }
    if (bytes[0] == 'k' && bytes.size() >= kKeepaliveBytes) {
      message.kind = Message::Kind::kKeepalive;
      message.data = {};
      message.wal_end = ReadBigEndian(bytes.substr(1));
      message.reply_requested = bytes[1 + 8 + 8] != 0;
      return true;
    }
  }
}

void ReplicationStream::Wait(std::chrono::milliseconds longest) {
  const int stop = connection_.stop().fd();
  std::array<pollfd, 2> waits = {{{PQsocket(connection_.raw()), POLLIN, 0}, {stop, POLLIN, 0}}};
  poll(waits.data(), waits.size(), static_cast<int>(longest.count()));
}

void ReplicationStream::SendStatus(Lsn confirmed) {
  const auto since_unix = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::system_clock::now().time_since_epoch() - std::chrono::seconds(kPostgresEpochUnixSeconds));
  std::string status = "r";
  for (int i = 0; i < 3; ++i)
    AppendBigEndian(status, confirmed); // written, flushed, applied
  AppendBigEndian(status, static_cast<std::uint64_t>(since_unix.count()));
  status.push_back('\0'); // no answer wanted
  if (PQputCopyData(connection_.raw(), status.data(), static_cast<int>(status.size())) != 1 ||
      PQflush(connection_.raw()) != 0) {
    throw PostgresError(PQerrorMessage(connection_.raw()), "");
  }
}

void ReplicationStream::ThrowEnded() {
  // -1: the server ended the stream, its error comes as the result; otherwise the connection broke.
  std::string text = PQerrorMessage(connection_.raw());
  std::string sqlstate;
  if (PGresult *const result = PQgetResult(connection_.raw()); result != nullptr) {
    const PostgresResult owned(result);
    if (PQresultStatus(result) == PGRES_FATAL_ERROR) {
      text = PQresultErrorMessage(result);
      if (const char *const state = PQresultErrorField(result, PG_DIAG_SQLSTATE)) sqlstate = state;
    }
  }
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  throw PostgresError(text.empty() ? "the replication stream ended" : text, sqlstate);
}

void ReplicationStream::Free::operator()(char *buffer) const { PQfreemem(buffer); }

} // namespace itemize::sidecar
