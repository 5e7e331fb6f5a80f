// Who may read what: the rule of the sidecar and that of the database, which must never differ.
#include "authorization/rule.hpp"
#include "boundary/error.hpp"
#include "live/event.hpp"
#include "search/request_claims.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace {

using namespace itemize;
using namespace itemize::sidecar;

/// As a verified token gives it.
authorization::Viewer ViewerOf(const std::string &claims) {
  const auto object = nlohmann::json::parse(claims);
  auto identity = std::make_shared<identity::Identity>();
  identity->subject = object.value("sub", "");
  if (object.contains("role") && object["role"].is_string()) identity->roles = {object["role"].get<std::string>()};
  if (object.contains("role") && object["role"].is_array())
    identity->roles = object["role"].get<std::vector<std::string>>();
  identity->claims = claims;
  return authorization::Viewer(identity);
}

TEST(Access, ARuleMeansTheSameInTheSidecarAndInTheDatabase) {
  struct Who {
    const char *claims;
    /// By each of the rules below.
    std::string may;
  };
  const std::vector<std::string> rules = {
      "nobody", "everyone", "authenticated", "role:editor", "role:admin,editor", "role:edito", "owner:x",
      "-",      "",         "role:",         "Everyone",    "everyone ",         "owner",      "Owner",
      "owners"};
  const std::vector<Who> everybody = {
      {R"({"role":"anonymous"})", ".x............."},
      {R"({"sub":"ann"})", ".xx...x.....x.."},
      {R"({"sub":"ann","role":"editor"})", ".xxxx.x.....x.."},
      {R"({"role":"editor"})", ".x.xx.........."},
      {R"({"role":["reader","admin"],"sub":"bob"})", ".xx.x.x.....x.."},
      {R"({"role":"admin,editor","sub":"bob"})", ".xx...x.....x.."},
      {R"({"role":[],"sub":"bob"})", ".xx...x.....x.."},
      {R"({"editor":true,"roles":["editor"],"sub":"role:editor"})", ".xx...x.....x.."},
      {R"({})", ".x............."},
  };
  for (const Who &who : everybody) {
    const authorization::Viewer viewer = ViewerOf(who.claims);
    for (std::size_t i = 0; i < rules.size(); ++i) {
      const bool may = who.may[i] == 'x';
      EXPECT_EQ(viewer.MayRead(rules[i]), may) << rules[i] << ' ' << who.claims;
      EXPECT_EQ(ClaimsMayRead(rules[i], who.claims), may) << rules[i] << ' ' << who.claims << " in the database";
    }
  }
  std::string anonymous;
  std::string itself;
  for (const std::string &rule : rules) {
    anonymous.push_back(authorization::Viewer().MayRead(rule) ? 'x' : '.');
    itself.push_back(authorization::Viewer::Itself().MayRead(rule) ? 'x' : '.');
  }
  EXPECT_EQ(anonymous, ".x.............");
  EXPECT_TRUE(authorization::Viewer::Under("role:a").MayRead("role:a"));
  EXPECT_FALSE(authorization::Viewer::Under("role:a").MayRead("everyone")) << "another rule has other fields";
  // For others, whoever they are; what nobody may see it does not look at either.
  EXPECT_EQ(itself, ".xxxxxx..x..x..");
}

TEST(Access, OfOwnersTheDatabaseHasTheSubject) {
  EXPECT_TRUE(ClaimsMayRead("owner", R"({"sub":"ann"})"));
  EXPECT_EQ(ClaimedSubject(R"({"sub":"ann"})"), "ann");
  EXPECT_FALSE(ClaimsMayRead("owner", R"({"sub":""})"));
  EXPECT_FALSE(ClaimsMayRead("owner", R"({"role":"editor"})"));
  EXPECT_FALSE(ClaimsMayRead("owner", R"({"sub":"ann","sub":"bob"})"));
}

TEST(Access, ClaimsThatAreUnclearLetNobodyIn) {
  EXPECT_FALSE(ClaimsMayRead("authenticated", R"({"sub":""})"));
  EXPECT_FALSE(ClaimsMayRead("authenticated", R"({"sub":1})"));
  EXPECT_FALSE(ClaimsMayRead("authenticated", R"({"sub":null})"));
  EXPECT_FALSE(ClaimsMayRead("authenticated", R"({"sub":"ann","sub":"bob"})"));
  EXPECT_FALSE(ClaimsMayRead("role:editor", R"({"role":"editor","role":"editor"})"));
  EXPECT_FALSE(ClaimsMayRead("role:editor", R"({"role":{"editor":true}})"));
  EXPECT_FALSE(ClaimsMayRead("role:editor", R"({"user":{"role":"editor"}})"));
  EXPECT_FALSE(ClaimsMayRead("authenticated", R"("sub")"));
  EXPECT_FALSE(ClaimsMayRead("authenticated", R"([{"sub":"ann"}])"));
  EXPECT_THROW(ClaimsMayRead("authenticated", "sub"), Error);
  EXPECT_THROW(ClaimsMayRead("role:editor", R"({"role":"editor")"), Error);
  try {
    (void)ClaimsMayRead("authenticated", R"({"sub":"ann","groups":")" + std::string(65536, 'g') + "\"}");
    ADD_FAILURE() << "claims of any length were read";
  } catch (const Error &error) {
    EXPECT_STREQ(error.what(), "request.jwt.claims are longer than 65536 bytes as text");
    EXPECT_NE(error.hint().find("without the rest"), std::string::npos) << error.hint();
  }
  EXPECT_TRUE(ClaimsMayRead("everyone", "whatever"));
  EXPECT_FALSE(ClaimsMayRead("nobody", "whatever"));
}

TEST(Access, EachSeesWhatIsHisOwn) {
  const authorization::Viewer ann = ViewerOf(R"({"sub":"ann"})");
  const authorization::Viewer eight = ViewerOf(R"({"sub":"8"})");
  const authorization::Viewer machine = ViewerOf(R"({"role":"editor"})");
  constexpr const char *kRule = "owner:host";
  EXPECT_TRUE(ann.MayRead(kRule));
  EXPECT_FALSE(machine.MayRead(kRule));
  EXPECT_FALSE(authorization::Viewer().MayRead(kRule));
  struct Case {
    const char *row;
    const char *seen_by;
  };
  const std::vector<Case> cases = {
      {R"({"id":1,"host":"ann"})", "ann"},
      {R"({"host":"ann","id":1})", "ann"},
      {R"({"id":1,"host":"Ann"})", ""},
      {R"({"id":1,"host":"anna"})", ""},
      {R"({"id":1,"host":"\u0061nn"})", "ann"},
      {R"({"id":1,"host":"ann\u0000"})", ""},
      {R"({"id":1,"host":8})", "8"},
      {R"({"id":1,"host":"8"})", "8"},
      {R"({"id":1,"host":8.0})", ""},
      {R"({"id":1,"host":-8})", ""},
      {R"({"id":1,"host":null})", ""},
      {R"({"id":1,"host":["ann"]})", ""},
      {R"({"id":1,"host":{"host":"ann"}})", ""},
      // What looks like the field, in the values of others.
      {R"({"a":{"host":"ann"},"host":"bob"})", ""},
      {R"({"a":["x",{"host":"ann"}],"host":"bob"})", ""},
      {R"({"a":"\",\"host\":\"ann\"","host":"bob"})", ""},
      {R"({"a":"}","host":"ann"})", "ann"},
      {R"({"a":"\\","host":"ann"})", "ann"},
      {R"({"a":{},"b":[],"c":{"d":[{}]},"host":"ann"})", "ann"},
      {R"({"hosts":"ann","host ":"ann"})", ""},
      {R"({"id":1})", ""},
      {"{}", ""},
      {"", ""},
      {R"({"host":"ann)", ""},
      {R"({"host")", ""},
      {R"(["host","ann"])", ""},
  };
  for (const Case &one : cases) {
    EXPECT_EQ(ann.MaySee(kRule, one.row), std::string("ann") == one.seen_by) << one.row;
    EXPECT_EQ(eight.MaySee(kRule, one.row), std::string("8") == one.seen_by) << one.row;
    EXPECT_FALSE(machine.MaySee(kRule, one.row)) << one.row;
    EXPECT_FALSE(authorization::Viewer().MaySee(kRule, one.row)) << one.row;
  }
  EXPECT_TRUE(authorization::Viewer::Itself().MaySee(kRule, R"({"host":"ann"})"));
  EXPECT_FALSE(ann.MaySee("owner:", R"({"":"ann"})")) << "no field is named";
  EXPECT_FALSE(ann.MaySee("owner", R"({"host":"ann"})")) << "nor here";
  EXPECT_FALSE(ann.MaySee("owner", R"({"":"ann"})"));
  EXPECT_TRUE(authorization::Viewer::Under(kRule).MaySee(kRule, R"({"host":"bob"})")) << "for whoever owns it";
  EXPECT_FALSE(authorization::Viewer::Under("owner:a").MayRead(kRule));
  EXPECT_FALSE(machine.MaySeeOf("")) << "what is nobody's is not everybody's who has no name";
}

TEST(Access, WhatAChangeSaysOfItsOwner) {
  Change change;
  change.kind = LineKind::kDelete;
  EXPECT_FALSE(live::OwnerOfChange("owner:host", change)) << "of an older format";
  change.owner = "a%2Fb";
  EXPECT_EQ(live::OwnerOfChange("owner:host", change), "a/b");
  EXPECT_FALSE(live::OwnerOfChange("everyone", change));
  EXPECT_EQ(live::OwnerOfChange("owner:", Change()), "") << "nobody owns anything";
  change.kind = LineKind::kUpdate;
  change.row = R"({"id":1})";
  EXPECT_FALSE(live::OwnerOfChange("owner:host", change)) << "absent from the row";
  change.row = R"({"id":1,"host":"ann"})";
  EXPECT_EQ(live::OwnerOfChange("owner:host", change), "ann");
}

TEST(Access, WhatEverybodySeesAlikeIsForEveryone) {
  EXPECT_TRUE(authorization::IsForEveryone("everyone"));
  for (const char *rule : {"authenticated", "role:everyone", "nobody", ""})
    EXPECT_FALSE(authorization::IsForEveryone(rule)) << rule;
}

} // namespace
