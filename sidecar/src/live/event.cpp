#include "live/event.hpp"

#include "itemize/change_event.hpp"
#include "itemize/key_text.hpp"
#include "itemize/read_rule.hpp"

namespace itemize::sidecar::live {

namespace {

// Nothing that goes into `data` here needs escaping: types and canonical key texts consist of unreserved
// characters, '%' and ','; topics likewise; rows and payloads are JSON on one line; reasons are literals.
std::shared_ptr<Event> Make(std::string subject, std::string type, const Position &position, std::string_view name,
                            const std::string &data) {
  auto event = std::make_shared<Event>();
  event->subject = std::move(subject);
  event->type = std::move(type);
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

SharedEvent OfStream(std::shared_ptr<Event> event, std::int64_t commit_time) {
  event->of_stream = true;
  event->commit_time = commit_time;
  return event;
}

/// `"type":"…"`, or `"topic":"…"`.
std::string NameMember(std::string_view type) {
  const bool topic = !type.empty() && type.front() == kTopicMark;
  if (topic) type.remove_prefix(1);
  return (topic ? R"("topic":")" : R"("type":")") + std::string(type) + '"';
}

std::string ItemData(std::string_view operation, std::string_view type, std::string_view key,
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
  return data;
}

std::string EventLine(matching::Outcome outcome) { return "\nevent: " + std::string(matching::NameOf(outcome)) + '\n'; }

std::string Retry(std::chrono::milliseconds delay) { return "retry: " + std::to_string(delay.count()) + "\n\n"; }

} // namespace

std::string Subject(std::string_view type, std::string_view key) {
  std::string subject(type);
  subject.push_back('/');
  subject += key;
  return subject;
}

std::string WholeTypeSubject(std::string_view type) { return Subject(type, "*"); }

std::optional<std::string> OwnerOfChange(std::string_view rule, const Change &change) {
  if (!IsRuleOfOwners(rule)) return std::nullopt;
  if (OwnerFieldOf(rule).empty()) return std::string();
  if (change.kind != LineKind::kDelete) return authorization::OwnerOf(rule, change.row);
  return change.owner ? PercentDecode(*change.owner) : std::nullopt;
}

std::string_view OperationName(LineKind kind) {
  switch (kind) {
  case LineKind::kInsert: return "insert";
  case LineKind::kUpdate: return "update";
  default: return "delete";
  }
}

SharedEvent ItemEvent(const Position &position, std::string_view operation, std::string_view type, std::string_view key,
                      std::optional<std::string_view> row, std::int64_t commit_time) {
  return OfStream(Make(Subject(type, key), std::string(type), position, "item", ItemData(operation, type, key, row)),
                  commit_time);
}

SharedEvent FilteredEvent(const Position &position, matching::Outcome outcome, std::string_view type,
                          std::string_view key, std::string_view row, std::int64_t commit_time) {
  std::string data = R"({"type":")";
  data += type;
  data += R"(","key":")";
  data += key;
  data += '"';
  if (outcome != matching::Outcome::kLeft) {
    data += R"(,"item":)";
    data += row;
  }
  data += '}';
  auto event = Make(Subject(type, key), std::string(type), position, matching::NameOf(outcome), data);
  event->outcome = outcome;
  return OfStream(std::move(event), commit_time);
}

SharedEvent WithOutcome(const Event &event, matching::Outcome outcome) {
  auto other = std::make_shared<Event>(event);
  const std::string name = EventLine(event.outcome);
  other->text.replace(other->text.find(name), name.size(), EventLine(outcome));
  other->outcome = outcome;
  return other;
}

SharedEvent HealedEvent(const Position &position, std::string_view type, std::string_view key, bool missing,
                        std::optional<std::string_view> row) {
  const std::string_view operation = OperationName(missing ? LineKind::kDelete : LineKind::kUpdate);
  return Make(Subject(type, key), std::string(type), position, "item", ItemData(operation, type, key, row));
}

SharedEvent TruncateEvent(const Position &position, std::string_view type, std::int64_t commit_time) {
  auto event = Make(WholeTypeSubject(type), std::string(type), position, "item",
                    R"({"op":"truncate","type":")" + std::string(type) + R"("})");
  event->forgets = true;
  return OfStream(std::move(event), commit_time);
}

SharedEvent MessageEvent(const Position &position, std::string_view topic, std::string_view payload,
                         std::int64_t commit_time) {
  std::string data = R"({"topic":")";
  data += topic;
  data += R"(","payload":)";
  data += payload;
  data += '}';
  return OfStream(Make({}, kTopicMark + std::string(topic), position, "message", data), commit_time);
}

SharedEvent HelloEvent(const std::optional<Position> &from, const Position &current) {
  const SharedEvent event =
      Make({}, {}, from.value_or(current), "hello", R"({"position":")" + FormatPosition(current) + R"("})");
  auto hello = std::make_shared<Event>(*event);
  if (!from) hello->text.erase(0, hello->text.find('\n') + 1);
  hello->text = Retry(kReconnectDelay) + hello->text;
  return hello;
}

SharedEvent ResyncEvent(const Position &position, std::string_view reason, std::optional<std::string_view> type) {
  std::string data = R"({"reason":")" + std::string(reason) + '"';
  if (type) data += ',' + NameMember(*type);
  data += '}';
  auto event = Make({}, std::string(type.value_or("")), position, "resync", data);
  event->forgets = true;
  return event;
}

SharedEvent GoneEvent(const Position &position, std::string_view type) {
  auto event = Make({}, std::string(type), position, "gone", '{' + NameMember(type) + '}');
  event->withdraws = true;
  return event;
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
