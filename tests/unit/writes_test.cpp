// What writes are made of: conditions, preferences, and what SQLSTATEs mean.
#include "base/entity_tag.hpp"
#include "http/entity_tag.hpp"
#include "http/min_position.hpp"
#include "http/writes.hpp"

#include <gtest/gtest.h>

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

TEST(Writes, AProblemSaysWhatItIsAbout) {
  const Problem problem{ProblemKind::kRefusedByApplication, "no \"x\"", {}, {{"field", "a"}, {"constraint", ""}}, 402};
  EXPECT_EQ(http::ProblemBody(problem),
            R"({"type":"urn:itemize:problem:refused-by-application","title":"Refused by the Application","status":402,)"
            R"("detail":"no \"x\"","field":"a"})"
            "\n");
}

} // namespace
} // namespace itemize::sidecar
