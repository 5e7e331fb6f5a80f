#include "identity/jwks.hpp"

#include "base/errors.hpp"
#include "identity/strict_json.hpp"
#include "itemize/base64url.hpp"

#include <algorithm>
#include <string>

namespace itemize::sidecar::identity {

namespace {

using nlohmann::json;

/// Empty when there is no such member, or it is no text.
std::string TextOf(const json &object, const char *name) {
  const auto member = object.find(name);
  return member != object.end() && member->is_string() ? member->get<std::string>() : std::string();
}

/// Empty as well when the text is not base64url.
std::string BytesOf(const json &key, const char *name) {
  return DecodeBase64Url(TextOf(key, name)).value_or(std::string());
}

/// RFC 7517 sections 4.2 and 4.3: what is said about its use must let it verify signatures.
bool IsForSignatures(const json &key) {
  if (key.contains("use") && TextOf(key, "use") != "sig") return false;
  const auto operations = key.find("key_ops");
  if (operations == key.end()) return true;
  return operations->is_array() && std::find(operations->begin(), operations->end(), "verify") != operations->end();
}

std::optional<Key> KeyOf(const json &key, Secrets secrets) {
  const std::string type = TextOf(key, "kty");
  const std::string curve = TextOf(key, "crv");
  if (type == "oct" && secrets == Secrets::kTaken) return Key::OfSecret(BytesOf(key, "k"));
  if (type == "RSA") return Key::OfRsa(BytesOf(key, "n"), BytesOf(key, "e"));
  if (type == "EC" && curve == "P-256") return Key::OfEc(BytesOf(key, "x"), BytesOf(key, "y"));
  if (type == "OKP" && curve == "Ed25519") return Key::OfEd25519(BytesOf(key, "x"));
  return std::nullopt;
}

} // namespace

KeySet ParseJwks(std::string_view text, Secrets secrets) {
  if (text.size() > kMostJwksBytes) throw Error("a key set has at most " + std::to_string(kMostJwksBytes) + " bytes");
  const auto document = ParseStrictObject(text);
  if (!document || !document->contains("keys") || !document->at("keys").is_array()) {
    throw Error("not a JSON Web Key Set: {\"keys\": [...]}");
  }
  const json &members = document->at("keys");
  if (members.size() > kMostKeys) throw Error("a key set has at most " + std::to_string(kMostKeys) + " keys");
  KeySet keys;
  for (const json &member : members) {
    if (!member.is_object() || !IsForSignatures(member)) continue;
    auto key = KeyOf(member, secrets);
    if (!key) continue;
    if (member.contains("alg") && ParseAlgorithm(TextOf(member, "alg")) != key->algorithm()) continue;
    key->set_id(TextOf(member, "kid"));
    keys.push_back(std::move(*key));
  }
  return keys;
}

} // namespace itemize::sidecar::identity
