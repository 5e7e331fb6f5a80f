#include "http_client.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>

namespace itemize::faults {
namespace {

/// Longer than the sidecar may take for anything.
constexpr int kPatience = 15'000; // milliseconds

} // namespace

std::string HttpClient::Answer::Field(const std::string &name) const {
  std::string lower = head;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const std::string wanted = "\r\n" + name + ": ";
  const std::size_t at = lower.find(wanted);
  if (at == std::string::npos) return "-";
  const std::size_t begin = at + wanted.size();
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

void HttpClient::Close() {
  if (socket_ >= 0) close(socket_);
  socket_ = -1;
  received_.clear();
}

bool HttpClient::Send(const std::string &path, const std::string &fields) {
  if (socket_ < 0) {
    socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<in_port_t>(port_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(socket_, reinterpret_cast<const sockaddr *>(&address), sizeof(address)) != 0) {
      Close();
      return false;
    }
    const int on = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  const std::string request = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n";
  if (send(socket_, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size())) return true;
  Close();
  return false;
}

bool HttpClient::Receive(int milliseconds) {
  pollfd wait{socket_, POLLIN, 0};
  if (poll(&wait, 1, milliseconds) == 0) return true;
  std::array<char, 65536> buffer;
  const ssize_t size = recv(socket_, buffer.data(), buffer.size(), 0);
  if (size <= 0) return false;
  received_.append(buffer.data(), static_cast<std::size_t>(size));
  return true;
}

std::string HttpClient::TakeHead() {
  std::size_t end = 0;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
    const std::size_t before = received_.size();
    if (!Receive(kPatience) || received_.size() == before) {
      Close();
      return {};
    }
  }
  std::string head = received_.substr(0, end + 2);
  received_.erase(0, end + 4);
  return head;
}

HttpClient::Answer HttpClient::Get(const std::string &path, const std::string &fields) {
  Answer answer;
  if (!Send(path, fields)) return answer;
  answer.head = TakeHead();
  if (answer.head.size() < 12) return answer;
  const std::size_t length = std::strtoull(answer.Field("content-length").c_str(), nullptr, 10);
  while (received_.size() < length) {
    const std::size_t before = received_.size();
    if (!Receive(kPatience) || received_.size() == before) {
      Close();
      return answer;
    }
  }
  answer.status = std::atoi(answer.head.c_str() + 9);
  answer.body = received_.substr(0, length);
  received_.erase(0, length);
  if (answer.Field("connection") == "close") Close();
  return answer;
}

bool HttpClient::Open(const std::string &path, const std::string &fields) {
  Close();
  if (!Send(path, fields)) return false;
  const std::string head = TakeHead();
  if (head.size() >= 12 && std::atoi(head.c_str() + 9) == 200) return true;
  Close();
  return false;
}

std::optional<std::string> HttpClient::NextBlock(int milliseconds) {
  std::size_t end = received_.find("\n\n");
  if (end == std::string::npos) {
    if (!Receive(milliseconds)) Close();
    end = received_.find("\n\n");
    if (end == std::string::npos) return std::nullopt;
  }
  std::string block = received_.substr(0, end + 1);
  received_.erase(0, end + 2);
  return block;
}

} // namespace itemize::faults
