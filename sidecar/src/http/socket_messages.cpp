#include "http/socket_messages.hpp"

#include "identity/strict_json.hpp"
#include "itemize/key_text.hpp"

#include <array>
#include <cstdint>
#include <utility>

namespace itemize::sidecar::http {

namespace {

using nlohmann::json;

struct Verb {
  const char *name;
  SocketRequest::Kind kind;
};

constexpr std::array<Verb, 4> kVerbs{{{"subscribe", SocketRequest::Kind::kSubscribe},
                                      {"unsubscribe", SocketRequest::Kind::kUnsubscribe},
                                      {"authenticate", SocketRequest::Kind::kAuthenticate},
                                      {"ping", SocketRequest::Kind::kPing}}};
constexpr std::string_view kVerbNames = "one of subscribe, unsubscribe, authenticate and ping";

/// Of a string or an integer; nothing for all else, and for what is too long.
std::optional<std::string> IdText(const json &value) {
  if (!value.is_string() && !value.is_number_integer()) return std::nullopt;
  std::string text = value.dump();
  if (text.size() > kMaxSocketIdBytes) return std::nullopt;
  return text;
}

/// A JSON array of texts as the list that a parameter takes; nothing when it is none.
std::optional<std::string> ListText(const json &value) {
  if (!value.is_array()) return std::nullopt;
  std::string list;
  for (const json &element : value) {
    if (!element.is_string()) return std::nullopt;
    const auto &text = element.get_ref<const std::string &>();
    if (!list.empty()) list.push_back(',');
    // Quotes hold the list's comma; one inside of an element is refused with the list.
    const bool quoted = text.empty() || text.find(',') != std::string::npos;
    list += quoted ? '"' + text + '"' : text;
  }
  return list;
}

/// Adds the parameters of a filter: each a text, or several of one name.
template <typename Add>
std::optional<Problem> AddWhere(const json &where, Add add) {
  const auto bad = [](std::string_view name) {
    return BadRequest("subscribe: where: " + Quoted(name) +
                      " must be a text such as \"lte.120\", or an array of such texts");
  };
  if (!where.is_object())
    return BadRequest("subscribe: where must be an object of conditions: {\"price\": \"lte.120\"}");
  for (const auto &[name, value] : where.items()) {
    if (!value.is_string() && !value.is_array()) return bad(name);
    for (const json &one : value.is_array() ? value : json::array({value})) {
      if (!one.is_string() || name.empty() || name == "last_event_id") return bad(name);
      add(PercentEncode(name), one.get_ref<const std::string &>());
    }
  }
  return std::nullopt;
}

/// The target of the GET that says the same; else what is wrong.
std::variant<std::string, Problem> SubscribeTarget(const json &what) {
  if (!what.is_object()) return BadRequest("subscribe: an object with items, topics or both, or a type, is needed");
  const auto type = what.find("type");
  const bool filtered = type != what.end();
  if (filtered && (!type->is_string() || !IsTypeName(type->get_ref<const std::string &>())))
    return BadRequest("subscribe: type must be the name of an item type");
  if (filtered && (what.count("items") > 0 || what.count("topics") > 0))
    return BadRequest("subscribe: a type and where are a subscription of their own; items and topics are another one");
  std::string target = "/v1/live";
  if (filtered) target += '/' + type->get<std::string>();
  char separator = '?';
  const auto add = [&](std::string_view name, const std::string &value) {
    target += separator;
    target += name;
    target += '=' + PercentEncode(value);
    separator = '&';
  };
  for (const auto &[name, value] : what.items()) {
    if (name == "items" || name == "topics") {
      const auto list = ListText(value);
      if (!list || list->empty())
        return BadRequest("subscribe: " + name + " must be an array of texts, and have one at least");
      add(name, *list);
    } else if (name == "where" && filtered) {
      if (auto problem = AddWhere(value, add)) return *std::move(problem);
    } else if (name == "after") {
      if (!value.is_string()) return BadRequest("subscribe: after must be a text: the position of the last event seen");
      add("last_event_id", value.get_ref<const std::string &>());
    } else if (name != "type") {
      return Problem{ProblemKind::kUnknownParameter,
                     "subscribe: " + Quoted(name) +
                         " is unknown; there are items, topics and after, and type with where",
                     {}};
    }
  }
  if (filtered) return target;
  if (what.count("items") == 0 && what.count("topics") == 0) return BadRequest("subscribe: items or topics is needed");
  return target;
}

/// Reads the value of the verb into `request`; what is wrong with it, if something is.
std::optional<Problem> ReadVerb(const json &value, SocketRequest &request) {
  switch (request.kind) {
  case SocketRequest::Kind::kSubscribe: {
    auto target = SubscribeTarget(value);
    if (auto *problem = std::get_if<Problem>(&target)) return std::move(*problem);
    request.target = std::get<std::string>(std::move(target));
    return std::nullopt;
  }
  case SocketRequest::Kind::kUnsubscribe: {
    auto subscription = IdText(value);
    if (!subscription) return BadRequest("unsubscribe: the id of a subscription is needed: a text or an integer");
    request.subscription = std::move(*subscription);
    return std::nullopt;
  }
  case SocketRequest::Kind::kAuthenticate:
    if (!value.is_string() && !value.is_null())
      return BadRequest("authenticate: a token is needed: a text, or null for none");
    if (value.is_string()) request.token = value.get<std::string>();
    // It becomes a field of a request.
    if (request.token.find_first_of("\r\n") != std::string::npos || request.token.size() > kMaxSocketMessageBytes)
      return BadRequest("authenticate: a token has no line ends");
    request.target = "/v1/caller";
    return std::nullopt;
  case SocketRequest::Kind::kPing: break;
  }
  return std::nullopt;
}

/// The lines of an event stream that make one event.
struct EventLines {
  std::string_view name;
  std::string_view position;
  std::string_view data;
  std::string_view retry;
};

EventLines LinesOf(std::string_view text) {
  EventLines lines;
  const std::array<std::pair<std::string_view, std::string_view *>, 5> fields{{{"event: ", &lines.name},
                                                                               {"id: ", &lines.position},
                                                                               {"data: ", &lines.data},
                                                                               {"retry: ", &lines.retry},
                                                                               {": ", &lines.name}}};
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    for (const auto &[name, value] : fields) {
      if (line.compare(0, name.size(), name) != 0) continue;
      *value = line.substr(name.size());
      break;
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

} // namespace

std::variant<SocketRequest, SocketRefusal> ParseSocketRequest(std::string_view message) {
  SocketRefusal refusal;
  const auto parsed = identity::ParseStrictObject(message);
  if (!parsed) {
    refusal.problem = BadRequest("the message is not a JSON object, or one with a name twice");
    return refusal;
  }
  SocketRequest request;
  const auto id = parsed->find("id");
  const auto id_text = id == parsed->end() ? std::nullopt : IdText(*id);
  if (!id_text) {
    refusal.problem = BadRequest("an id is needed: a text or an integer of at most " +
                                 std::to_string(kMaxSocketIdBytes) + " bytes, which the answer repeats");
    return refusal;
  }
  refusal.id = *id_text;
  request.id = *id_text;
  const json *value = nullptr;
  for (const auto &[name, member] : parsed->items()) {
    if (name == "id") continue;
    const Verb *found = nullptr;
    for (const Verb &verb : kVerbs) {
      if (name == verb.name) found = &verb;
    }
    if (found == nullptr || value != nullptr) {
      const std::string what = found == nullptr ? Quoted(name) + " is unknown; " : "two things are asked for; ";
      refusal.problem = BadRequest(what + "beside the id a message has " + std::string(kVerbNames));
      return refusal;
    }
    request.kind = found->kind;
    value = &member;
  }
  if (value == nullptr) {
    refusal.problem = BadRequest("nothing is asked for: beside the id a message has " + std::string(kVerbNames));
    return refusal;
  }
  if (auto problem = ReadVerb(*value, request)) {
    refusal.problem = std::move(*problem);
    return refusal;
  }
  return request;
}

std::string SocketDone(std::string_view id, std::string_view result) {
  std::string text = R"({"id":)";
  text += id;
  text += R"(,"ok":true)";
  if (!result.empty()) {
    text += R"(,"result":)";
    text += result;
  }
  return text + '}';
}

std::string SocketProblem(std::string_view id, std::string_view problem) {
  while (!problem.empty() && problem.back() == '\n')
    problem.remove_suffix(1);
  std::string text = R"({"id":)";
  text += id;
  text += R"(,"problem":)";
  text += problem;
  return text + '}';
}

std::string SocketEvent(std::string_view subscription, std::string_view event_stream_text) {
  const EventLines lines = LinesOf(event_stream_text);
  std::string text;
  text.reserve(event_stream_text.size() + subscription.size() + 64);
  text += R"({"subscription":)";
  text += subscription;
  text += R"(,"event":")";
  text += lines.name.empty() ? std::string_view("retry") : lines.name;
  text += '"';
  if (!lines.position.empty()) {
    text += R"(,"position":")";
    text += lines.position;
    text += '"';
  }
  if (!lines.retry.empty()) {
    text += R"(,"retry":)";
    text += lines.retry;
  }
  if (!lines.data.empty()) {
    text += R"(,"data":)";
    text += lines.data;
  }
  return text + '}';
}

std::string SocketEnd(std::string_view subscription) {
  std::string text = R"({"subscription":)";
  text += subscription;
  return text + R"(,"event":"end"})";
}

} // namespace itemize::sidecar::http
