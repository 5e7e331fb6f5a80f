// Tokens for tests: those of RFC 7515 with their keys, and whatever is to be signed.
#pragma once

#include "itemize/base64url.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace itemize::sidecar::identity {

// RFC 7515, appendices A.1 to A.3: the same claims under three keys.
inline constexpr const char *kSecret =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
inline constexpr const char *kModulus =
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-"
    "pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-"
    "UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-"
    "DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
inline constexpr const char *kPoint =
    R"("x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")";
inline constexpr const char *kClaims =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
inline const std::chrono::system_clock::time_point kBefore = std::chrono::system_clock::from_time_t(1300819379);

struct Vector {
  const char *name;
  std::string key;
  std::string token;
};

inline std::vector<Vector> Vectors() {
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

inline const std::string kOwnSecret = "0123456789abcdef0123456789abcdef";

/// Signed by HS256 whatever the header says.
inline std::string Sign(const std::string &claims, const std::string &header = R"({"alg":"HS256"})",
                        const std::string &secret = kOwnSecret) {
  const std::string input = EncodeBase64Url(header) + '.' + EncodeBase64Url(claims);
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char *>(input.data()), input.size(), mac, &length);
  return input + '.' + EncodeBase64Url(std::string(reinterpret_cast<const char *>(mac), length));
}

/// The time of the tests, in seconds since 1970.
inline constexpr std::int64_t kNow = 1800000000;

} // namespace itemize::sidecar::identity
