#include "http/exchange.hpp"

#include "base/errors.hpp"
#include "http/date.hpp"
#include "http/target.hpp"

#include <httplib.h>

#include <algorithm>
#include <cstring>

namespace itemize::sidecar::http {

namespace {

/// A request in memory and the response to it.
class MemoryStream final : public httplib::Stream {
public:
  MemoryStream(std::string head, const std::string &body) : input_(std::move(head)) { input_ += body; }

  bool is_readable() const override { return at_ < input_.size(); }
  bool is_writable() const override { return true; }
  ssize_t read(char *to, size_t size) override {
    const std::size_t count = std::min(size, input_.size() - at_);
    std::memcpy(to, input_.data() + at_, count);
    at_ += count;
    return static_cast<ssize_t>(count);
  }
  ssize_t write(const char *from, size_t size) override {
    output_.append(from, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string &, int &) const override {}
  void get_local_ip_and_port(std::string &, int &) const override {}
  // The library compares it with FD_SETSIZE and does nothing else.
  socket_t socket() const override { return 0; }

  std::string TakeOutput() { return std::move(output_); }

private:
  std::string input_;
  std::size_t at_ = 0;
  std::string output_;
};

/// The library says nothing of the encoding of text.
constexpr std::pair<const char *, const char *> kTextTypes[] = {
    {"html", "text/html; charset=utf-8"},        {"css", "text/css; charset=utf-8"},
    {"js", "text/javascript; charset=utf-8"},    {"mjs", "text/javascript; charset=utf-8"},
    {"txt", "text/plain; charset=utf-8"},        {"json", "application/json"},
    {"webmanifest", "application/manifest+json"}};

/// What a page from --static-dir may do: load from here and nowhere else.
httplib::Headers StaticHeaders() {
  return {{"Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'; base-uri 'none'"},
          {"X-Content-Type-Options", "nosniff"},
          {"Referrer-Policy", "no-referrer"},
          {"Cache-Control", "no-cache"}};
}

} // namespace

bool IsServablePath(std::string_view path) {
  if (path.empty() || path.front() != '/' || path.find('\0') != std::string_view::npos) return false;
  for (const std::string_view segment : PathSegments(path)) {
    if (!segment.empty() && segment.front() == '.') return false;
  }
  return true;
}

class Exchange::Library final : public httplib::Server {
public:
  Library(Route route, const std::string &static_dir) : route_(std::move(route)) {
    if (!static_dir.empty() && !set_mount_point("/", static_dir, StaticHeaders())) {
      throw ConfigError("--static-dir: '" + static_dir + "' is not a directory that can be read");
    }
    for (const auto &[extension, type] : kTextTypes)
      set_file_extension_and_mimetype_mapping(extension, type);
    set_pre_routing_handler([this](const httplib::Request &request, httplib::Response &response) {
      return BeforeRouting(request, response);
    });
    set_error_handler([this](const httplib::Request &, httplib::Response &response) { OnError(response); });
    set_exception_handler([this](const httplib::Request &, httplib::Response &response, const std::exception_ptr &) {
      Apply(ProblemReply({ProblemKind::kInternal, {}, {}}), response);
    });
    set_post_routing_handler(
        [this](const httplib::Request &, httplib::Response &response) { BeforeWriting(response); });
  }

  Answer Handle(const FramedRequest &request, bool close) {
    request_ = &request;
    answer_ = {};
    answer_.keep_alive = request.head.keep_alive && !close;
    answer_.route = "static";
    replied_ = false;
    MemoryStream stream(NormalizedHead(request.head, request.body.size()), request.body);
    bool closed = false;
    if (!process_request(stream, !answer_.keep_alive, closed, nullptr)) answer_.keep_alive = false;
    request_ = nullptr;
    answer_.bytes = stream.TakeOutput();
    return std::move(answer_);
  }

  Reply Ask(const FramedRequest &request) {
    auto reply = route_(request);
    return reply ? std::move(*reply) : ProblemReply({ProblemKind::kNotFound, {}, {}});
  }

private:
  HandlerResponse BeforeRouting(const httplib::Request &request, httplib::Response &response) {
    auto reply = route_(*request_);
    if (!reply && (!IsServablePath(request.path) || (request.method != "GET" && request.method != "HEAD"))) {
      reply = ProblemReply(Refusal(request.method));
    }
    if (!reply) return HandlerResponse::Unhandled;
    Apply(std::move(*reply), response);
    return HandlerResponse::Handled;
  }

  /// Why a request that is no route's and no file's is refused.
  static Problem Refusal(const std::string &method) {
    if (method == "GET" || method == "HEAD") return {ProblemKind::kNotFound, {}, {}};
    for (const std::string_view known : {"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PRI"}) {
      if (method == known) return {ProblemKind::kMethodNotAllowed, {}, "GET, HEAD"};
    }
    return {ProblemKind::kMethodUnknown, {}, {}};
  }

  void Apply(Reply reply, httplib::Response &response) {
    replied_ = true;
    answer_.live = std::move(reply.live);
    answer_.web_socket = reply.web_socket;
    answer_.park = std::move(reply.park);
    answer_.awaits_keys = reply.awaits_keys;
    answer_.inquiry = std::move(reply.inquiry);
    answer_.search = std::move(reply.search);
    answer_.write = std::move(reply.write);
    answer_.route = reply.route;
    response.status = reply.status;
    response.body = std::move(reply.body);
    if (!reply.content_type.empty()) response.set_header("Content-Type", reply.content_type);
    for (auto &[name, value] : reply.headers)
      response.set_header(name, value);
    response.set_header("X-Content-Type-Options", "nosniff");
  }

  /// The library's own refusals: a request that it could not read, a file that is not there.
  void OnError(httplib::Response &response) {
    if (replied_) return;
    const std::string_view route = answer_.route;
    Problem problem{response.status < 500 ? ProblemKind::kBadRequest : ProblemKind::kInternal, {}, {}};
    if (response.status == 404) problem.kind = ProblemKind::kNotFound;
    // It cannot read a request line whose method it does not know.
    if (response.status == 400 && Refusal(request_->head.method).kind == ProblemKind::kMethodUnknown) {
      problem.kind = ProblemKind::kMethodUnknown;
    }
    Apply(ProblemReply(problem), response);
    answer_.route = route;
  }

  void BeforeWriting(httplib::Response &response) {
    answer_.status = response.status;
    // A 304 must not claim the length of nothing (RFC 9110 section 8.6).
    // Nor must the answer to HEAD claim that of a live stream, which has none.
    // A 204 has none either (the same section).
    if (response.status == 304 || response.status == 204 || (answer_.route == "live" && response.status == 200)) {
      response.headers.erase("Content-Length");
    }
    // The library promises ranges to HEAD and a number of requests to come; neither is kept here.
    response.headers.erase("Accept-Ranges");
    response.headers.erase("Keep-Alive");
    if (request_->head.http_1_0 && answer_.keep_alive) response.set_header("Connection", "keep-alive");
    response.set_header("Date", DateOfNow());
  }

  Route route_;
  const FramedRequest *request_ = nullptr;
  Answer answer_;
  bool replied_ = false;
};

Exchange::Exchange(Route route, const std::string &static_dir)
    : library_(std::make_unique<Library>(std::move(route), static_dir)) {}

Exchange::~Exchange() = default;

Answer Exchange::Handle(const FramedRequest &request, bool close) { return library_->Handle(request, close); }

Reply Exchange::Ask(const FramedRequest &request) { return library_->Ask(request); }

} // namespace itemize::sidecar::http
