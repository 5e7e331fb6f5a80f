// Where the keys of tokens come from: files and URLs, read again, each for itself.
#include "identity/key_store.hpp"

#include "base/errors.hpp"
#include "base/logger.hpp"
#include "base/metrics.hpp"
#include "base/stop_token.hpp"
#include "http/authentication.hpp"
#include "identity/jwks.hpp"
#include "identity/key_source.hpp"
#include "identity/key_url.hpp"
#include "identity/verifier.hpp"
#include "signed_tokens.hpp"

#include <gtest/gtest.h>
#include <httplib.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <future>
#include <thread>

namespace {

using namespace itemize::sidecar;
using namespace itemize::sidecar::identity;
using Kind = Verdict::Kind;
using SystemClock = std::chrono::system_clock;

TEST(Identity, KeysComeFromThisMachineOrByHttps) {
  const auto refused = [](const char *url) {
    try {
      (void)KeySourcesOf({"", url});
      return false;
    } catch (const ConfigError &) {
      return true;
    }
  };
  EXPECT_FALSE(refused("https://id.example.org/keys"));
  EXPECT_FALSE(refused("https://id.example.org"));
  EXPECT_FALSE(refused("http://127.0.0.1:9000/keys"));
  EXPECT_FALSE(refused("http://localhost/keys"));
  EXPECT_FALSE(refused("/etc/keys.json"));
  EXPECT_TRUE(refused("http://id.example.org/keys"));
  EXPECT_TRUE(refused("http://127.0.0.1.example.org/keys"));
  EXPECT_TRUE(refused("http://localhost.example.org/keys"));
  EXPECT_TRUE(refused("https://user@id.example.org/keys"));
  EXPECT_TRUE(refused("https://user:word@id.example.org/keys"));
  EXPECT_TRUE(refused("http://127.0.0.1@id.example.org/keys"));
  EXPECT_TRUE(refused("https:///keys"));
  EXPECT_TRUE(refused("https://"));
  EXPECT_TRUE(refused("https://:443/keys"));
  EXPECT_TRUE(refused("https://id example.org/keys"));
  EXPECT_FALSE(refused("https://id.example.org:65535/keys"));
  EXPECT_TRUE(refused("https://id.example.org:65536/keys"));
  EXPECT_TRUE(refused("https://id.example.org:0/keys"));
  EXPECT_TRUE(refused("https://id.example.org:-1/keys"));
  EXPECT_TRUE(refused("https://id.example.org:https/keys"));
  EXPECT_FALSE(refused("https://[2001:db8::1]:8443/keys"));
  EXPECT_FALSE(refused("http://[::1]:9000/keys"));
  EXPECT_TRUE(refused("http://[2001:db8::1]/keys"));
  EXPECT_TRUE(refused("https://[2001:db8::1/keys"));
  EXPECT_TRUE(refused("https://[2001:db8::g]/keys"));
}

/// A file that is gone in the end.
class OwnFile {
public:
  explicit OwnFile(const std::string &text) {
    const int descriptor = mkstemp(path_.data());
    if (descriptor < 0) throw Error("no temporary file");
    close(descriptor);
    Write(text);
  }
  OwnFile(const OwnFile &) = delete;
  OwnFile &operator=(const OwnFile &) = delete;
  ~OwnFile() { (void)std::remove(path_.c_str()); }
  void Write(const std::string &text) const { std::ofstream(path_, std::ios::binary | std::ios::trunc) << text; }
  [[nodiscard]] const std::string &path() const { return path_; }

private:
  std::string path_ = "/tmp/itemize_identity_XXXXXX";
};

TEST(Identity, AFileOfASecretHoldsNothingElse) {
  const StopSource stop;
  const auto error = [&](const KeySourceOptions &options) -> std::string {
    try {
      for (const KeySource &source : KeySourcesOf(options))
        (void)ReadFirst(source, stop.token());
      return {};
    } catch (const ConfigError &thrown) {
      return thrown.what();
    }
  };
  const auto secret_error = [&](const std::string &text) {
    const OwnFile file(text);
    return error({file.path(), ""});
  };
  EXPECT_EQ(secret_error(kOwnSecret + "\n"), "");
  EXPECT_EQ(secret_error(" -" + kOwnSecret), "");
  EXPECT_NE(secret_error("short").find("32 to 4096"), std::string::npos);
  EXPECT_NE(secret_error(std::string(4097, 'x')).find("32 to 4096"), std::string::npos);
  for (const char *other : {"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n",
                            "\n\t-----BEGIN CERTIFICATE-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n",
                            " {\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr\"}"})
    EXPECT_NE(secret_error(other).find("PEM or JSON"), std::string::npos) << other;
  EXPECT_NE(error({"/does/not/exist", ""}), "");
  EXPECT_NE(error({"", "/does/not/exist"}), "");
  const OwnFile empty(R"({"keys":[]})");
  EXPECT_NE(error({"", empty.path()}).find("has no key"), std::string::npos)
      << "at the start an empty set is a mistake";
}

/// Takes connections, and answers with a header field every now and then until whoever asks has gone.
class SlowServer {
public:
  SlowServer() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto *const any = reinterpret_cast<sockaddr *>(&address);
    if (listener_ < 0 || bind(listener_, any, size) != 0 || listen(listener_, 1) != 0 ||
        getsockname(listener_, any, &size) != 0) {
      throw Error("no socket to listen on");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  SlowServer(const SlowServer &) = delete;
  SlowServer &operator=(const SlowServer &) = delete;
  ~SlowServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/keys"; }
  /// Returns when somebody is being answered. To be called once.
  void AwaitClient() { answers_.get_future().wait(); }

private:
  void Serve() {
    bool first = true;
    for (int client = accept(listener_, nullptr, nullptr); client >= 0; client = accept(listener_, nullptr, nullptr)) {
      std::string_view text = "HTTP/1.1 200 OK\r\n";
      if (std::exchange(first, false)) answers_.set_value();
      while (send(client, text.data(), text.size(), MSG_NOSIGNAL) > 0) {
        text = "X: y\r\n";
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
      close(client);
    }
  }

  int listener_ = socket(AF_INET, SOCK_STREAM, 0);
  int port_ = 0;
  std::promise<void> answers_;
  std::thread thread_;
};

TEST(Identity, AFetchEndsInTimeHoweverSlowlyItIsAnswered) {
  const SlowServer server;
  const StopSource stop;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THROW((void)FetchKeyUrl(server.url(), stop.token(), std::chrono::milliseconds(200)), Error);
  EXPECT_LT(std::chrono::steady_clock::now() - start, kKeyUrlTimeout / 2) << "the bound is for the whole";
}

TEST(Identity, AFetchEndsWithAStop) {
  SlowServer server;
  StopSource stop;
  const auto start = std::chrono::steady_clock::now();
  std::thread stopping([&] {
    server.AwaitClient();
    stop.RequestStop();
  });
  EXPECT_THROW((void)FetchKeyUrl(server.url(), stop.token()), Stopped);
  EXPECT_LT(std::chrono::steady_clock::now() - start, kKeyUrlTimeout / 2);
  stopping.join();
}

/// A server of key sets, on a free port.
class KeyServer {
public:
  KeyServer() {
    server_.Get("/keys", [this](const httplib::Request &, httplib::Response &response) {
      ++asked;
      const std::lock_guard<std::mutex> lock(mutex_);
      response.status = status_;
      response.set_content(body_, "application/json");
      if (status_ == 302) response.set_header("Location", "/other");
    });
    server_.Get("/other", [this](const httplib::Request &, httplib::Response &) { followed = true; });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running())
      std::this_thread::yield();
  }
  KeyServer(const KeyServer &) = delete;
  KeyServer &operator=(const KeyServer &) = delete;
  ~KeyServer() {
    server_.stop();
    thread_.join();
  }
  void Serve(int status, std::string body) {
    const std::lock_guard<std::mutex> lock(mutex_);
    status_ = status;
    body_ = std::move(body);
  }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/keys"; }

  std::atomic<int> asked{0};
  std::atomic<bool> followed{false};

private:
  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
  std::mutex mutex_;
  int status_ = 200;
  std::string body_;
};

/// A store of keys with the thread that reads them, which ends with it.
class ReadStore {
public:
  explicit ReadStore(const KeySourceOptions &options,
                     RefreshTimes times = {std::chrono::hours(1), std::chrono::milliseconds(0)})
      : store_(options, log_, metrics_, times) {}
  ReadStore(const ReadStore &) = delete;
  ReadStore &operator=(const ReadStore &) = delete;
  ~ReadStore() {
    stop_.RequestStop();
    if (reading_.joinable()) reading_.join();
  }
  void Begin() {
    reading_ = std::thread([this] { store_.Run(stop_.token()); });
  }
  /// The keys after the next attempt that ends, which may have begun before.
  std::shared_ptr<const KeySet> Refresh() {
    std::promise<void> woken;
    store_.AwaitRefresh([&] { woken.set_value(); });
    woken.get_future().wait();
    return store_.keys();
  }
  KeyStore &store() { return store_; }
  Metrics &metrics() { return metrics_; }

private:
  Logger log_{LogLevel::kError};
  Metrics metrics_;
  StopSource stop_;
  KeyStore store_;
  std::thread reading_;
};

TEST(Identity, KeysAreFetchedAgainWhenOneIsUnknownButNotForEveryToken) {
  const auto vectors = Vectors();
  KeyServer server;
  server.Serve(200, R"({"keys":[)" + vectors[1].key + "]}");
  ReadStore read({"", server.url()}, {std::chrono::hours(1), std::chrono::hours(1)});
  KeyStore &store = read.store();
  EXPECT_FALSE(store.keys()) << "not yet";
  EXPECT_TRUE(store.MayRefresh());
  std::promise<void> woken;
  store.AwaitRefresh([&] { woken.set_value(); });
  read.Begin();
  woken.get_future().wait();
  ASSERT_TRUE(store.keys());
  EXPECT_EQ(store.keys()->front().algorithm(), Algorithm::kRs256);
  EXPECT_EQ(server.asked, 1) << "what was due and what was wanted are one question";
  EXPECT_FALSE(store.MayRefresh());
  bool at_once = false;
  store.AwaitRefresh([&] { at_once = true; });
  EXPECT_TRUE(at_once);
  EXPECT_EQ(server.asked, 1);
}

TEST(Identity, AnIssuerThatIsAwayTakesNoKeysAway) {
  const auto vectors = Vectors();
  KeyServer server;
  server.Serve(200, R"({"keys":[)" + vectors[1].key + "]}");
  ReadStore read({"", server.url()});
  read.Begin();
  const auto first = read.Refresh();
  ASSERT_TRUE(first);
  for (const auto &[status, body] : std::vector<std::pair<int, std::string>>{
           {500, "{}"},
           {302, ""},
           {200, "{}"},
           {200, ""},
           {200, R"({"keys":[],"x":")" + std::string(kMostJwksBytes, 'x') + "\"}"}}) {
    server.Serve(status, body);
    const auto kept = read.Refresh();
    ASSERT_TRUE(kept) << status;
    EXPECT_EQ(kept->front().algorithm(), Algorithm::kRs256);
  }
  EXPECT_FALSE(server.followed) << "a redirection is no key set";
  EXPECT_GE(read.metrics().Counter("itemize_token_key_failures_total", "").Value(), 5.0);
  server.Serve(200, R"({"keys":[)" + vectors[2].key + "]}");
  read.Refresh(); // perhaps one that had begun before
  const auto changed = read.Refresh();
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->front().algorithm(), Algorithm::kEs256) << "and new ones are taken";
  server.Serve(200, R"({"keys":[)" + vectors[0].key + "]}");
  read.Refresh();
  const auto revoked = read.Refresh();
  ASSERT_TRUE(revoked);
  EXPECT_TRUE(revoked->empty()) << "a set without keys that can be used is taken for what it says";
}

TEST(Identity, ASourceThatIsAwayKeepsNoOtherAsItWas) {
  const auto vectors = Vectors();
  KeyServer server;
  server.Serve(200, R"({"keys":[)" + vectors[1].key + "]}");
  const OwnFile file(kOwnSecret);
  ReadStore read({file.path(), server.url()});
  const KeyStore &store = read.store();
  EXPECT_FALSE(store.keys()) << "one of two is not had yet";
  read.Begin();
  const auto takes = [&](const std::string &secret) {
    read.Refresh(); // perhaps of an attempt that had begun before
    const auto keys = read.Refresh();
    if (!keys) return Kind::kMalformed;
    EXPECT_EQ(keys->size(), 2U);
    return Verifier({})
        .Verify(Sign(R"({"exp":1900000000})", R"({"alg":"HS256"})", secret), *keys, SystemClock::from_time_t(kNow))
        .kind;
  };
  EXPECT_EQ(takes(kOwnSecret), Kind::kAccepted);
  server.Serve(500, "");
  file.Write(kOwnSecret + "2");
  EXPECT_EQ(takes(kOwnSecret), Kind::kSignature);
  EXPECT_EQ(takes(kOwnSecret + "2"), Kind::kAccepted);
  file.Write("short");
  server.Serve(200, R"({"keys":[)" + vectors[2].key + "]}");
  EXPECT_EQ(takes(kOwnSecret + "2"), Kind::kAccepted) << "and the other way around";
  ASSERT_TRUE(store.keys());
  EXPECT_EQ(store.keys()->front().algorithm(), Algorithm::kEs256);
}

TEST(Identity, ARequestWaitsForKeysOnceAndThatIsNoWaitForRows) {
  const OwnFile file(kOwnSecret);
  ReadStore read({file.path(), ""});
  admission::Register callers;
  http::ClientLimits limits({}, read.metrics());
  const http::Authentication authentication(read.store(), {}, read.metrics(), callers, {}, limits);
  http::FramedRequest request;
  request.head.fields = {{"Authorization", "Bearer " + Sign(R"({"exp":1900000000})", R"({"alg":"ES256"})")}};
  Caller caller;
  request.parked = true; // for rows
  auto reply = authentication.Check(request, caller);
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->park);
  EXPECT_TRUE(reply->awaits_keys);
  request.awaited_keys = true;
  reply = authentication.Check(request, caller);
  ASSERT_TRUE(reply);
  EXPECT_FALSE(reply->park);
  EXPECT_EQ(reply->status, 401);
}

} // namespace
