#include "postgres/password.hpp"

#include "base/errors.hpp"
#include "postgres/connection.hpp"

#include <libpq-fe.h>

#include <memory>

namespace itemize::sidecar {
namespace {

struct FreeOptions {
  void operator()(PQconninfoOption *options) const { PQconninfoFree(options); }
};

/// libpq's quoting (conninfo_parse in fe-connect.c): single quotes, backslash before ' and \.
void AppendPair(std::string &conninfo, const std::string &keyword, const std::string &value) {
  if (!conninfo.empty()) conninfo += ' ';
  conninfo += keyword + "='";
  for (const char c : value) {
    if (c == '\'' || c == '\\') conninfo += '\\';
    conninfo += c;
  }
  conninfo += '\'';
}

} // namespace

std::string WithDatabasePassword(const std::string &url, const std::string &password) {
  DescribeDatabase(url); // refuses what libpq does not understand
  const std::unique_ptr<PQconninfoOption, FreeOptions> options(PQconninfoParse(url.c_str(), nullptr));
  std::string conninfo;
  for (const PQconninfoOption *option = options.get(); option != nullptr && option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    if (std::string(option->keyword) == "password") throw ConfigError("the database URL holds a password already");
    AppendPair(conninfo, option->keyword, option->val);
  }
  AppendPair(conninfo, "password", password);
  return conninfo;
}

} // namespace itemize::sidecar
