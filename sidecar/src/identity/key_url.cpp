#include "identity/key_url.hpp"

#include "base/errors.hpp"
#include "base/freed.hpp"
#include "identity/jwks.hpp"

#include <curl/curl.h>

#include <memory>

namespace itemize::sidecar::identity {

namespace {

constexpr std::size_t kMostHeaderBytes = std::size_t{64} * 1024;
constexpr long kOk = 200;
constexpr const char *kHttps = "https";

using ParsedUrl = std::unique_ptr<CURLU, Freed<&curl_url_cleanup>>;
using Transfer = std::unique_ptr<CURL, Freed<&curl_easy_cleanup>>;
using Headers = std::unique_ptr<curl_slist, Freed<&curl_slist_free_all>>;
using Text = std::unique_ptr<char, Freed<&curl_free>>;

/// Empty when the URL has no such part.
std::string PartOf(CURLU *url, CURLUPart part) {
  char *text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return {};
  const Text owned(text);
  return text;
}

/// Whether nobody else can be on the way.
bool IsLocal(const std::string &host) { return host == "127.0.0.1" || host == "localhost" || host == "[::1]"; }

/// By the parser of the very library that goes there, so that what is checked is what is asked.
ParsedUrl Parse(const std::string &text) {
  ParsedUrl url(curl_url());
  if (!url) throw Error("--jwks: out of memory");
  const CURLUcode code = curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_DISALLOW_USER);
  if (code != CURLUE_OK) {
    throw ConfigError(std::string("--jwks: this is no URL of a key set: ") + curl_url_strerror(code));
  }
  const std::string scheme = PartOf(url.get(), CURLUPART_SCHEME);
  // libcurl takes the path for the host where there is none.
  if (text.compare(scheme.size(), 4, ":///") == 0) throw ConfigError("--jwks: this is no URL of a key set: no host");
  if (PartOf(url.get(), CURLUPART_PORT) == "0") throw ConfigError("--jwks: this is no URL of a key set: port 0");
  if (scheme != kHttps && (scheme != "http" || !IsLocal(PartOf(url.get(), CURLUPART_HOST)))) {
    throw ConfigError("--jwks: a key set is fetched by https://, and by http:// from this machine only");
  }
  return url;
}

/// What comes in, within its bounds.
struct Answer {
  const StopToken &stop;
  std::string body;
  std::size_t header_bytes = 0;
  bool too_large = false;
};

// libcurl ends the transfer when fewer bytes are taken than it gave.

std::size_t TakeHeader(const char * /*data*/, std::size_t size, std::size_t count, void *context) {
  auto &answer = *static_cast<Answer *>(context);
  answer.header_bytes += size * count;
  answer.too_large = answer.header_bytes > kMostHeaderBytes;
  return answer.too_large ? 0 : size * count;
}

std::size_t TakeBody(const char *data, std::size_t size, std::size_t count, void *context) {
  auto &answer = *static_cast<Answer *>(context);
  answer.too_large = answer.body.size() + size * count > kMostJwksBytes;
  if (answer.too_large) return 0;
  answer.body.append(data, size * count);
  return size * count;
}

/// Called once a second at least, whatever the transfer waits for.
int IsStopped(void *context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const Answer *>(context)->stop.stopped() ? 1 : 0;
}

template <typename Value>
void Set(const Transfer &transfer, CURLoption option, Value value) {
  const CURLcode code = curl_easy_setopt(transfer.get(), option, value);
  if (code != CURLE_OK) throw Error(std::string("--jwks: libcurl: ") + curl_easy_strerror(code));
}

} // namespace

void CheckKeyUrl(const std::string &url) { (void)Parse(url); }

std::string FetchKeyUrl(const std::string &url, const StopToken &stop, std::chrono::milliseconds timeout) {
  static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  const ParsedUrl parsed = Parse(url);
  const Headers headers(curl_slist_append(nullptr, "Accept: application/jwk-set+json, application/json"));
  const Transfer transfer(curl_easy_init());
  if (!ready || !headers || !transfer) throw Error("--jwks: libcurl cannot be set up");
  Answer answer{stop, {}};
  Set(transfer, CURLOPT_CURLU, parsed.get());
  Set(transfer, CURLOPT_PROTOCOLS_STR, PartOf(parsed.get(), CURLUPART_SCHEME).c_str());
  Set(transfer, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  Set(transfer, CURLOPT_FOLLOWLOCATION, 0L);
  // What stands in the environment must not send http:// off this machine.
  Set(transfer, CURLOPT_PROXY, "");
  Set(transfer, CURLOPT_SSL_VERIFYPEER, 1L);
  Set(transfer, CURLOPT_SSL_VERIFYHOST, 2L);
  Set(transfer, CURLOPT_HTTPHEADER, headers.get());
  Set(transfer, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  Set(transfer, CURLOPT_NOSIGNAL, 1L);
  // Else the end waits for a name's resolution, which has timeouts of its own.
  Set(transfer, CURLOPT_QUICK_EXIT, 1L);
  Set(transfer, CURLOPT_HEADERFUNCTION, &TakeHeader);
  Set(transfer, CURLOPT_HEADERDATA, &answer);
  Set(transfer, CURLOPT_WRITEFUNCTION, &TakeBody);
  Set(transfer, CURLOPT_WRITEDATA, &answer);
  Set(transfer, CURLOPT_NOPROGRESS, 0L);
  Set(transfer, CURLOPT_XFERINFOFUNCTION, &IsStopped);
  Set(transfer, CURLOPT_XFERINFODATA, &answer);
  const CURLcode code = curl_easy_perform(transfer.get());
  stop.ThrowIfStopped();
  if (answer.too_large) throw Error("--jwks: the answer is too long for a key set");
  if (code != CURLE_OK) throw Error(std::string("--jwks: ") + curl_easy_strerror(code));
  long status = 0;
  (void)curl_easy_getinfo(transfer.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status != kOk) throw Error("--jwks: the server answered " + std::to_string(status));
  return std::move(answer.body);
}

} // namespace itemize::sidecar::identity
