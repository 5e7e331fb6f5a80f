#include "live/event.hpp"

namespace itemize::sidecar::live {

namespace {

// Nothing that goes into `data` here needs escaping: types and canonical key texts consist of unreserved
// characters, '%' and ','; rows are JSON on one line; reasons are literals.
SharedEvent Make(std::string subject, const Position &position, std::string_view name, const std::string &data) {
  auto event = std::make_shared<Event>();
  event->subject = std::move(subject);
  event->version = position.version;
  event->text.reserve(data.size() + 128);
  event->text += "id: ";
  event->text += FormatPosition(position);
  event->text += "\nevent: ";
  event->text += name;
  event->text += "\ndata: ";
  event->text += data;
  event->text += "\n\n";
  return event;
}

std::string Retry(std::chrono::milliseconds delay) { return "retry: " + std::to_string(delay.count()) + "\n\n"; }

} // namespace

std::string Subject(std::string_view type, std::string_view key) {
  std::string subject(type);
  subject.push_back('/');
  subject += key;
  return subject;
}

std::string WholeTypeSubject(std::string_view type) { return Subject(type, "*"); }

SharedEvent ItemEvent(const Position &position, std::string_view operation, std::string_view type, std::string_view key,
                      std::optional<std::string_view> row) {
  std::string data = R"({"op":")";
  data += operation;
  data += R"(","type":")";
  data += type;
  data += R"(","key":")";
  data += key;
  data += '"';
  if (row) {
    data += R"(,"item":)";
    data += *row;
  }
  data += '}';
  return Make(Subject(type, key), position, "item", data);
}

SharedEvent TruncateEvent(const Position &position, std::string_view type) {
  return Make(WholeTypeSubject(type), position, "item", R"({"op":"truncate","type":")" + std::string(type) + R"("})");
}

SharedEvent HelloEvent(const Position &from, const Position &current) {
  const SharedEvent event = Make({}, from, "hello", R"({"position":")" + FormatPosition(current) + R"("})");
  auto hello = std::make_shared<Event>(*event);
  hello->text = Retry(kReconnectDelay) + hello->text;
  return hello;
}

SharedEvent ResyncEvent(const Position &position, std::string_view reason, std::optional<std::string_view> type) {
  std::string data = R"({"reason":")" + std::string(reason) + '"';
  if (type) data += R"(,"type":")" + std::string(*type) + '"';
  data += '}';
  return Make({}, position, "resync", data);
}

SharedEvent GoneEvent(const Position &position, std::string_view type) {
  return Make({}, position, "gone", R"({"type":")" + std::string(type) + R"("})");
}

SharedEvent KeepaliveEvent(const std::optional<Position> &position) {
  auto event = std::make_shared<Event>();
  event->text = ": keepalive\n";
  if (position) event->text += "id: " + FormatPosition(*position) + '\n';
  event->text += '\n';
  return event;
}

SharedEvent RetryEvent(std::chrono::milliseconds delay) {
  auto event = std::make_shared<Event>();
  event->text = Retry(delay);
  return event;
}

std::string StreamHead() {
  return "HTTP/1.1 200 OK\r\n"
         "Content-Type: text/event-stream\r\n"
         "Cache-Control: no-store\r\n"
         "X-Content-Type-Options: nosniff\r\n"
         "X-Accel-Buffering: no\r\n"
         "Connection: close\r\n"
         "\r\n";
}

} // namespace itemize::sidecar::live
