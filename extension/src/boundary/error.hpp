// Errors as C++ exceptions. Plain C++: a file that throws these need not see postgres.h.
#pragma once

#include <exception>
#include <string>
#include <utility>

struct ErrorData; // the server's (utils/elog.h)

namespace itemize {

/// A SQLSTATE in the server's packed form, as MAKE_SQLSTATE makes it (utils/elog.h): six bits a
/// character.
constexpr int SqlState(const char (&code)[6]) {
  int packed = 0;
  for (int i = 0; i < 5; ++i)
    packed += ((code[i] - '0') & 0x3F) << (6 * i);
  return packed;
}

/// An error of ours: what was wrong, with which input, and (hint) what to do.
class Error : public std::exception {
public:
  Error(int sqlstate, std::string message) : sqlstate_(sqlstate), message_(std::move(message)) {}

  Error &&Detail(std::string detail) && {
    detail_ = std::move(detail);
    return std::move(*this);
  }
  Error &&Hint(std::string hint) && {
    hint_ = std::move(hint);
    return std::move(*this);
  }

  [[nodiscard]] const char *what() const noexcept override { return message_.c_str(); }
  [[nodiscard]] int sqlstate() const noexcept { return sqlstate_; }
  [[nodiscard]] const std::string &detail() const noexcept { return detail_; }
  [[nodiscard]] const std::string &hint() const noexcept { return hint_; }

private:
  int sqlstate_;
  std::string message_;
  std::string detail_;
  std::string hint_;
};

/// An error of the server's, on its way from CallPg to Entry, which raises it again whole. Never to be
/// swallowed, but inside an internal subtransaction that is rolled back.
class PgError : public std::exception {
public:
  /// `data` is palloc'd (CopyErrorData) and lives as long as the memory context of the call.
  explicit PgError(ErrorData *data) noexcept : data_(data) {}

  [[nodiscard]] const char *what() const noexcept override { return "an error of the PostgreSQL server"; }
  [[nodiscard]] ErrorData *data() const noexcept { return data_; }

private:
  ErrorData *data_;
};

} // namespace itemize
