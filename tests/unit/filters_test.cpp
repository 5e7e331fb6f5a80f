// Filters: what each form of the JSON means, and what is refused with which words.
#include "search/filters_parse.hpp"

#include <string>

#include <gtest/gtest.h>

#include "boundary/error.hpp"
#include "search/filters_json.hpp"

namespace {

using namespace itemize;

/// The tree as one line: `all(beds gte [2], not(x is [null]))`.
std::string Describe(const Filter &filter) {
  if (filter.kind == Filter::Kind::kCompare) {
    std::string text = filter.field + " " + std::string(OperatorName(filter.oper)) + " [";
    for (std::size_t i = 0; i < filter.values.size(); ++i)
      text += (i > 0 ? "|" : "") + filter.values[i].text;
    return text + "]";
  }
  std::string text = filter.kind == Filter::Kind::kAll ? "all(" : filter.kind == Filter::Kind::kAny ? "any(" : "not(";
  for (std::size_t i = 0; i < filter.parts.size(); ++i)
    text += (i > 0 ? ", " : "") + Describe(filter.parts[i]);
  return text + ")";
}

std::string Parsed(const std::string &json) { return Describe(ParseFilters(json)); }

/// `SQLSTATE message` of the error, or what came of it instead.
std::string Refusal(const std::string &json) {
  try {
    return "taken: " + Parsed(json);
  } catch (const Error &error) {
    const std::string state = error.sqlstate() == SqlState("22023")   ? "22023"
                              : error.sqlstate() == SqlState("54000") ? "54000"
                                                                      : "another state";
    return state + " " + error.what();
  }
}

TEST(Filters, AValueByItselfIsEquality) {
  EXPECT_EQ(Parsed(R"({"room_type": "Private room"})"), "room_type eq [Private room]");
  EXPECT_EQ(Parsed(R"({"beds": 2, "open": true})"), "all(beds eq [2], open eq [true])");
  EXPECT_EQ(Parsed("{}"), "all()");
}

TEST(Filters, OperatorsOfAFieldAllHold) {
  EXPECT_EQ(Parsed(R"({"beds": {"gte": 2, "lt": "5"}})"), "all(beds gte [2], beds lt [5])");
  for (const char *const name : {"eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "cs", "cd", "ov"}) {
    EXPECT_EQ(Parsed("{\"x\": {\"" + std::string(name) + "\": \"a\"}}"), "x " + std::string(name) + " [a]");
  }
}

TEST(Filters, InTakesAListAndIsFourWords) {
  EXPECT_EQ(Parsed(R"({"x": {"in": ["a", 2, true]}})"), "x in [a|2|true]");
  EXPECT_EQ(Parsed(R"({"x": {"in": []}})"), "x in []");
  for (const char *const word : {"null", "\"null\"", "\"not_null\"", "true", "\"true\"", "false", "\"false\""}) {
    EXPECT_EQ(Refusal("{\"x\": {\"is\": " + std::string(word) + "}}").substr(0, 13), "taken: x is [") << word;
  }
}

TEST(Filters, GroupsAndNegations) {
  EXPECT_EQ(Parsed(R"({"or": [{"a": 1, "b": 2}, {"c": 3}]})"), "any(all(a eq [1], b eq [2]), c eq [3])");
  EXPECT_EQ(Parsed(R"({"and": [{"a": 1}, {"a": 2}], "b": 1})"), "all(all(a eq [1], a eq [2]), b eq [1])");
  EXPECT_EQ(Parsed(R"({"x": {"not": {"in": ["a"]}}})"), "not(x in [a])");
  EXPECT_EQ(Parsed(R"({"x": {"not": {"gte": 1, "lt": 2}}})"), "not(all(x gte [1], x lt [2]))");
  EXPECT_EQ(Parsed(R"({"not": {"a": 1, "b": 2}})"), "not(all(a eq [1], b eq [2]))");
}

TEST(Filters, NumbersKeepTheirText) {
  EXPECT_EQ(Parsed(R"({"x": {"eq": 0.10}})"), "x eq [0.10]");
  EXPECT_EQ(Parsed(R"({"x": -12345678901234567890.123456789})"), "x eq [-12345678901234567890.123456789]");
}

TEST(Filters, ListsAreWrittenAsArraysRead) {
  const Filter filter = ParseFilters(R"({"tags": {"cs": ["a,b", "say \"hi\"", "back\\slash", null, 1, "{}"]}})");
  EXPECT_EQ(filter.values.at(0).array_text, R"({"a,b","say \"hi\"","back\\slash",NULL,"1","{}"})");
  EXPECT_EQ(ParseFilters(R"({"m": {"eq": [[1, 2], [3, 4]]}})").values.at(0).array_text, R"({{"1","2"},{"3","4"}})");
  EXPECT_EQ(ParseFilters(R"({"data": {"cs": {"a": [1, "b"]}}})").values.at(0).text, R"({"a": [1, "b"]})");
}

TEST(Filters, RefusalsNameTheField) {
  EXPECT_EQ(Refusal(R"({"beds": {"above": 2}})"), "22023 filter on \"beds\": there is no operator \"above\"");
  EXPECT_EQ(Refusal(R"({"beds": {}})"), "22023 filter on \"beds\": there is no operator");
  EXPECT_EQ(Refusal(R"({"beds": null})"), "22023 filter on \"beds\": nothing compares with null");
  EXPECT_EQ(Refusal(R"({"beds": {"neq": null}})"), "22023 filter on \"beds\": nothing compares with null");
  EXPECT_EQ(Refusal(R"({"beds": {"in": [1, null]}})"), "22023 filter on \"beds\": nothing compares with null");
  EXPECT_EQ(Refusal(R"({"beds": [1]})"), "22023 filter on \"beds\": a list needs an operator");
  EXPECT_EQ(Refusal(R"({"beds": {"in": 1}})"), "22023 filter on \"beds\": in needs a list");
  EXPECT_EQ(Refusal(R"({"beds": {"is": 1}})"), "22023 filter on \"beds\": is needs null, not_null, true or false");
  EXPECT_EQ(Refusal(R"({"beds": {"is": ["null"]}})"),
            "22023 filter on \"beds\": is needs null, not_null, true or false");
  EXPECT_EQ(Refusal(R"({"beds": {"like": 1}})"), "22023 filter on \"beds\": a pattern must be a text");
  EXPECT_EQ(Refusal(R"({"beds": {"not": 1}})"), "22023 filter on \"beds\": not needs an operator");
  EXPECT_EQ(Refusal(R"({"or": {"a": 1}})"), "22023 \"or\" joins filters: it needs a list of them");
  EXPECT_EQ(Refusal(R"({"or": []})"), "22023 \"or\" joins filters: it needs a list of them");
  for (const char *const json : {"[]", "1", "null", "\"x\"", R"({"or": [1]})"}) {
    EXPECT_EQ(Refusal(json), "22023 filters must be JSON objects") << json;
  }
}

TEST(Filters, LimitsAreRefusedAsSuch) {
  const auto repeated = [](const std::string &part, int times) {
    std::string text;
    for (int i = 0; i < times; ++i)
      text += (i > 0 ? "," : "") + part;
    return text;
  };
  EXPECT_EQ(Refusal(R"({"and": [)" + repeated(R"({"a": 1})", kMaxFilterConditions) + "]}").substr(0, 5), "taken");
  EXPECT_EQ(Refusal(R"({"and": [)" + repeated(R"({"a": 1})", kMaxFilterConditions + 1) + "]}"),
            "54000 filters have more than 100 conditions");
  EXPECT_EQ(Refusal(R"({"a": {"in": [)" + repeated("1", kMaxInValues) + "]}}").substr(0, 5), "taken");
  EXPECT_EQ(Refusal(R"({"a": {"in": [)" + repeated("1", kMaxInValues + 1) + "]}}"),
            "54000 filter on \"a\": in has more than 1000 values");
  EXPECT_EQ(Refusal(R"({"a": {"like": ")" + std::string(kMaxPatternBytes + 1, '%') + "\"}}"),
            "54000 filter on \"a\": a pattern is longer than 256 bytes");
  std::string deep = R"({"a": 1})";
  for (int i = 0; i < kMaxFilterDepth; ++i)
    deep.insert(0, R"({"not": )").append("}");
  EXPECT_EQ(Refusal(deep), "54000 filters are nested more than 8 deep");
  std::string operators = R"({"eq": 1})";
  for (int i = 0; i < kMaxFilterDepth; ++i)
    operators.insert(0, R"({"not": )").append("}");
  EXPECT_EQ(Refusal(R"({"a": )" + operators + "}"), "54000 filters are nested more than 8 deep");
  EXPECT_EQ(Refusal(R"({"a": {"cs": )" + std::string(100, '[') + std::string(100, ']') + "}}"),
            "54000 filters are nested more than 32 deep");
  EXPECT_EQ(Refusal("{\"a\": \"" + std::string(kMaxFilterBytes, 'x') + "\"}"),
            "54000 filters are longer than 65536 bytes as text");
}

TEST(FiltersJson, ReadsStringsWithTheirEscapes) {
  EXPECT_EQ(ReadJson(R"("a\"\\\/\b\f\n\r\tz")", "it").text, "a\"\\/\b\f\n\r\tz");
  EXPECT_EQ(ReadJson(R"("\u0041\u00e9\u20ac\ud83d\ude00")", "it").text, "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  EXPECT_EQ(ReadJson(" [ 1 , {\"a\" : [ ] } ] ", "it").items.at(1).members.at(0).first, "a");
}

TEST(FiltersJson, RefusesWhatIsNone) {
  for (const char *const json : {"",
                                 " ",
                                 "{",
                                 "[",
                                 "\"",
                                 "[1",
                                 "[1,",
                                 "[1,]",
                                 "{\"a\"",
                                 "{\"a\":",
                                 "{\"a\":1",
                                 "{\"a\":1,}",
                                 "{1:1}",
                                 "tru",
                                 "nul",
                                 "-",
                                 "1.",
                                 "1e",
                                 "+1",
                                 ".5",
                                 "\"\\",
                                 "\"\\x\"",
                                 "\"\\u12\"",
                                 "\"\\ud800\"",
                                 "\"\\ud800\\u0041\"",
                                 "\"\\udc00\"",
                                 "\"\\u0000\"",
                                 "\"\n\"",
                                 "1 2",
                                 "{} x",
                                 "\x80"}) {
    EXPECT_THROW(ReadJson(json, "it"), Error) << json;
  }
}

TEST(FiltersJson, ShowsABeginningOfWholeCharacters) {
  EXPECT_EQ(Shown("short"), "short");
  EXPECT_EQ(Shown(std::string(59, 'x') + "\xE2\x82\xAC and more"), std::string(59, 'x') + "...");
  EXPECT_EQ(Shown(std::string(61, 'x')), std::string(60, 'x') + "...");
}

} // namespace
