// Who may read what: the rule of the sidecar and that of the database, which must never differ.
#include "authorization/rule.hpp"
#include "boundary/error.hpp"
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
      "nobody", "everyone", "authenticated", "role:editor", "role:admin,editor", "role:edito", "owner",
      "-",      "",         "role:",         "Everyone",    "everyone "};
  const std::vector<Who> everybody = {
      {R"({"role":"anonymous"})", ".x.........."},
      {R"({"sub":"ann"})", ".xx........."},
      {R"({"sub":"ann","role":"editor"})", ".xxxx......."},
      {R"({"role":"editor"})", ".x.xx......."},
      {R"({"role":["reader","admin"],"sub":"bob"})", ".xx.x......."},
      {R"({"role":"admin,editor","sub":"bob"})", ".xx........."},
      {R"({"role":[],"sub":"bob"})", ".xx........."},
      {R"({"editor":true,"roles":["editor"],"sub":"role:editor"})", ".xx........."},
      {R"({})", ".x.........."},
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
  EXPECT_EQ(anonymous, ".x..........");
  EXPECT_TRUE(authorization::Viewer::Under("role:a").MayRead("role:a"));
  EXPECT_FALSE(authorization::Viewer::Under("role:a").MayRead("everyone")) << "another rule has other fields";
  // For others, whoever they are; what nobody may see it does not look at either.
  EXPECT_EQ(itself, ".xxxxx...x..");
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

TEST(Access, WhatEverybodySeesAlikeIsForEveryone) {
  EXPECT_TRUE(authorization::IsForEveryone("everyone"));
  for (const char *rule : {"authenticated", "role:everyone", "nobody", ""})
    EXPECT_FALSE(authorization::IsForEveryone(rule)) << rule;
}

} // namespace
