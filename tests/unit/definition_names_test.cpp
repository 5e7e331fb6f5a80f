// Names of item types, and which columns a suggested definition leaves out.
#include "definition/names.hpp"

#include <string>

#include <gtest/gtest.h>

namespace {

using namespace itemize;

TEST(TypeName, IsSmallLettersDigitsAndUnderscores) {
  for (const char *const name : {"listing", "a", "_", "_2nd", "room_type_2"})
    EXPECT_TRUE(IsTypeName(name)) << name;
  for (const char *const name : {"", "2nd", "Listing", "room-type", "room type", "r\xC3\xA9", "a.b", "a/b"}) {
    EXPECT_FALSE(IsTypeName(name)) << name;
  }
}

TEST(TypeName, IsNoLongerThanAnIdentifier) {
  EXPECT_TRUE(IsTypeName(std::string(kMaxTypeNameBytes, 'a')));
  EXPECT_FALSE(IsTypeName(std::string(kMaxTypeNameBytes + 1, 'a')));
}

TEST(PrivateColumn, IsToldByAWordOfItsName) {
  for (const char *const column :
       {"ip", "last_ip", "ipAddress", "user_ip_v4", "ssn", "IBAN", "home_phone", "ownerEmail", "passwordHash",
        "userpassword", "api_token", "hash", "Zip", "street2_address"}) {
    EXPECT_FALSE(LooksPrivate(column, "").empty()) << column;
  }
}

TEST(PrivateColumn, IsNotToldByAPartOfAWord) {
  for (const char *const column : {"ship_date", "description", "tip", "macaroni", "basic", "spinach", "taxonomy",
                                   "hashtag", "salty", "price", "location", "clip", "birthplace", ""}) {
    EXPECT_TRUE(LooksPrivate(column, "").empty()) << column << ": " << LooksPrivate(column, "");
  }
}

TEST(PrivateColumn, IsToldByItsComment) {
  EXPECT_FALSE(LooksPrivate("margin", "Internal: not for guests").empty());
  EXPECT_FALSE(LooksPrivate("margin", "kept PRIVATE").empty());
  EXPECT_TRUE(LooksPrivate("margin", "shown to all").empty());
}

TEST(PrivateColumn, SaysWhy) {
  EXPECT_EQ(LooksPrivate("api_token", ""), "looks like a credential");
  EXPECT_EQ(LooksPrivate("margin", "internal"), "its comment says internal");
}

} // namespace
