#include "postgres/connection.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <poll.h>

namespace itemize::sidecar {
namespace {

/// The shape in which libpq takes parameters. Texts are copied: libpq wants terminated strings.
struct ParameterArrays {
  explicit ParameterArrays(const PostgresParameters &parameters) {
    texts.reserve(parameters.size());
    for (const auto &parameter : parameters) {
      texts.emplace_back(parameter.value_or(std::string_view()));
      pointers.push_back(parameter ? texts.back().c_str() : nullptr);
    }
  }

  std::vector<std::string> texts;
  std::vector<const char *> pointers;
};

/// libpq's texts end with a line end, and some have several lines.
std::string OneLine(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const bool space = c == '\n' || c == '\t' || c == ' ';
    if (!space)
      line.push_back(c);
    else if (!line.empty() && line.back() != ' ')
      line.push_back(' ');
  }
  while (!line.empty() && line.back() == ' ')
    line.pop_back();
  return line;
}

bool IsSqlstate(std::string_view text) {
  return text.size() == 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
}

constexpr const char *kInvalidPassword = "28P01"; // errcodes.txt

/// libpq keeps no result of a refused connection, but its verbose text has the SQLSTATE, in whatever language the
/// server writes: "…: FATAL:  28P01: …" and a line LOCATION (pqBuildErrorMessage3 in fe-protocol3.c).
PostgresError RefusalOf(PGconn *connection) {
  const std::string_view verbose = PQerrorMessage(connection);
  constexpr std::string_view kBefore = ":  ";
  constexpr std::string_view kAfter = ": ";
  std::string sqlstate;
  std::string text(verbose.substr(0, verbose.find("\nLOCATION:")));
  for (std::size_t at = text.find(kBefore); at != std::string::npos; at = text.find(kBefore, at + 1)) {
    const std::size_t begin = at + kBefore.size();
    const std::string found = text.substr(begin, 5);
    if (!IsSqlstate(found) || text.compare(begin + found.size(), kAfter.size(), kAfter) != 0) continue;
    sqlstate = found;
    text.erase(begin, found.size() + kAfter.size());
    break;
  }
  // The server asked for a password and there was none: libpq gave up by itself.
  if (sqlstate.empty() && PQconnectionNeedsPassword(connection) != 0) sqlstate = kInvalidPassword;
  return {OneLine(text), sqlstate};
}

std::string ErrorField(const PGresult *result, int field) {
  const char *const text = PQresultErrorField(result, field);
  return text == nullptr ? std::string() : std::string(text);
}

} // namespace

int PostgresResult::rows() const { return PQntuples(result_.get()); }
int PostgresResult::columns() const { return PQnfields(result_.get()); }
bool PostgresResult::IsNull(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }

std::string_view PostgresResult::Text(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column), static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

void PostgresResult::Free::operator()(pg_result *result) const { PQclear(result); }
void PostgresConnection::Free::operator()(pg_conn *connection) const { PQfinish(connection); }

PostgresConnection::PostgresConnection(const std::string &url, PostgresSettings settings, StopToken stop)
    : settings_(std::move(settings)), stop_(std::move(stop)) {
  Connect(url);
}

void PostgresConnection::Connect(const std::string &url) {
  const Deadline deadline = std::chrono::steady_clock::now() + settings_.connect_timeout;
  // dbname is expanded as a connection string: it overrides what stands before it here, and what follows overrides it.
  // Without the first five a host that vanished would be noticed after a quarter of an hour.
  const std::array<const char *, 10> keywords = {"keepalives",
                                                 "keepalives_idle",
                                                 "keepalives_interval",
                                                 "keepalives_count",
                                                 "tcp_user_timeout",
                                                 "dbname",
                                                 "fallback_application_name",
                                                 "client_encoding",
                                                 settings_.replication ? "replication" : nullptr,
                                                 nullptr};
  const std::array<const char *, 10> values = {
      "1",
      "10", // seconds
      "5",  // seconds
      "3",
      "20000", // milliseconds
      url.c_str(), settings_.application_name.c_str(), "UTF8", settings_.replication ? "database" : nullptr, nullptr};
  connection_.reset(PQconnectStartParams(keywords.data(), values.data(), 1));
  if (!connection_) throw PostgresError("out of memory", "");
  if (PQstatus(connection_.get()) == CONNECTION_BAD) ThrowConnectionError();
  PQsetnonblocking(connection_.get(), 0);
  PQsetErrorVerbosity(connection_.get(), PQERRORS_VERBOSE);
  short events = POLLOUT;
  while (true) {
    Wait(events, deadline, "connecting");
    switch (PQconnectPoll(connection_.get())) {
    case PGRES_POLLING_OK: PQsetErrorVerbosity(connection_.get(), PQERRORS_DEFAULT); return;
    case PGRES_POLLING_READING: events = POLLIN; break;
    case PGRES_POLLING_WRITING: events = POLLOUT; break;
    default: throw RefusalOf(connection_.get());
    }
  }
}

PostgresResult PostgresConnection::Query(const std::string &sql, const PostgresParameters &parameters) {
  const ParameterArrays arrays(parameters);
  ThrowUnlessSent(PQsendQueryParams(connection_.get(), sql.c_str(), static_cast<int>(arrays.pointers.size()), nullptr,
                                    arrays.pointers.data(), nullptr, nullptr, 0));
  return Collect(settings_.query_timeout);
}

void PostgresConnection::Prepare(const std::string &name, const std::string &sql) {
  ThrowUnlessSent(PQsendPrepare(connection_.get(), name.c_str(), sql.c_str(), 0, nullptr));
  Collect(settings_.query_timeout);
}

PostgresResult PostgresConnection::QueryPrepared(const std::string &name, const PostgresParameters &parameters) {
  const ParameterArrays arrays(parameters);
  ThrowUnlessSent(PQsendQueryPrepared(connection_.get(), name.c_str(), static_cast<int>(arrays.pointers.size()),
                                      arrays.pointers.data(), nullptr, nullptr, 0));
  return Collect(settings_.query_timeout);
}

PostgresResult PostgresConnection::Execute(const std::string &sql, std::optional<std::chrono::milliseconds> timeout) {
  ThrowUnlessSent(PQsendQuery(connection_.get(), sql.c_str()));
  return Collect(timeout.value_or(settings_.query_timeout));
}

/// The last result of the query sent, which is the error when there is one.
PostgresResult PostgresConnection::Collect(std::chrono::milliseconds timeout) {
  const Deadline deadline = std::chrono::steady_clock::now() + timeout;
  PostgresResult last(nullptr);
  while (true) {
    while (PQisBusy(connection_.get()) != 0) {
      Wait(POLLIN, deadline, "a query");
      if (PQconsumeInput(connection_.get()) == 0) ThrowConnectionError();
    }
    PGresult *const next = PQgetResult(connection_.get());
    if (next == nullptr) break;
    last = PostgresResult(next);
    const ExecStatusType status = PQresultStatus(next);
    // COPY has begun: the stream is the caller's.
    if (status == PGRES_COPY_BOTH || status == PGRES_COPY_OUT || status == PGRES_COPY_IN) return last;
  }
  const ExecStatusType status = PQresultStatus(last.raw());
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return last;
  if (last.raw() == nullptr) ThrowConnectionError();
  std::string message = ErrorField(last.raw(), PG_DIAG_MESSAGE_PRIMARY);
  if (message.empty()) message = OneLine(PQresultErrorMessage(last.raw()));
  throw PostgresError(message, ErrorField(last.raw(), PG_DIAG_SQLSTATE), ErrorField(last.raw(), PG_DIAG_MESSAGE_HINT),
                      ErrorField(last.raw(), PG_DIAG_MESSAGE_DETAIL), ErrorField(last.raw(), PG_DIAG_COLUMN_NAME),
                      ErrorField(last.raw(), PG_DIAG_CONSTRAINT_NAME));
}

void PostgresConnection::Wait(short events, Deadline deadline, const char *what) {
  while (true) {
    stop_.ThrowIfStopped();
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) throw PostgresError("PostgreSQL did not answer in time: " + std::string(what), "");
    std::array<pollfd, 2> waits = {{{PQsocket(connection_.get()), events, 0}, {stop_.fd(), POLLIN, 0}}};
    if (poll(waits.data(), waits.size(), static_cast<int>(left.count())) > 0 && waits[0].revents != 0) return;
  }
}

void PostgresConnection::ThrowUnlessSent(int sent) {
  if (sent == 0) ThrowConnectionError();
}

void PostgresConnection::ThrowConnectionError() { throw PostgresError(OneLine(PQerrorMessage(connection_.get())), ""); }

int PostgresConnection::backend_pid() const { return PQbackendPID(connection_.get()); }

bool PostgresConnection::ok() const { return PQstatus(connection_.get()) == CONNECTION_OK; }

std::string DescribeDatabase(const std::string &url) {
  struct FreeOptions {
    void operator()(PQconninfoOption *options) const { PQconninfoFree(options); }
  };
  // libpq's message may repeat parts of the string, and those may be secret.
  const std::unique_ptr<PQconninfoOption, FreeOptions> options(PQconninfoParse(url.c_str(), nullptr));
  if (!options) {
    throw ConfigError("database: libpq does not understand the URL; "
                      "expected postgresql://[user[:password]@]host[:port]/database");
  }
  std::string text;
  for (const PQconninfoOption *option = options.get(); option->keyword != nullptr; ++option) {
    const std::string_view keyword = option->keyword;
    if (option->val == nullptr) continue;
    if (keyword != "host" && keyword != "port" && keyword != "dbname" && keyword != "user") continue;
    if (!text.empty()) text += ' ';
    text += std::string(keyword) + '=' + option->val;
  }
  return text;
}

} // namespace itemize::sidecar
