// The part of HTTP/1.1 that a client of the sidecar takes, over one kept connection; and of Server-Sent Events.
#pragma once

#include <optional>
#include <string>

namespace itemize::faults {

class HttpClient {
public:
  explicit HttpClient(int port) : port_(port) {}
  HttpClient(const HttpClient &) = delete;
  HttpClient &operator=(const HttpClient &) = delete;
  ~HttpClient() { Close(); }

  struct Answer {
    int status = 0; ///< 0: there was none
    std::string head;
    std::string body;

    /// Value of a field, `-` when it is absent.
    [[nodiscard]] std::string Field(const std::string &name) const;
  };
  /// `fields`: further lines of the head, each with its line end.
  Answer Get(const std::string &path, const std::string &fields);

  /// Opens a stream; false when it was not answered with 200.
  bool Open(const std::string &path, const std::string &fields);
  /// The next block of lines of the stream, without the empty line that ends it; nothing when none came in that time.
  std::optional<std::string> NextBlock(int milliseconds);
  [[nodiscard]] bool connected() const { return socket_ >= 0; }
  void Close();

private:
  bool Send(const std::string &path, const std::string &fields);
  /// Takes in what arrives within that time; false when the connection is over.
  bool Receive(int milliseconds);
  /// The head of an answer; empty when there is none.
  std::string TakeHead();

  int port_;
  int socket_ = -1;
  std::string received_;
};

} // namespace itemize::faults
