// What writes are made of: conditions, preferences, and what SQLSTATEs mean.
#include "base/entity_tag.hpp"
#include "http/batch.hpp"
#include "http/entity_tag.hpp"
#include "http/idempotency.hpp"
#include "http/min_position.hpp"
#include "http/openapi.hpp"
#include "http/writes.hpp"
#include "write/kept_answer.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace itemize::sidecar {
namespace {

using http::FramedRequest;
using http::Problem;
using http::ProblemKind;
using write::Operation;
using write::Outcome;

FramedRequest RequestWith(std::vector<http::HeaderField> fields, std::string body = "{}") {
  FramedRequest request;
  request.head.fields = std::move(fields);
  request.body = std::move(body);
  return request;
}

std::variant<write::Change, Problem> Parse(Operation operation, std::vector<http::HeaderField> fields) {
  fields.push_back({"Content-Type", "application/json"});
  return http::ParseWrite(RequestWith(std::move(fields)), operation);
}

bool IsProblem(const std::variant<write::Change, Problem> &parsed, ProblemKind kind) {
  const auto *problem = std::get_if<Problem>(&parsed);
  return problem != nullptr && problem->kind == kind;
}

TEST(Writes, IfMatchComparesStrongly) {
  EXPECT_TRUE(http::IfMatchHits(R"("a")", R"("a")"));
  EXPECT_TRUE(http::IfMatchHits(R"("b" , "a")", R"("a")"));
  EXPECT_TRUE(http::IfMatchHits(R"(W/"b","a")", R"("a")"));
  EXPECT_TRUE(http::IfMatchHits("*", R"("a")"));
  EXPECT_FALSE(http::IfMatchHits(R"(W/"a")", R"("a")"));
  EXPECT_FALSE(http::IfMatchHits(R"("b")", R"("a")"));
  EXPECT_FALSE(http::IfMatchHits("", R"("a")"));
  EXPECT_FALSE(http::IfMatchHits("a", R"("a")"));
  EXPECT_FALSE(http::IfMatchHits(R"("a)", R"("a")"));
}

TEST(Writes, IfMatchTakesTheTagOfACompressedItem) {
  EXPECT_TRUE(http::IfMatchHits(R"("a-gzip")", R"("a")"));
  EXPECT_TRUE(http::IfMatchHits(R"("a-br")", R"("a")"));
  EXPECT_FALSE(http::IfMatchHits(R"("a-zip")", R"("a")"));
}

TEST(Writes, AConditionIsHeldAgainstTheBytesOfTheItem) {
  const auto parsed = Parse(Operation::kPatch, {{"If-Match", EntityTag("{}")}, {"if-match", R"("other")"}});
  const auto &change = std::get<write::Change>(parsed);
  EXPECT_TRUE(change.is_meant("{}"));
  EXPECT_FALSE(change.is_meant("{ }"));
  EXPECT_FALSE(std::get<write::Change>(Parse(Operation::kPatch, {})).is_meant);
}

TEST(Writes, ConditionsThatWouldNotBeLookedAtAreRefused) {
  EXPECT_TRUE(std::get<write::Change>(Parse(Operation::kReplace, {{"If-None-Match", "*"}})).only_create);
  EXPECT_TRUE(IsProblem(Parse(Operation::kReplace, {{"If-None-Match", R"("a")"}}), ProblemKind::kBadRequest));
  EXPECT_TRUE(
      IsProblem(Parse(Operation::kReplace, {{"If-None-Match", "*"}, {"If-Match", "*"}}), ProblemKind::kBadRequest));
  EXPECT_TRUE(IsProblem(Parse(Operation::kPatch, {{"If-None-Match", "*"}}), ProblemKind::kBadRequest));
  EXPECT_TRUE(IsProblem(Parse(Operation::kDelete, {{"If-None-Match", "*"}}), ProblemKind::kBadRequest));
  EXPECT_TRUE(IsProblem(Parse(Operation::kCreate, {{"If-Match", "*"}}), ProblemKind::kBadRequest));
}

TEST(Writes, TheBodyMustBeSaidToBeJson) {
  const auto parse = [](Operation operation, const char *type) {
    return http::ParseWrite(RequestWith({{"Content-Type", type}}), operation);
  };
  EXPECT_FALSE(
      IsProblem(parse(Operation::kCreate, "Application/JSON; charset=utf-8"), ProblemKind::kUnsupportedMediaType));
  EXPECT_FALSE(IsProblem(parse(Operation::kPatch, "application/merge-patch+json"), ProblemKind::kUnsupportedMediaType));
  EXPECT_TRUE(
      IsProblem(parse(Operation::kReplace, "application/merge-patch+json"), ProblemKind::kUnsupportedMediaType));
  EXPECT_TRUE(IsProblem(parse(Operation::kCreate, "application/jsonp"), ProblemKind::kUnsupportedMediaType));
  EXPECT_TRUE(IsProblem(http::ParseWrite(RequestWith({}), Operation::kCreate), ProblemKind::kUnsupportedMediaType));
  EXPECT_TRUE(std::holds_alternative<write::Change>(http::ParseWrite(RequestWith({}, ""), Operation::kDelete)));
}

TEST(Writes, SqlstatesHaveOutcomes) {
  const std::vector<std::pair<const char *, Outcome>> cases = {
      {"", Outcome::kUnavailable},      {"57P01", Outcome::kUnavailable}, {"57014", Outcome::kTimeout},
      {"40001", Outcome::kContended},   {"40P01", Outcome::kContended},   {"55P03", Outcome::kContended},
      {"23505", Outcome::kConflict},    {"23503", Outcome::kConflict},    {"23514", Outcome::kInvalid},
      {"23502", Outcome::kInvalid},     {"22P02", Outcome::kInvalid},     {"42501", Outcome::kForbidden},
      {"42704", Outcome::kNotDefined},  {"P0001", Outcome::kRaised},      {"PT402", Outcome::kRaised},
      {"25006", Outcome::kUnavailable}, {"53300", Outcome::kBusy},        {"42883", Outcome::kRefused},
      {"XX000", Outcome::kFailed},      {"P0002", Outcome::kFailed}};
  for (const auto &[state, outcome] : cases)
    EXPECT_EQ(write::OutcomeOf(state), outcome) << state;
}

TEST(Writes, AnApplicationChoosesStatusesOfErrorsOnly) {
  EXPECT_EQ(write::RaisedStatus("PT402"), 402);
  EXPECT_EQ(write::RaisedStatus("PT599"), 599);
  for (const char *const state : {"PT200", "PT399", "PT600", "PTABC", "P0001", "PT4"})
    EXPECT_EQ(write::RaisedStatus(state), 0) << state;
}

TEST(Writes, PreferencesAreFoundByName) {
  FramedRequest request = RequestWith({{"Prefer", R"(wait=3, return="minimal"; x=1)"}});
  EXPECT_EQ(http::FindPreference(request.head, "return"), "minimal");
  EXPECT_EQ(http::FindPreference(request.head, "respond-async"), std::nullopt);
}

identity::Caller CallerOf(std::string subject, std::vector<std::string> roles) {
  identity::Identity caller;
  caller.subject = std::move(subject);
  caller.roles = std::move(roles);
  return std::make_shared<const identity::Identity>(std::move(caller));
}

write::Once OnceOf(const std::string &key, const identity::Caller &caller = nullptr, std::string body = "{}") {
  const auto parsed = http::ParseOnce(RequestWith({{"Idempotency-Key", key}}, std::move(body)), caller);
  return std::get<std::optional<write::Once>>(parsed).value();
}

TEST(Idempotency, AKeyIsTheSameWithQuotesAndWithout) {
  EXPECT_EQ(OnceOf(R"("a-1")").scope, OnceOf(" a-1 ").scope);
  EXPECT_EQ(OnceOf(R"("a\"\\b c")").scope, OnceOf(R"("a\"\\b c")").scope);
  EXPECT_NE(OnceOf(R"("a-1")").scope, OnceOf(R"("a-2")").scope);
  EXPECT_FALSE(std::get<std::optional<write::Once>>(http::ParseOnce(RequestWith({}), nullptr)));
}

TEST(Idempotency, AKeyIsOfItsCaller) {
  const auto ann = OnceOf("k", CallerOf("ann", {"member"}));
  EXPECT_EQ(ann.scope, OnceOf("k", CallerOf("ann", {"other"})).scope);
  EXPECT_NE(ann.scope, OnceOf("k", CallerOf("bob", {"member"})).scope);
  EXPECT_NE(ann.scope, OnceOf("k").scope);
  // Who is nobody by name is known by his roles; and no name is taken for a role.
  EXPECT_NE(OnceOf("k", CallerOf("", {"a", "b"})).scope, OnceOf("k", CallerOf("", {"ab"})).scope);
  EXPECT_NE(OnceOf("k", CallerOf("", {"ann"})).scope, ann.scope);
}

TEST(Idempotency, AnotherRequestHasAnotherDigest) {
  EXPECT_EQ(OnceOf("k").request, OnceOf("other").request);
  EXPECT_NE(OnceOf("k").request, OnceOf("k", nullptr, "{ }").request);
  FramedRequest conditional = RequestWith({{"Idempotency-Key", "k"}, {"If-Match", R"("a")"}});
  const auto parsed = http::ParseOnce(conditional, nullptr);
  EXPECT_NE(std::get<std::optional<write::Once>>(parsed)->request, OnceOf("k").request);
}

TEST(Idempotency, WhatIsNoKeyIsRefused) {
  for (const char *const field :
       {"", R"("")", R"("a)", R"(a")", "a b", "a,b", "a;b", R"("a", "b")", R"("a\b")", "\x01"})
    EXPECT_TRUE(std::holds_alternative<Problem>(http::ParseOnce(RequestWith({{"Idempotency-Key", field}}), nullptr)))
        << field;
}

TEST(Idempotency, AnswersAreKeptAsTheyWere) {
  const std::vector<write::Written> written = {{"1,a", R"({"a":"é\""})", true}, {"2", "", false}};
  const auto kept = write::ParseKept(write::FormatKept(written));
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept[0].key + kept[0].item, written[0].key + written[0].item);
  EXPECT_TRUE(kept[0].created && !kept[1].created);
  const auto large = write::ParseKept(write::FormatKept({{"1", std::string(write::kMostKeptBytes, 'x'), true}}));
  EXPECT_EQ(large[0].key + large[0].item, "1");
  EXPECT_THROW((void)write::ParseKept("[1]"), std::runtime_error);
}

TEST(Batch, AProblemNamesItsOperation) {
  const auto place = [](const char *body) -> std::optional<std::size_t> {
    const auto parsed = http::ParseBatch(body);
    const auto *problem = std::get_if<Problem>(&parsed);
    return problem != nullptr ? problem->operation : std::nullopt;
  };
  constexpr const char *kTwo =
      R"([{"operation":"delete","type":"t","key":"1"},{"operation":"update","type":"t","key":"1,a","value":{}}])";
  const auto parsed = http::ParseBatch(kTwo);
  const auto &changes = std::get<std::vector<write::Change>>(parsed);
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(changes[1].key, "1,a");
  EXPECT_EQ(place(R"([{"operation":"delete","type":"t","key":"1"},{"operation":"delete","type":"t"}])"), 1U);
  EXPECT_EQ(place(R"([{"operation":"delete","type":"t","key":"1"},)"
                  R"({"operation":"update","type":"t","key":"1","value":{"a":[{"b\u0000":1}]}}])"),
            1U);
  EXPECT_EQ(place("[]"), std::nullopt);
  EXPECT_TRUE(std::holds_alternative<Problem>(http::ParseBatch("[]")));
}

TEST(OpenApi, TellsOfWhatTheCallerMayRead) {
  const std::vector<http::ItemDescription> types = {{"open", "everyone", true, R"({"a":{"type":"string"}})", "{}"},
                                                    {"closed", "role:staff", false, "{}", "{}"}};
  const std::string nobody = http::OpenApiDocument(types, authorization::Viewer(), false);
  EXPECT_NE(nobody.find("/v1/search/open"), std::string::npos);
  EXPECT_EQ(nobody.find("closed"), std::string::npos);
  EXPECT_EQ(nobody.find("batch"), std::string::npos);
  const auto staff = authorization::Viewer(CallerOf("ann", {"staff"}));
  EXPECT_NE(http::OpenApiDocument(types, staff, true).find("/v1/items/closed/{key}"), std::string::npos);
}

TEST(Writes, AProblemSaysWhatItIsAbout) {
  const Problem problem{ProblemKind::kRefusedByApplication, "no \"x\"", {}, {{"field", "a"}, {"constraint", ""}}, 402};
  EXPECT_EQ(http::ProblemBody(problem),
            R"({"type":"urn:itemize:problem:refused-by-application","title":"Refused by the Application","status":402,)"
            R"("detail":"no \"x\"","field":"a"})"
            "\n");
}

} // namespace
} // namespace itemize::sidecar
