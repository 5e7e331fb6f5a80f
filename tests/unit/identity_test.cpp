// Tokens that are taken and tokens that are not: the vectors of RFC 7515 and RFC 8037, each of their bytes changed, and
// what is known to have deceived others.
#include "identity/verifier.hpp"

#include "base/errors.hpp"
#include "identity/jwks.hpp"
#include "signed_tokens.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace {

using namespace itemize;
using namespace itemize::sidecar;
using namespace itemize::sidecar::identity;
using Kind = Verdict::Kind;
using SystemClock = std::chrono::system_clock;

constexpr const char *kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

KeySet KeysOf(const std::string &key) { return ParseJwks(R"({"keys":[)" + key + "]}", Secrets::kTaken); }

KeySet OwnKeys() { return {*Key::OfSecret(kOwnSecret)}; }

Verdict Judge(const std::string &token, VerifierOptions options = {}, std::int64_t now = kNow) {
  return Verifier(std::move(options)).Verify(token, OwnKeys(), SystemClock::from_time_t(now));
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
  const std::string unsigned_token = EncodeBase64Url(R"({"alg":"none"})") + '.' + EncodeBase64Url(claims) + '.';
  EXPECT_EQ(verify(unsigned_token, OwnKeys()), Kind::kMalformed);
  EXPECT_EQ(verify(EncodeBase64Url(R"({"alg":"HS256"})") + '.' + EncodeBase64Url(claims) + '.', OwnKeys()),
            Kind::kSignature);
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

TEST(Identity, WhatFollowsANulByteIsNotOverlooked) {
  const std::string claims = R"({"exp":1900000000})";
  EXPECT_EQ(Judge(Sign(claims)).kind, Kind::kAccepted);
  EXPECT_EQ(Judge(Sign(claims + '\0' + R"({"exp":1})")).kind, Kind::kMalformed);
  EXPECT_EQ(Judge(Sign(claims, std::string(R"({"alg":"HS256"})") + '\0')).kind, Kind::kMalformed);
}

} // namespace
