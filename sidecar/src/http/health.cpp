#include "http/health.hpp"

namespace itemize::sidecar::http {

Reply MomentReply(std::string content_type, std::string body) {
  Reply reply;
  reply.content_type = std::move(content_type);
  reply.body = std::move(body);
  reply.headers.emplace_back("Cache-Control", "no-store");
  return reply;
}

Reply ReadinessReply(bool ready, const std::vector<std::pair<std::string, bool>> &parts) {
  std::string body = std::string(R"({"ready":)") + (ready ? "true" : "false") + R"(,"parts":{)";
  for (std::size_t i = 0; i < parts.size(); ++i)
    body += (i == 0 ? "\"" : ",\"") + parts[i].first + R"(":)" + (parts[i].second ? "true" : "false");
  Reply reply = MomentReply("application/json", body + "}}\n");
  if (ready) return reply;
  reply.status = TextOf(ProblemKind::kNotReady).status;
  reply.headers.emplace_back("Retry-After", std::to_string(TextOf(ProblemKind::kNotReady).retry_after));
  return reply;
}

Reply MetricsReply(const Services &services) {
  return MomentReply("text/plain; version=0.0.4; charset=utf-8", services.metrics.Render());
}

} // namespace itemize::sidecar::http
