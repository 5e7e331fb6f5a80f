// One connection to PostgreSQL. All waiting is bounded and ends when a stop is requested.
#pragma once

#include "base/errors.hpp"
#include "base/stop_token.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct pg_conn;
struct pg_result;

namespace itemize::sidecar {

/// What the server, or libpq, complained about.
class PostgresError : public Error {
public:
  PostgresError(const std::string &message, std::string sqlstate, std::string hint = {}, const std::string &detail = {},
                std::string column = {}, std::string constraint = {})
      : Error(detail.empty() ? message : message + ": " + detail), message_size_(message.size()),
        sqlstate_(std::move(sqlstate)), hint_(std::move(hint)), column_(std::move(column)),
        constraint_(std::move(constraint)) {}

  /// what() without the DETAIL, which may have values of rows.
  [[nodiscard]] std::string_view message() const { return std::string_view(what()).substr(0, message_size_); }

  /// Empty when the connection is gone, or there was none and nobody refused it.
  [[nodiscard]] const std::string &sqlstate() const { return sqlstate_; }
  [[nodiscard]] const std::string &hint() const { return hint_; }
  /// Names of what it is about; empty: of none.
  [[nodiscard]] const std::string &column() const { return column_; }
  [[nodiscard]] const std::string &constraint() const { return constraint_; }

private:
  std::size_t message_size_;
  std::string sqlstate_;
  std::string hint_;
  std::string column_;
  std::string constraint_;
};

/// The rows of a query, as text.
class PostgresResult {
public:
  explicit PostgresResult(pg_result *result) : result_(result) {}

  [[nodiscard]] int rows() const;
  [[nodiscard]] int columns() const;
  [[nodiscard]] bool IsNull(int row, int column) const;
  /// Empty for null; valid as long as the result.
  [[nodiscard]] std::string_view Text(int row, int column) const;
  [[nodiscard]] pg_result *raw() const { return result_.get(); }

private:
  struct Free {
    void operator()(pg_result *result) const;
  };
  std::unique_ptr<pg_result, Free> result_;
};

struct PostgresSettings {
  std::string application_name = "itemize-sidecar";
  std::chrono::milliseconds connect_timeout{3000};
  /// Longest wait for a query's answer.
  std::chrono::milliseconds query_timeout{10000};
  /// Makes a walsender connection (replication=database).
  bool replication = false;
};

using PostgresParameters = std::vector<std::optional<std::string_view>>;

/// For one thread at a time. After a PostgresError without SQLSTATE or a Stopped the connection is not
/// to be used again.
class PostgresConnection {
public:
  /// `url`: a libpq URI or keyword=value string. Throws PostgresError, with the SQLSTATE of a server that refuses.
  PostgresConnection(const std::string &url, PostgresSettings settings, StopToken stop);

  /// Parameters are text, an empty optional is null.
  PostgresResult Query(const std::string &sql, const PostgresParameters &parameters = {});
  void Prepare(const std::string &name, const std::string &sql);
  PostgresResult QueryPrepared(const std::string &name, const PostgresParameters &parameters);
  /// Simple protocol, as replication commands need it. `timeout`: instead of the setting's.
  PostgresResult Execute(const std::string &sql, std::optional<std::chrono::milliseconds> timeout = {});

  /// Whether libpq believes that the connection is up.
  [[nodiscard]] bool ok() const;
  /// Process id of the server's side.
  [[nodiscard]] int backend_pid() const;
  [[nodiscard]] pg_conn *raw() const { return connection_.get(); }
  [[nodiscard]] const StopToken &stop() const { return stop_; }

private:
  struct Free {
    void operator()(pg_conn *connection) const;
  };
  using Deadline = std::chrono::steady_clock::time_point;

  void Connect(const std::string &url);
  void Wait(short events, Deadline deadline, const char *what);
  PostgresResult Collect(std::chrono::milliseconds timeout);
  void ThrowUnlessSent(int sent);
  [[noreturn]] void ThrowConnectionError();

  PostgresSettings settings_;
  StopToken stop_;
  std::unique_ptr<pg_conn, Free> connection_;
};

/// Host, port, database and user of a libpq URI or conninfo string, without any secret: for logs.
/// Throws ConfigError, without repeating the string, when libpq does not understand it.
std::string DescribeDatabase(const std::string &url);

} // namespace itemize::sidecar
