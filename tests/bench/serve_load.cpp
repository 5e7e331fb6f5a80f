// Asks for items over keep-alive connections, each of which asks again as soon as it has been answered; prints answers
// a second and percentiles of the time to the answer in milliseconds:
//   serve_load PORT PATH KEYS CONNECTIONS[+IDLE] SECONDS STATUS [FIELD: VALUE]
// In PATH, %d stands for a key from 1 to KEYS. Every answer must have the status. IDLE further connections are
// answered once, and silent from then on.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  int port;
  std::string path;
  int keys;
  std::size_t connections;
  std::size_t idle;
  std::chrono::seconds length;
  std::string status;
  std::string field;
};

class Load {
public:
  explicit Load(const Options &options) : options_(options), epoll_(epoll_create1(0)) {
    const std::size_t at = options.path.find("%d");
    for (int key = 1; key <= options.keys; ++key) {
      std::string path = options.path;
      if (at != std::string::npos) path.replace(at, 2, std::to_string(key));
      requests_.push_back("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + options.field + "\r\n");
    }
    connections_.resize(options.connections + options.idle);
    // One after the other: the reference has a short queue of connections to be accepted.
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      Connect(i);
      Ask(connections_[i]);
      while (!Read(connections_[i])) {
      }
    }
    times_.clear();
  }

  void Run() {
    const auto start = Clock::now();
    const auto end = start + options_.length;
    for (std::size_t i = 0; i < options_.connections; ++i)
      Ask(connections_[i]);
    std::array<epoll_event, 64> events{};
    while (Clock::now() < end) {
      const int ready = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 1000);
      if (ready == 0) throw std::runtime_error("no answer for a second");
      for (int i = 0; i < ready; ++i) {
        Connection &connection = connections_[events.at(static_cast<std::size_t>(i)).data.u64];
        if (Read(connection)) Ask(connection);
      }
    }
    const std::chrono::duration<double> took = Clock::now() - start;
    std::sort(times_.begin(), times_.end());
    const auto percentile = [this](std::size_t rank) { return times_[(times_.size() * rank + 99) / 100 - 1] / 1000.0; };
    std::printf("%.0f %.3f %.3f\n", static_cast<double>(times_.size()) / took.count(), percentile(50), percentile(99));
  }

private:
  struct Connection {
    int socket = -1;
    std::string received;
    Clock::time_point asked;
  };

  void Connect(std::size_t number) {
    Connection &connection = connections_[number];
    connection.socket = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<in_port_t>(options_.port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(connection.socket, reinterpret_cast<const sockaddr *>(&address), sizeof(address)) != 0)
      throw std::runtime_error("nobody listens");
    const int on = 1;
    setsockopt(connection.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = number;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.socket, &event);
  }

  void Ask(Connection &connection) {
    const std::string &request = requests_[next_++ % requests_.size()];
    connection.asked = Clock::now();
    if (write(connection.socket, request.data(), request.size()) != static_cast<ssize_t>(request.size()))
      throw std::runtime_error("a request was not taken");
  }

  /// Whether the answer is there.
  bool Read(Connection &connection) {
    const ssize_t count = read(connection.socket, buffer_.data(), buffer_.size());
    if (count <= 0) throw std::runtime_error("a connection was closed");
    connection.received.append(buffer_.data(), static_cast<std::size_t>(count));
    const std::string_view received = connection.received;
    const std::size_t head = received.find("\r\n\r\n");
    if (head == std::string_view::npos) return false;
    if (received.substr(9, 3) != options_.status) throw std::runtime_error(connection.received.substr(0, 400));
    std::size_t body = 0;
    constexpr std::string_view kLength = "Content-Length: ";
    const std::size_t length = received.substr(0, head).find(kLength);
    if (length != std::string_view::npos)
      body = static_cast<std::size_t>(std::atoll(received.data() + length + kLength.size()));
    if (received.size() < head + 4 + body) return false;
    times_.push_back(static_cast<double>(
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - connection.asked).count()));
    connection.received.clear();
    return true;
  }

  const Options options_;
  const int epoll_;
  std::vector<std::string> requests_;
  std::vector<Connection> connections_;
  std::array<char, std::size_t{64} * 1024> buffer_{};
  std::vector<double> times_;
  std::size_t next_ = 0;
};

void AllowDescriptors() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

} // namespace

int main(int argc, char **argv) {
  if (argc < 7) return 2;
  try {
    AllowDescriptors();
    const std::string connections = argv[4];
    const std::size_t plus = connections.find('+');
    Options options{std::atoi(argv[1]),
                    argv[2],
                    std::atoi(argv[3]),
                    std::stoul(connections),
                    plus == std::string::npos ? 0 : std::stoul(connections.substr(plus + 1)),
                    std::chrono::seconds(std::atoi(argv[5])),
                    argv[6],
                    {}};
    if (argc > 7) options.field = std::string(argv[7]) + "\r\n";
    Load(options).Run();
  } catch (const std::exception &error) {
    std::fprintf(stderr, "serve_load: %s\n", error.what());
    return 1;
  }
  return 0;
}
