#include "redis/script.hpp"

#include <openssl/evp.h>

#include <array>

namespace itemize::sidecar {
namespace {

constexpr std::chrono::microseconds kBetweenLooks{500};

std::string Sha1Hex(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha1(), nullptr) != 1) {
    throw RedisError("SHA-1 is not available");
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string hex;
  for (unsigned int i = 0; i < length; ++i) {
    hex.push_back(kHex[digest.at(i) >> 4U]);
    hex.push_back(kHex[digest.at(i) & 0xFU]);
  }
  return hex;
}

} // namespace

RedisScript::RedisScript(std::string source) : source_(std::move(source)), sha1_(Sha1Hex(source_)) {}

void RedisScript::Load(RedisConnection &connection) const { connection.Command({"SCRIPT", "LOAD", source_}); }

Reply RedisScript::Run(RedisConnection &connection, const RedisArguments &keys, const RedisArguments &arguments,
                       const std::function<void()> &meanwhile) const {
  const std::string key_count = std::to_string(keys.size());
  RedisArguments command;
  command.reserve(3 + keys.size() + arguments.size());
  command.emplace_back("EVALSHA");
  command.emplace_back(sha1_);
  command.emplace_back(key_count);
  command.insert(command.end(), keys.begin(), keys.end());
  command.insert(command.end(), arguments.begin(), arguments.end());
  try {
    if (!meanwhile) return connection.Command(command);
    connection.Append(command);
    connection.Flush();
    const auto deadline = std::chrono::steady_clock::now() + connection.timeouts().command;
    do
      meanwhile();
    while (!connection.AnswerWaits(kBetweenLooks) && std::chrono::steady_clock::now() < deadline);
    Reply reply = connection.NextReply();
    reply.ThrowIfError();
    return reply;
  } catch (const RedisReplyError &error) {
    if (!error.Is("NOSCRIPT")) throw;
  }
  command[0] = "EVAL";
  command[1] = source_;
  return connection.Command(command);
}

} // namespace itemize::sidecar
