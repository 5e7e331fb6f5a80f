// The command line, the environment and the file, and what is refused.
#include "options.hpp"

#include "base/errors.hpp"
#include "base/scope_exit.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>

namespace {

using namespace itemize::sidecar;

CommandLine Parse(std::vector<const char *> arguments) {
  arguments.insert(arguments.begin(), "itemize-sidecar");
  return ParseCommandLine(static_cast<int>(arguments.size()), arguments.data());
}

std::string Refusal(const std::vector<const char *> &arguments) {
  try {
    Parse(arguments);
  } catch (const ConfigError &error) {
    return error.what();
  }
  return "";
}

TEST(Options, ASearchHasTenMinutesAtMost) {
  const std::vector<const char *> given = {"absolute", "--database",  "postgresql://h/d",
                                           "--redis",  "redis://r:1", "--search-timeout-milliseconds"};
  const auto with = [&](const char *value) {
    auto arguments = given;
    arguments.push_back(value);
    return Refusal(arguments);
  };
  EXPECT_EQ(with("600000"), "");
  EXPECT_EQ(with("600001"), "search-timeout-milliseconds must be at most 600000");
}

TEST(Options, OneRedisServesBothRoles) {
  const Options options = Parse({"absolute", "--database", "postgresql://h/d", "--redis", "redis://r:1"}).options;
  EXPECT_EQ(options.global_redis, "redis://r:1");
  EXPECT_EQ(options.local_redis, "redis://r:1");
  EXPECT_EQ(options.replication_database, "postgresql://h/d");
  EXPECT_TRUE(options.RunsGlobal() && options.RunsLocal() && options.RunsExtended());
  EXPECT_EQ(options.slot, "itemize");
  EXPECT_EQ(options.listen_address, "127.0.0.1");
  EXPECT_EQ(options.listen_port, 8080);
}

TEST(Options, EachModeAsksForWhatItNeeds) {
  EXPECT_NE(Refusal({"global", "--redis", "redis://r"}).find("--database"), std::string::npos);
  EXPECT_NE(Refusal({"global", "--database", "dbname=d"}).find("--global-redis"), std::string::npos);
  EXPECT_EQ(Refusal({"local", "--redis", "redis://r"}), "");
  EXPECT_NE(Refusal({"local", "--global-redis", "redis://r"}).find("--local-redis"), std::string::npos);
  EXPECT_EQ(Refusal({"extended", "--database", "dbname=d", "--local-redis", "redis://r"}), "");
}

TEST(Options, AFlagGoesBeforeTheEnvironmentAndThatBeforeTheFile) {
  char path[] = "/tmp/itemize-options-XXXXXX";
  const int fd = mkstemp(path);
  ASSERT_GE(fd, 0);
  close(fd);
  const ScopeExit clean_up([&] {
    unlink(path);
    unsetenv("ITEMIZE_SLOT");
    unsetenv("ITEMIZE_PREFIX");
  });
  std::ofstream(path) << "slot = \"from_file\"\nprefix = \"from_file\"\nitem-ttl-seconds = 7\n";
  setenv("ITEMIZE_SLOT", "from_environment", 1);
  setenv("ITEMIZE_PREFIX", "from_environment", 1);
  const Options options = Parse({"local", "--redis", "redis://r", "--config", path, "--prefix", "from_flag"}).options;
  EXPECT_EQ(options.prefix, "from_flag");
  EXPECT_EQ(options.slot, "from_environment");
  EXPECT_EQ(options.item_ttl, std::chrono::seconds(7));
  std::ofstream(path) << "slto = \"x\"\n";
  EXPECT_NE(Refusal({"local", "--redis", "redis://r", "--config", path}), "");
}

TEST(Options, RefusesWrongValues) {
  const std::vector<const char *> good = {"local", "--redis", "redis://r"};
  for (const auto &[flag, value] : std::vector<std::pair<const char *, const char *>>{{"--listen", "8080"},
                                                                                      {"--listen", "h:65536"},
                                                                                      {"--listen", ":80"},
                                                                                      {"--log-level", "loud"},
                                                                                      {"--slot", "Upper"},
                                                                                      {"--prefix", "a*"},
                                                                                      {"--prefix", "{a}"},
                                                                                      {"--item-ttl-seconds", "0"},
                                                                                      {"--stream-max-entries", "0"},
                                                                                      {"--stream-max-entries", "-1"},
                                                                                      {"--max-connections", "0"},
                                                                                      {"--live-buffer", "-1"},
                                                                                      {"--no-such", "flag"}}) {
    auto arguments = good;
    arguments.push_back(flag);
    arguments.push_back(value);
    EXPECT_NE(Refusal(arguments), "") << flag << ' ' << value;
  }
  EXPECT_NE(Refusal({}), "");
  EXPECT_NE(Refusal({"universal"}), "");
  EXPECT_NE(Refusal({"local", "extra", "--redis", "redis://r"}), "");
}

TEST(Options, ARefusalHoldsNoPassword) {
  for (const std::string &text :
       {Refusal({"local", "--redis", "redis://u:secret@h:port"}),
        Refusal({"global", "--redis", "redis://r", "--database", "postgresql://u:secret@[h/d"}),
        Refusal({"global", "--redis", "redis://r", "--database", "u:secret@h"})}) {
    EXPECT_NE(text, "");
    EXPECT_EQ(text.find("secret"), std::string::npos) << text;
  }
}

TEST(Options, PasswordsComeFromFiles) {
  char path[] = "/tmp/itemize-password-XXXXXX";
  const int fd = mkstemp(path);
  ASSERT_GE(fd, 0);
  close(fd);
  const ScopeExit clean_up([&] { unlink(path); });
  std::ofstream(path) << "it's a \\ p@ss/word\n";
  const std::vector<const char *> all = {"absolute",
                                         "--database",
                                         "postgresql://reader@h:6432/d?sslmode=disable",
                                         "--database-password-file",
                                         path,
                                         "--redis",
                                         "redis://itemize@r:1/2",
                                         "--redis-password-file",
                                         path};
  const Options options = Parse(all).options;
  EXPECT_EQ(options.database,
            R"(user='reader' dbname='d' host='h' port='6432' sslmode='disable' password='it\'s a \\ p@ss/word')");
  EXPECT_EQ(options.replication_database, options.database);
  EXPECT_EQ(options.global_redis, "redis://itemize:it%27s%20a%20%5C%20p%40ss%2Fword@r:1/2");
  EXPECT_EQ(options.local_redis, options.global_redis);

  // Each server has a file of its own; a password in two places, or a file that holds none, is refused.
  const std::vector<const char *> base = {"absolute", "--database", "postgresql://u@h/d", "--redis", "redis://r"};
  for (const auto &[flag, value, reason] : std::vector<std::array<const char *, 3>>{
           {"--database-password-file", "/no/such/file", "/no/such/file"},
           {"--database-password-file", "/dev/null", "/dev/null"},
           {"--replication-database-password-file", path, "needs --replication-database"},
           {"--global-redis-password-file", path, "needs --global-redis"},
           {"--local-redis-password-file", path, "needs --local-redis"}}) {
    auto arguments = base;
    arguments.insert(arguments.end(), {flag, value});
    EXPECT_NE(Refusal(arguments).find(reason), std::string::npos) << Refusal(arguments);
  }
  for (const std::vector<const char *> &twice :
       {std::vector<const char *>{"local", "--redis", "redis://u:other@r", "--redis-password-file", path},
        {"absolute", "--redis", "redis://r", "--database", "postgresql://u:other@h/d", "--database-password-file",
         path}}) {
    EXPECT_NE(Refusal(twice).find("already"), std::string::npos) << Refusal(twice);
    EXPECT_EQ(Refusal(twice).find("other"), std::string::npos);
  }
  EXPECT_EQ(Parse({"local", "--redis", "unix:///run/redis.sock", "--redis-password-file", path}).options.local_redis,
            "unix://:it%27s%20a%20%5C%20p%40ss%2Fword@/run/redis.sock");
}

TEST(Options, CheckConfigValidatesForAMode) {
  EXPECT_EQ(Parse({"check-config", "local", "--redis", "redis://r"}).action, CommandLine::Action::kCheckConfig);
  EXPECT_NE(Refusal({"check-config", "--redis", "redis://r"}).find("--database"), std::string::npos);
  EXPECT_EQ(Parse({"--version"}).action, CommandLine::Action::kShow);
  EXPECT_EQ(Parse({"--version"}).text, "itemize-sidecar " ITEMIZE_VERSION "\n");
  EXPECT_NE(Parse({"--help"}).text.find("ITEMIZE_GLOBAL_REDIS"), std::string::npos);
}

} // namespace
