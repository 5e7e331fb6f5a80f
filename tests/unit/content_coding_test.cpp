#include "http/content.hpp"
#include "http/content_coding.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdint>
#include <string>
#include <vector>

namespace itemize::sidecar::http {
namespace {

RequestHead HeadWith(const std::vector<HeaderField> &fields) {
  RequestHead head;
  head.fields = fields;
  return head;
}

Coding PreferredBy(const std::string &accepted) {
  return AcceptedCodings(HeadWith({{"Accept-Encoding", accepted}})).Preferred();
}

bool Takes(const std::string &accepted, Coding coding) {
  return AcceptedCodings(HeadWith({{"accept-encoding", accepted}})).Takes(coding);
}

std::string HeaderOf(const Reply &reply, const std::string &name) {
  for (const auto &[field, value] : reply.headers) {
    if (field == name) return value;
  }
  return "-";
}

std::string Gunzipped(const std::string &bytes) {
  z_stream stream{};
  inflateInit2(&stream, 15 + 16);
  std::string text(100'000, '\0');
  std::string input = bytes;
  stream.next_in = reinterpret_cast<Bytef *>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef *>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  text.resize(stream.total_out);
  inflateEnd(&stream);
  return text;
}

TEST(AcceptedCodings, TheHighestWeightAndAmongEqualsTheFewestBytes) {
  EXPECT_EQ(AcceptedCodings(HeadWith({})).Preferred(), Coding::kIdentity);
  EXPECT_EQ(PreferredBy("gzip, deflate, br, zstd"), Coding::kBrotli);
  EXPECT_EQ(PreferredBy("gzip"), Coding::kGzip);
  EXPECT_EQ(PreferredBy("x-GZIP"), Coding::kGzip);
  EXPECT_EQ(PreferredBy("br;q=0.5,gzip;q=0.8"), Coding::kGzip);
  EXPECT_EQ(PreferredBy("br ; q=1.000 , gzip;Q=0.999"), Coding::kBrotli);
  EXPECT_EQ(PreferredBy("gzip;q=0.2, identity;q=0.3"), Coding::kIdentity);
  EXPECT_EQ(PreferredBy("*"), Coding::kBrotli);
  EXPECT_EQ(PreferredBy("br;q=0, *"), Coding::kGzip);
  EXPECT_EQ(PreferredBy("deflate"), Coding::kIdentity);
  EXPECT_EQ(PreferredBy(""), Coding::kIdentity);
  EXPECT_EQ(AcceptedCodings(HeadWith({{"Accept-Encoding", "br;q=0.1"}, {"Accept-Encoding", "gzip"}})).Preferred(),
            Coding::kGzip);
}

TEST(AcceptedCodings, AMalformedWeightCountsForNothing) {
  for (const char *weight : {"2", "1.001", "0.1234", "-1", "1;5", "x", ""})
    EXPECT_EQ(PreferredBy(std::string("gzip;q=") + weight), Coding::kIdentity) << weight;
}

TEST(AcceptedCodings, WhatIsRefusedIsNotTaken) {
  EXPECT_TRUE(Takes("gzip", Coding::kIdentity));
  EXPECT_FALSE(Takes("gzip, identity;q=0", Coding::kIdentity));
  EXPECT_FALSE(Takes("gzip, *;q=0", Coding::kIdentity));
  EXPECT_FALSE(Takes("gzip, *;q=0", Coding::kBrotli));
  EXPECT_TRUE(Takes("gzip, identity;q=0.5, *;q=0", Coding::kIdentity));
}

TEST(Compression, GivesTheBytesBackAndOnlyWhatIsWorthIt) {
  const std::string row = R"({"text":")" + std::string(5000, 'x') + "\"}";
  const auto gzip = Compress(Coding::kGzip, row);
  ASSERT_TRUE(gzip);
  EXPECT_LT(gzip->size(), 200U);
  EXPECT_EQ(Gunzipped(*gzip), row);
  const auto brotli = Compress(Coding::kBrotli, row);
  ASSERT_TRUE(brotli);
  EXPECT_LT(brotli->size(), 200U);
  EXPECT_FALSE(Compress(Coding::kGzip, std::string(kLeastCompressed - 1, 'x')));
  EXPECT_TRUE(Compress(Coding::kGzip, std::string(kLeastCompressed, 'x')));
  std::string noise(5000, '\0');
  std::uint32_t state = 1;
  for (char &byte : noise)
    byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24U);
  EXPECT_FALSE(Compress(Coding::kGzip, noise));
  EXPECT_FALSE(Compress(Coding::kBrotli, noise));
  EXPECT_FALSE(Compress(Coding::kIdentity, row));
}

constexpr const char *kTag = "\"ungWv48Bz-pBQUDeXa4iIw\"";
constexpr const char *kGzipTag = "\"ungWv48Bz-pBQUDeXa4iIw-gzip\"";

Reply Asked(const std::string &accepted, const std::string &if_none_match, const Keeping &keeping = {}) {
  RequestHead head;
  if (!accepted.empty()) head.fields.push_back({"Accept-Encoding", accepted});
  if (!if_none_match.empty()) head.fields.push_back({"If-None-Match", if_none_match});
  const CodedContent content(head, kTag, keeping);
  return content.not_modified() ? content.NotModified() : content.Whole(content.preferred(), "body");
}

TEST(CodedContent, EachRepresentationHasATagOfItsOwn) {
  EXPECT_EQ(HeaderOf(Asked("", ""), "ETag"), kTag);
  EXPECT_EQ(HeaderOf(Asked("", ""), "Content-Encoding"), "-");
  const Reply gzip = Asked("gzip", "");
  EXPECT_EQ(HeaderOf(gzip, "ETag"), kGzipTag);
  EXPECT_EQ(HeaderOf(gzip, "Content-Encoding"), "gzip");
  EXPECT_EQ(HeaderOf(gzip, "Vary"), "Accept-Encoding");
  EXPECT_EQ(gzip.body, "body");
}

TEST(CodedContent, WhatIsForOneClientSaysSoUnderEachCoding) {
  for (const char *accepted : {"", "gzip"}) {
    for (const char *held : {"", kTag}) {
      const Reply reply = Asked(accepted, held, {true, {}});
      EXPECT_EQ(HeaderOf(reply, "Cache-Control"), "private, no-cache");
      EXPECT_EQ(HeaderOf(reply, "Vary"), "Authorization, Accept-Encoding");
    }
  }
  EXPECT_EQ(HeaderOf(Asked("gzip", ""), "Cache-Control"), "no-cache");
}

TEST(CodedContent, IsKeptAsTheDefinitionSays) {
  const auto said = [](const Keeping &keeping) {
    const Reply reply = Asked("gzip", "", keeping);
    return HeaderOf(reply, "Cache-Control") + " / " + HeaderOf(reply, "Vary");
  };
  EXPECT_EQ(said(Keeping::By("everyone;public,max-age=60")),
            "public, max-age=60 / Itemize-Min-Position, Accept-Encoding");
  EXPECT_EQ(said(Keeping::By("everyone;private,max-age=60")),
            "private, max-age=60 / Itemize-Min-Position, Accept-Encoding");
  EXPECT_EQ(said(Keeping::By("role:a,b;max-age=60")),
            "private, max-age=60 / Authorization, Itemize-Min-Position, Accept-Encoding");
  EXPECT_EQ(said(Keeping::By("owner:host;no-store")),
            "private, no-store / Authorization, Itemize-Min-Position, Accept-Encoding");
  EXPECT_EQ(said(Keeping::By("everyone")), "no-cache / Accept-Encoding");
}

TEST(CodedContent, ThatWhichTheClientHasWillDoIfItTakesTheCoding) {
  const auto answer = [](const std::string &accepted, const std::string &if_none_match) {
    const Reply reply = Asked(accepted, if_none_match);
    return std::to_string(reply.status) + ' ' + HeaderOf(reply, "ETag");
  };
  EXPECT_EQ(answer("gzip", kGzipTag), std::string("304 ") + kGzipTag);
  EXPECT_EQ(answer("gzip", kTag), std::string("304 ") + kTag);
  EXPECT_EQ(answer("gzip, br", std::string("W/") + kGzipTag), std::string("304 ") + kGzipTag);
  EXPECT_EQ(answer("gzip", std::string(kTag) + ", " + kGzipTag), std::string("304 ") + kGzipTag);
  EXPECT_EQ(answer("", kTag), std::string("304 ") + kTag);
  EXPECT_EQ(answer("", kGzipTag), std::string("200 ") + kTag) << "a cache may ask for one that cannot read it";
  EXPECT_EQ(answer("gzip, identity;q=0", kTag), std::string("200 ") + kGzipTag);
  EXPECT_EQ(answer("gzip", "*"), std::string("304 ") + kGzipTag);
  EXPECT_EQ(answer("", "\"other\""), std::string("200 ") + kTag);
}

} // namespace
} // namespace itemize::sidecar::http
