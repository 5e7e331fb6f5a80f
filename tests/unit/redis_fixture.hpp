// A real Redis of the test's own.
#pragma once

#include "redis/connection.hpp"

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>

namespace itemize::sidecar {

/// A redis-server on a Unix socket in a temporary directory, for the life of this object.
class PrivateRedis {
public:
  PrivateRedis() : directory_(MakeDirectory()), process_(Launch(directory_)) {
    endpoint_.socket_path = directory_ + "/socket";
  }
  ~PrivateRedis() {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
    std::filesystem::remove_all(directory_);
  }
  PrivateRedis(const PrivateRedis &) = delete;
  PrivateRedis &operator=(const PrivateRedis &) = delete;

  /// False when there is no redis-server on this machine.
  bool WaitUntilUp() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < deadline && waitpid(process_, nullptr, WNOHANG) == 0) {
      try {
        RedisConnection(endpoint_).Command({"PING"});
        return true;
      } catch (const RedisError &) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    }
    return false;
  }
  [[nodiscard]] const RedisEndpoint &endpoint() const { return endpoint_; }

private:
  static std::string MakeDirectory() {
    char name[] = "/tmp/itemize-redis-XXXXXX";
    return mkdtemp(name);
  }
  static pid_t Launch(const std::string &directory) {
    const std::string socket = directory + "/socket";
    const pid_t process = fork();
    if (process == 0) {
      execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket.c_str(), "--dir", directory.c_str(),
             "--save", "", "--logfile", "/dev/null", nullptr);
      _exit(127);
    }
    return process;
  }

  std::string directory_;
  pid_t process_;
  RedisEndpoint endpoint_;
};

/// With a Redis that the tests of a suite share, empty before each.
class RedisTest : public testing::Test {
protected:
  static void SetUpTestSuite() {
    server = std::make_unique<PrivateRedis>();
    if (!server->WaitUntilUp()) server.reset();
  }
  static void TearDownTestSuite() { server.reset(); }

  void SetUp() override {
    ASSERT_TRUE(server) << "redis-server is needed";
    redis_.emplace(server->endpoint());
    redis_->Command({"FLUSHALL"});
  }

  inline static std::unique_ptr<PrivateRedis> server;
  std::optional<RedisConnection> redis_;
};

} // namespace itemize::sidecar
