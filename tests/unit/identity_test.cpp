// Tokens that are taken and tokens that are not: the vectors of RFC 7515 and RFC 8037, each of their bytes changed, and
// what is known to have deceived others.
#include "base/errors.hpp"
#include "base/logger.hpp"
#include "base/metrics.hpp"
#include "base/stop_token.hpp"
#include "http/authentication.hpp"
#include "identity/base64url.hpp"
#include "identity/jwks.hpp"
#include "identity/key_source.hpp"
#include "identity/key_store.hpp"
#include "identity/key_url.hpp"
#include "identity/verifier.hpp"

#include <gtest/gtest.h>
#include <httplib.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <future>
#include <thread>

namespace {

using namespace itemize::sidecar;
using namespace itemize::sidecar::identity;
using Kind = Verdict::Kind;
using SystemClock = std::chrono::system_clock;

constexpr const char *kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// RFC 7515, appendices A.1 to A.3: the same claims under three keys.
constexpr const char *kSecret =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
constexpr const char *kModulus =
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-"
    "pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-"
    "UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-"
    "DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
constexpr const char *kPoint =
    R"("x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")";
constexpr const char *kClaims =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const SystemClock::time_point kBefore = SystemClock::from_time_t(1300819379);

struct Vector {
  const char *name;
  std::string key;
  std::string token;
};

std::vector<Vector> Vectors() {
  const std::string claims = kClaims;
  return {{"HS256", std::string(R"({"kty":"oct","k":")") + kSecret + "\"}",
           "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + claims + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"},
          {"RS256", std::string(R"({"kty":"RSA","n":")") + kModulus + R"(","e":"AQAB"})",
           "eyJhbGciOiJSUzI1NiJ9." + claims +
               ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
               "O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07"
               "Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6Lbg"
               "GY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"},
          {"ES256", std::string(R"({"kty":"EC","crv":"P-256",)") + kPoint + "}",
           "eyJhbGciOiJFUzI1NiJ9." + claims +
               ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"}};
}

KeySet KeysOf(const std::string &key) { return ParseJwks(R"({"keys":[)" + key + "]}", Secrets::kTaken); }

std::string Encode(const std::string &bytes) {
  std::string text;
  unsigned held = 0;
  unsigned bits = 0;
  for (const char c : bytes) {
    held = (held << 8U) | static_cast<unsigned char>(c);
    for (bits += 8; bits >= 6; bits -= 6)
      text.push_back(kAlphabet[(held >> (bits - 6)) & 63U]);
  }
  if (bits > 0) text.push_back(kAlphabet[(held << (6 - bits)) & 63U]);
  return text;
}

const std::string kOwnSecret = "0123456789abcdef0123456789abcdef";

/// Signed by HS256 whatever the header says.
std::string Sign(const std::string &claims, const std::string &header = R"({"alg":"HS256"})",
                 const std::string &secret = kOwnSecret) {
  const std::string input = Encode(header) + '.' + Encode(claims);
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char *>(input.data()), input.size(), mac, &length);
  return input + '.' + Encode(std::string(reinterpret_cast<const char *>(mac), length));
}

KeySet OwnKeys() { return {*Key::OfSecret(kOwnSecret)}; }

constexpr std::int64_t kNow = 1800000000;

Verdict Judge(const std::string &token, VerifierOptions options = {}, std::int64_t now = kNow) {
  return Verifier(std::move(options)).Verify(token, OwnKeys(), SystemClock::from_time_t(now));
}

TEST(Identity, Base64UrlHasOneTextForEachSequenceOfBytes) {
  EXPECT_EQ(DecodeBase64Url(""), "");
  EXPECT_EQ(DecodeBase64Url("Zg"), "f");
  EXPECT_EQ(DecodeBase64Url("Zm8"), "fo");
  EXPECT_EQ(DecodeBase64Url("Zm9v"), "foo");
  EXPECT_EQ(DecodeBase64Url("-_8"), "\xFB\xFF");
  for (const char *wrong : {"Z", "Zh", "Zm9", "Zm9vZ", "Zg==", "Zm 8", "Zm8\n", "+/8", "Zm.v"})
    EXPECT_FALSE(DecodeBase64Url(wrong)) << wrong;
}

TEST(Identity, TheTokensOfTheRfcAreTaken) {
  for (const Vector &vector : Vectors()) {
    const Verdict verdict = Verifier({}).Verify(vector.token, KeysOf(vector.key), kBefore);
    EXPECT_EQ(verdict.kind, Kind::kAccepted) << vector.name << ": " << verdict.reason;
    ASSERT_TRUE(verdict.caller) << vector.name;
    EXPECT_EQ(verdict.caller->subject, "");
    EXPECT_EQ(verdict.caller->claims, R"({"exp":1300819380,"http://example.com/is_root":true,"iss":"joe"})");
    EXPECT_EQ(Verifier({}).Verify(vector.token, KeysOf(vector.key), SystemClock::now()).kind, Kind::kTime);
  }
}

TEST(Identity, TheSignatureOfRfc8037IsTaken) {
  const KeySet keys = KeysOf(R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})");
  ASSERT_EQ(keys.size(), 1U);
  EXPECT_EQ(keys[0].algorithm(), Algorithm::kEdDsa);
  const std::string input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
  std::string signature =
      *DecodeBase64Url("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
  EXPECT_TRUE(keys[0].Verifies(input, signature));
  for (char &byte : signature) {
    byte = static_cast<char>(byte ^ 1);
    EXPECT_FALSE(keys[0].Verifies(input, signature));
    byte = static_cast<char>(byte ^ 1);
  }
  EXPECT_FALSE(keys[0].Verifies(input, signature.substr(1)));
  EXPECT_FALSE(keys[0].Verifies(input, ""));
}

TEST(Identity, NoByteOfATokenCanBeChanged) {
  for (const Vector &vector : Vectors()) {
    const KeySet keys = KeysOf(vector.key);
    const Verifier verifier({});
    std::string token = vector.token;
    for (char &byte : token) {
      const char right = byte;
      // The neighbour in the alphabet differs in the last bits alone, which a lax decoder throws away.
      const char *const at = std::strchr(kAlphabet, right);
      const char neighbour = at == nullptr ? 'A' : kAlphabet[static_cast<std::size_t>(at - kAlphabet) ^ 1U];
      for (const char wrong : {neighbour, right == 'x' ? 'y' : 'x', '.', '=', '\0'}) {
        if (wrong == right) continue;
        byte = wrong;
        EXPECT_NE(verifier.Verify(token, keys, kBefore).kind, Kind::kAccepted)
            << vector.name << " at " << (&byte - token.data());
      }
      byte = right;
    }
    for (std::size_t length = 0; length < token.size(); length += 7)
      EXPECT_NE(verifier.Verify(token.substr(0, length), keys, kBefore).kind, Kind::kAccepted);
    EXPECT_NE(verifier.Verify(token + '.', keys, kBefore).kind, Kind::kAccepted);
    EXPECT_NE(verifier.Verify(token + 'A', keys, kBefore).kind, Kind::kAccepted);
  }
}

TEST(Identity, TheKeySaysTheAlgorithmAndNotTheToken) {
  const auto vectors = Vectors();
  const KeySet rsa = KeysOf(vectors[1].key);
  const std::string claims = R"({"exp":1900000000})";
  const auto verify = [&](const std::string &token, const KeySet &keys) {
    return Verifier({}).Verify(token, keys, SystemClock::from_time_t(kNow)).kind;
  };
  // A public key taken for a secret.
  EXPECT_EQ(verify(Sign(claims, R"({"alg":"HS256"})", *DecodeBase64Url(kModulus)), rsa), Kind::kUnknownKey);
  EXPECT_EQ(verify(Sign(claims, R"({"alg":"RS256"})", *DecodeBase64Url(kModulus)), rsa), Kind::kSignature);
  EXPECT_EQ(verify(Sign(claims, R"({"alg":"RS256"})"), OwnKeys()), Kind::kUnknownKey);
  for (const char *header :
       {R"({"alg":"none"})", R"({"alg":"None"})", R"({"alg":"hs256"})", R"({"alg":"HS512"})", R"({"alg":""})",
        R"({"alg":null})", R"({"alg":["HS256"]})", R"({})", R"([])", R"("HS256")", R"({"alg":"HS256","alg":"HS256"})",
        R"({"alg":"none","alg":"HS256"})", R"({"alg":"HS256","crit":["exp"],"exp":1})", R"({"alg":"HS256","crit":[]})",
        R"({"alg":"HS256","b64":false})", R"({"alg":"HS256","kid":1})", R"({"alg":"HS256"} x)", ""}) {
    EXPECT_EQ(verify(Sign(claims, header), OwnKeys()), Kind::kMalformed) << header;
  }
  const std::string unsigned_token = Encode(R"({"alg":"none"})") + '.' + Encode(claims) + '.';
  EXPECT_EQ(verify(unsigned_token, OwnKeys()), Kind::kMalformed);
  EXPECT_EQ(verify(Encode(R"({"alg":"HS256"})") + '.' + Encode(claims) + '.', OwnKeys()), Kind::kSignature);
  EXPECT_EQ(verify(Sign(claims, R"({"alg":"HS256"})", kOwnSecret + "x"), OwnKeys()), Kind::kSignature);
  EXPECT_EQ(verify(Sign(claims), OwnKeys()), Kind::kAccepted);
  // What a token brings along about keys is not looked at.
  EXPECT_EQ(
      verify(Sign(claims, R"({"alg":"HS256","jku":"http://evil.test/","jwk":{"kty":"oct","k":"AAAA"}})"), OwnKeys()),
      Kind::kAccepted);
}

TEST(Identity, ClaimsAreReadInOneWayOnly) {
  EXPECT_EQ(Judge(Sign(R"({"exp":1900000000,"sub":"ann","sub":"bob"})")).kind, Kind::kMalformed);
  EXPECT_EQ(Judge(Sign(R"({"exp":1900000000,"a":{"b":1,"b":2}})")).kind, Kind::kMalformed);
  EXPECT_EQ(Judge(Sign(R"({"exp":1900000000,"a":{"b":1},"c":{"b":2}})")).kind, Kind::kAccepted);
  EXPECT_EQ(Judge(Sign(R"([{"exp":1900000000}])")).kind, Kind::kMalformed);
  EXPECT_EQ(Judge(Sign("")).kind, Kind::kMalformed);
  EXPECT_EQ(Judge(Sign("{\"exp\":1900000000,\"sub\":\"\xFF\"}")).kind, Kind::kMalformed);
  EXPECT_EQ(Judge(Sign(R"({"exp":1900000000,"a":)" + std::string(40, '[') + std::string(40, ']') + "}")).kind,
            Kind::kMalformed);
  const std::string filler(kMostTokenBytes, 'x');
  EXPECT_EQ(Judge(Sign(R"({"exp":1900000000,"a":")" + filler + "\"}")).kind, Kind::kMalformed);
}

TEST(Identity, ATokenExpires) {
  EXPECT_EQ(Judge(Sign(R"({"sub":"ann"})")).kind, Kind::kClaims);
  for (const char *wrong : {"\"1900000000\"", "null", "-1", "true", "[]"})
    EXPECT_EQ(Judge(Sign(std::string(R"({"exp":)") + wrong + "}")).kind, Kind::kClaims) << wrong;
  const std::string token = Sign(R"({"exp":1800000000})");
  EXPECT_EQ(Judge(token, {}, 1800000029).kind, Kind::kAccepted);
  EXPECT_EQ(Judge(token, {}, 1800000030).kind, Kind::kTime);
  const Verdict verdict = Judge(token);
  ASSERT_TRUE(verdict.caller);
  EXPECT_EQ(SystemClock::to_time_t(verdict.caller->expires), 1800000030) << "and with it what it was given for";
  VerifierOptions exact;
  exact.clock_skew = std::chrono::seconds(0);
  EXPECT_EQ(Judge(token, exact, 1799999999).kind, Kind::kAccepted);
  EXPECT_EQ(Judge(token, exact, 1800000000).kind, Kind::kTime);
  EXPECT_EQ(Judge(Sign(R"({"exp":1800000000.5})"), exact).kind, Kind::kAccepted);
  EXPECT_EQ(Judge(Sign(R"({"exp":1e300})")).kind, Kind::kAccepted) << "later than any clock";
  EXPECT_EQ(Judge(Sign(R"({"exp":1900000000,"nbf":1800000030})")).kind, Kind::kAccepted);
  EXPECT_EQ(Judge(Sign(R"({"exp":1900000000,"nbf":1800000031})")).kind, Kind::kTime);
  EXPECT_EQ(Judge(Sign(R"({"exp":1900000000,"nbf":"now"})")).kind, Kind::kClaims);
}

TEST(Identity, ATokenIsForOneAudienceAndOfOneIssuer) {
  const auto judge = [](const std::string &claims, const VerifierOptions &options) {
    return Judge(Sign(R"({"exp":1900000000)" + claims + "}"), options).kind;
  };
  VerifierOptions options;
  EXPECT_EQ(judge(R"(,"aud":"shop")", options), Kind::kClaims) << "somebody else's";
  options.audience = "shop";
  EXPECT_EQ(judge(R"(,"aud":"shop")", options), Kind::kAccepted);
  EXPECT_EQ(judge(R"(,"aud":["other","shop"])", options), Kind::kAccepted);
  EXPECT_EQ(judge(R"(,"aud":["other"])", options), Kind::kClaims);
  EXPECT_EQ(judge(R"(,"aud":"shopping")", options), Kind::kClaims);
  EXPECT_EQ(judge(R"(,"aud":{"shop":"shop"})", options), Kind::kClaims);
  EXPECT_EQ(judge("", options), Kind::kClaims);
  options.issuer = "https://id.example.org";
  EXPECT_EQ(judge(R"(,"aud":"shop","iss":"https://id.example.org")", options), Kind::kAccepted);
  EXPECT_EQ(judge(R"(,"aud":"shop","iss":"https://id.example.org/")", options), Kind::kClaims);
  EXPECT_EQ(judge(R"(,"aud":"shop","iss":["https://id.example.org"])", options), Kind::kClaims);
  EXPECT_EQ(judge(R"(,"aud":"shop")", options), Kind::kClaims);
}

TEST(Identity, SubjectAndRolesAreNames) {
  const auto caller = [](const std::string &claims, const VerifierOptions &options = {}) {
    return Judge(Sign(R"({"exp":1900000000)" + claims + "}"), options).caller;
  };
  Caller found = caller(R"(,"sub":"ann","role":"editor")");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->subject, "ann");
  EXPECT_TRUE(found->HasRole("editor"));
  EXPECT_FALSE(found->HasRole("edito"));
  EXPECT_EQ(found->claims, R"({"exp":1900000000,"role":"editor","sub":"ann"})");
  found = caller(R"(,"role":["a","b"])");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->roles, (std::vector<std::string>{"a", "b"}));
  for (const char *wrong : {R"(,"sub":1)", R"(,"sub":"")", R"(,"sub":null)", R"(,"sub":"a\u0000b")", R"(,"role":"")",
                            R"(,"role":1)", R"(,"role":["a",1])", R"(,"role":{"a":true})"})
    EXPECT_FALSE(caller(wrong)) << wrong;
  VerifierOptions elsewhere;
  elsewhere.role_claim = "/realm_access/roles";
  found = caller(R"(,"role":"admin","realm_access":{"roles":["editor"]})", elsewhere);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->roles, std::vector<std::string>{"editor"});
  EXPECT_NE(found->claims.find(R"("role":["editor"])"), std::string::npos) << found->claims;
  found = caller(R"(,"role":"admin")", elsewhere);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->roles.empty());
  EXPECT_EQ(found->claims, R"({"exp":1900000000})") << "a claim that was not asked for is no role";
  elsewhere.role_claim = "/a~b";
  EXPECT_THROW(Verifier{elsewhere}, ConfigError);
  elsewhere.role_claim = "";
  EXPECT_THROW(Verifier{elsewhere}, ConfigError);
}

TEST(Identity, AKeySetIsTakenForWhatItIsFor) {
  const auto vectors = Vectors();
  const auto refused = [](const std::string &keys, Secrets secrets = Secrets::kTaken) {
    try {
      return ParseJwks(keys, secrets).empty();
    } catch (const Error &) {
      return true;
    }
  };
  const auto with = [](const std::string &key, const std::string &member) {
    return R"({"keys":[)" + key.substr(0, key.size() - 1) + ',' + member + "}]}";
  };
  EXPECT_FALSE(refused(with(vectors[1].key, R"("use":"sig","alg":"RS256","key_ops":["verify"],"x5c":["MIIB"])")));
  EXPECT_TRUE(refused(with(vectors[1].key, R"("use":"enc")")));
  EXPECT_TRUE(refused(with(vectors[1].key, R"("key_ops":["encrypt"])")));
  EXPECT_TRUE(refused(with(vectors[1].key, R"("alg":"PS256")")));
  EXPECT_TRUE(refused(with(vectors[1].key, R"("alg":"HS256")")));
  EXPECT_TRUE(refused(with(vectors[1].key, R"("kty":"RSA")"))) << "a member twice";
  EXPECT_TRUE(refused(R"({"keys":[{"kty":"oct","k":"c2hvcnQ"}]})")) << "a short secret";
  EXPECT_TRUE(refused(R"({"keys":[)" + vectors[0].key + "]}", Secrets::kIgnored)) << "a secret that is published";
  EXPECT_TRUE(refused(R"({"keys":[{"kty":"RSA","e":"AQAB","n":")" + std::string(kModulus).substr(0, 171) + "\"}]}"))
      << "1024 bits";
  EXPECT_TRUE(refused(R"({"keys":[{"kty":"RSA","e":"AQ","n":")" + std::string(kModulus) + "\"}]}")) << "exponent one";
  std::string off_curve = vectors[2].key;
  off_curve[off_curve.find("f83O")] = 'g';
  EXPECT_TRUE(refused(R"({"keys":[)" + off_curve + "]}")) << "a point off the curve";
  EXPECT_TRUE(ParseJwks(R"({"keys":[]})", Secrets::kIgnored).empty()) << "all have been revoked";
  const std::string sound = R"({"keys":[)" + vectors[1].key + "]}";
  EXPECT_THROW((void)ParseJwks(sound + '\0' + "[]", Secrets::kTaken), Error)
      << "what follows a NUL byte is not overlooked";
  EXPECT_TRUE(refused(R"({"keys":{}})"));
  EXPECT_TRUE(refused("[]"));
  EXPECT_TRUE(refused("<html>"));
  // Others among them do no harm.
  const KeySet keys =
      ParseJwks(R"({"keys":[{"kty":"EC","crv":"P-521","x":"AA","y":"AA"},7,)" + vectors[2].key + R"(,{"kty":"PQ"}]})",
                Secrets::kTaken);
  ASSERT_EQ(keys.size(), 1U);
  EXPECT_EQ(keys[0].algorithm(), Algorithm::kEs256);
}

TEST(Identity, AKeyIdNamesTheKey) {
  Key first = *Key::OfSecret(kOwnSecret);
  first.set_id("first");
  Key second = *Key::OfSecret(kOwnSecret + "2");
  second.set_id("second");
  const auto verify = [&](const char *header, const std::string &secret) {
    return Verifier({})
        .Verify(Sign(R"({"exp":1900000000})", header, secret), {first, second}, SystemClock::from_time_t(kNow))
        .kind;
  };
  EXPECT_EQ(verify(R"({"alg":"HS256","kid":"second"})", kOwnSecret + "2"), Kind::kAccepted);
  EXPECT_EQ(verify(R"({"alg":"HS256","kid":"first"})", kOwnSecret + "2"), Kind::kSignature);
  EXPECT_EQ(verify(R"({"alg":"HS256","kid":"third"})", kOwnSecret), Kind::kUnknownKey);
  EXPECT_EQ(verify(R"({"alg":"HS256"})", kOwnSecret + "2"), Kind::kAccepted) << "one of them";
}

TEST(Identity, KeysComeFromThisMachineOrByHttps) {
  const auto refused = [](const char *url) {
    try {
      (void)KeySourcesOf({"", url});
      return false;
    } catch (const ConfigError &) {
      return true;
    }
  };
  EXPECT_FALSE(refused("https://id.example.org/keys"));
  EXPECT_FALSE(refused("https://id.example.org"));
  EXPECT_FALSE(refused("http://127.0.0.1:9000/keys"));
  EXPECT_FALSE(refused("http://localhost/keys"));
  EXPECT_FALSE(refused("/etc/keys.json"));
  EXPECT_TRUE(refused("http://id.example.org/keys"));
  EXPECT_TRUE(refused("http://127.0.0.1.example.org/keys"));
  EXPECT_TRUE(refused("http://localhost.example.org/keys"));
  EXPECT_TRUE(refused("https://user@id.example.org/keys"));
  EXPECT_TRUE(refused("https://user:word@id.example.org/keys"));
  EXPECT_TRUE(refused("http://127.0.0.1@id.example.org/keys"));
  EXPECT_TRUE(refused("https:///keys"));
  EXPECT_TRUE(refused("https://"));
  EXPECT_TRUE(refused("https://:443/keys"));
  EXPECT_TRUE(refused("https://id example.org/keys"));
  EXPECT_FALSE(refused("https://id.example.org:65535/keys"));
  EXPECT_TRUE(refused("https://id.example.org:65536/keys"));
  EXPECT_TRUE(refused("https://id.example.org:0/keys"));
  EXPECT_TRUE(refused("https://id.example.org:-1/keys"));
  EXPECT_TRUE(refused("https://id.example.org:https/keys"));
  EXPECT_FALSE(refused("https://[2001:db8::1]:8443/keys"));
  EXPECT_FALSE(refused("http://[::1]:9000/keys"));
  EXPECT_TRUE(refused("http://[2001:db8::1]/keys"));
  EXPECT_TRUE(refused("https://[2001:db8::1/keys"));
  EXPECT_TRUE(refused("https://[2001:db8::g]/keys"));
}

/// A file that is gone in the end.
class OwnFile {
public:
  explicit OwnFile(const std::string &text) {
    const int descriptor = mkstemp(path_.data());
    if (descriptor < 0) throw Error("no temporary file");
    close(descriptor);
    Write(text);
  }
  OwnFile(const OwnFile &) = delete;
  OwnFile &operator=(const OwnFile &) = delete;
  ~OwnFile() { (void)std::remove(path_.c_str()); }
  void Write(const std::string &text) const { std::ofstream(path_, std::ios::binary | std::ios::trunc) << text; }
  [[nodiscard]] const std::string &path() const { return path_; }

private:
  std::string path_ = "/tmp/itemize_identity_XXXXXX";
};

TEST(Identity, AFileOfASecretHoldsNothingElse) {
  const StopSource stop;
  const auto error = [&](const KeySourceOptions &options) -> std::string {
    try {
      for (const KeySource &source : KeySourcesOf(options))
        (void)ReadFirst(source, stop.token());
      return {};
    } catch (const ConfigError &thrown) {
      return thrown.what();
    }
  };
  const auto secret_error = [&](const std::string &text) {
    const OwnFile file(text);
    return error({file.path(), ""});
  };
  EXPECT_EQ(secret_error(kOwnSecret + "\n"), "");
  EXPECT_EQ(secret_error(" -" + kOwnSecret), "");
  EXPECT_NE(secret_error("short").find("32 to 4096"), std::string::npos);
  EXPECT_NE(secret_error(std::string(4097, 'x')).find("32 to 4096"), std::string::npos);
  for (const char *other : {"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n",
                            "\n\t-----BEGIN CERTIFICATE-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n",
                            " {\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr\"}"})
    EXPECT_NE(secret_error(other).find("PEM or JSON"), std::string::npos) << other;
  EXPECT_NE(error({"/does/not/exist", ""}), "");
  EXPECT_NE(error({"", "/does/not/exist"}), "");
  const OwnFile empty(R"({"keys":[]})");
  EXPECT_NE(error({"", empty.path()}).find("has no key"), std::string::npos)
      << "at the start an empty set is a mistake";
}

/// Takes connections, and answers with a header field every now and then until whoever asks has gone.
class SlowServer {
public:
  SlowServer() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto *const any = reinterpret_cast<sockaddr *>(&address);
    if (listener_ < 0 || bind(listener_, any, size) != 0 || listen(listener_, 1) != 0 ||
        getsockname(listener_, any, &size) != 0) {
      throw Error("no socket to listen on");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  SlowServer(const SlowServer &) = delete;
  SlowServer &operator=(const SlowServer &) = delete;
  ~SlowServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/keys"; }

private:
  void Serve() const {
    for (int client = accept(listener_, nullptr, nullptr); client >= 0; client = accept(listener_, nullptr, nullptr)) {
      std::string_view text = "HTTP/1.1 200 OK\r\n";
      while (send(client, text.data(), text.size(), MSG_NOSIGNAL) > 0) {
        text = "X: y\r\n";
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
      close(client);
    }
  }

  int listener_ = socket(AF_INET, SOCK_STREAM, 0);
  int port_ = 0;
  std::thread thread_;
};

TEST(Identity, AFetchEndsInTimeHoweverSlowlyItIsAnswered) {
  const SlowServer server;
  const StopSource stop;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THROW((void)FetchKeyUrl(server.url(), stop.token(), std::chrono::milliseconds(200)), Error);
  EXPECT_LT(std::chrono::steady_clock::now() - start, kKeyUrlTimeout / 2) << "the bound is for the whole";
}

TEST(Identity, AFetchEndsWithAStop) {
  const SlowServer server;
  StopSource stop;
  const auto start = std::chrono::steady_clock::now();
  std::thread stopping([&stop] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    stop.RequestStop();
  });
  EXPECT_THROW((void)FetchKeyUrl(server.url(), stop.token()), Stopped);
  EXPECT_LT(std::chrono::steady_clock::now() - start, kKeyUrlTimeout / 2);
  stopping.join();
}

/// A server of key sets, on a free port.
class KeyServer {
public:
  KeyServer() {
    server_.Get("/keys", [this](const httplib::Request &, httplib::Response &response) {
      ++asked;
      const std::lock_guard<std::mutex> lock(mutex_);
      response.status = status_;
      response.set_content(body_, "application/json");
      if (status_ == 302) response.set_header("Location", "/other");
    });
    server_.Get("/other", [this](const httplib::Request &, httplib::Response &) { followed = true; });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running())
      std::this_thread::yield();
  }
  KeyServer(const KeyServer &) = delete;
  KeyServer &operator=(const KeyServer &) = delete;
  ~KeyServer() {
    server_.stop();
    thread_.join();
  }
  void Serve(int status, std::string body) {
    const std::lock_guard<std::mutex> lock(mutex_);
    status_ = status;
    body_ = std::move(body);
  }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/keys"; }

  std::atomic<int> asked{0};
  std::atomic<bool> followed{false};

private:
  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
  std::mutex mutex_;
  int status_ = 200;
  std::string body_;
};

TEST(Identity, KeysAreFetchedAgainWhenOneIsUnknownButNotForEveryToken) {
  const auto vectors = Vectors();
  KeyServer server;
  server.Serve(200, R"({"keys":[)" + vectors[1].key + "]}");
  Logger log(LogLevel::kError);
  Metrics metrics;
  RefreshTimes times;
  times.pause = std::chrono::hours(1);
  times.period = std::chrono::hours(1);
  StopSource stop;
  KeyStore store({"", server.url()}, log, metrics, times);
  EXPECT_FALSE(store.keys()) << "not yet";
  EXPECT_TRUE(store.MayRefresh());
  std::promise<void> woken;
  store.AwaitRefresh([&] { woken.set_value(); });
  std::thread reading([&] { store.Run(stop.token()); });
  woken.get_future().wait();
  ASSERT_TRUE(store.keys());
  EXPECT_EQ(store.keys()->front().algorithm(), Algorithm::kRs256);
  EXPECT_EQ(server.asked, 1) << "what was due and what was wanted are one question";
  EXPECT_FALSE(store.MayRefresh());
  bool at_once = false;
  store.AwaitRefresh([&] { at_once = true; });
  EXPECT_TRUE(at_once);
  EXPECT_EQ(server.asked, 1);
  stop.RequestStop();
  reading.join();
}

TEST(Identity, AnIssuerThatIsAwayTakesNoKeysAway) {
  const auto vectors = Vectors();
  KeyServer server;
  server.Serve(200, R"({"keys":[)" + vectors[1].key + "]}");
  Logger log(LogLevel::kError);
  Metrics metrics;
  RefreshTimes times;
  times.pause = std::chrono::milliseconds(0);
  times.period = std::chrono::hours(1);
  StopSource stop;
  KeyStore store({"", server.url()}, log, metrics, times);
  std::thread reading([&] { store.Run(stop.token()); });
  const auto refresh = [&] {
    std::promise<void> woken;
    store.AwaitRefresh([&] { woken.set_value(); });
    woken.get_future().wait();
    return store.keys();
  };
  const auto first = refresh();
  ASSERT_TRUE(first);
  for (const auto &[status, body] : std::vector<std::pair<int, std::string>>{
           {500, "{}"},
           {302, ""},
           {200, "{}"},
           {200, ""},
           {200, R"({"keys":[],"x":")" + std::string(kMostJwksBytes, 'x') + "\"}"}}) {
    server.Serve(status, body);
    const auto kept = refresh();
    ASSERT_TRUE(kept) << status;
    EXPECT_EQ(kept->front().algorithm(), Algorithm::kRs256);
  }
  EXPECT_FALSE(server.followed) << "a redirection is no key set";
  EXPECT_GE(metrics.Counter("itemize_token_key_failures_total", "").Value(), 5.0);
  server.Serve(200, R"({"keys":[)" + vectors[2].key + "]}");
  refresh(); // perhaps one that had begun before
  const auto changed = refresh();
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->front().algorithm(), Algorithm::kEs256) << "and new ones are taken";
  server.Serve(200, R"({"keys":[)" + vectors[0].key + "]}");
  refresh();
  const auto revoked = refresh();
  ASSERT_TRUE(revoked);
  EXPECT_TRUE(revoked->empty()) << "a set without keys that can be used is taken for what it says";
  stop.RequestStop();
  reading.join();
}

TEST(Identity, ASourceThatIsAwayKeepsNoOtherAsItWas) {
  const auto vectors = Vectors();
  KeyServer server;
  server.Serve(200, R"({"keys":[)" + vectors[1].key + "]}");
  const OwnFile file(kOwnSecret);
  Logger log(LogLevel::kError);
  Metrics metrics;
  RefreshTimes times;
  times.pause = std::chrono::milliseconds(0);
  times.period = std::chrono::hours(1);
  StopSource stop;
  KeyStore store({file.path(), server.url()}, log, metrics, times);
  EXPECT_FALSE(store.keys()) << "one of two is not had yet";
  std::thread reading([&] { store.Run(stop.token()); });
  const auto takes = [&](const std::string &secret) {
    for (int i = 0; i < 2; ++i) { // the first perhaps of an attempt that had begun before
      std::promise<void> woken;
      store.AwaitRefresh([&] { woken.set_value(); });
      woken.get_future().wait();
    }
    const auto keys = store.keys();
    if (!keys) return Kind::kMalformed;
    EXPECT_EQ(keys->size(), 2U);
    return Verifier({})
        .Verify(Sign(R"({"exp":1900000000})", R"({"alg":"HS256"})", secret), *keys, SystemClock::from_time_t(kNow))
        .kind;
  };
  EXPECT_EQ(takes(kOwnSecret), Kind::kAccepted);
  server.Serve(500, "");
  file.Write(kOwnSecret + "2");
  EXPECT_EQ(takes(kOwnSecret), Kind::kSignature);
  EXPECT_EQ(takes(kOwnSecret + "2"), Kind::kAccepted);
  file.Write("short");
  server.Serve(200, R"({"keys":[)" + vectors[2].key + "]}");
  EXPECT_EQ(takes(kOwnSecret + "2"), Kind::kAccepted) << "and the other way around";
  ASSERT_TRUE(store.keys());
  EXPECT_EQ(store.keys()->front().algorithm(), Algorithm::kEs256);
  stop.RequestStop();
  reading.join();
}

TEST(Identity, ARequestWaitsForKeysOnceAndThatIsNoWaitForRows) {
  const OwnFile file(kOwnSecret);
  Logger log(LogLevel::kError);
  Metrics metrics;
  RefreshTimes times;
  times.pause = std::chrono::milliseconds(0);
  KeyStore store({file.path(), ""}, log, metrics, times);
  const http::Authentication authentication(store, {}, metrics);
  http::FramedRequest request;
  request.head.fields = {{"Authorization", "Bearer " + Sign(R"({"exp":1900000000})", R"({"alg":"ES256"})")}};
  Caller caller;
  request.parked = true; // for rows
  auto reply = authentication.Check(request, caller);
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->park);
  EXPECT_TRUE(reply->awaits_keys);
  request.awaited_keys = true;
  reply = authentication.Check(request, caller);
  ASSERT_TRUE(reply);
  EXPECT_FALSE(reply->park);
  EXPECT_EQ(reply->status, 401);
}

TEST(Identity, WhatFollowsANulByteIsNotOverlooked) {
  const std::string claims = R"({"exp":1900000000})";
  EXPECT_EQ(Judge(Sign(claims)).kind, Kind::kAccepted);
  EXPECT_EQ(Judge(Sign(claims + '\0' + R"({"exp":1})")).kind, Kind::kMalformed);
  EXPECT_EQ(Judge(Sign(claims, std::string(R"({"alg":"HS256"})") + '\0')).kind, Kind::kMalformed);
}

} // namespace
