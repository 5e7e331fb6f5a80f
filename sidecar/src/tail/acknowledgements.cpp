#include "tail/acknowledgements.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace itemize::sidecar {

std::optional<Position> ParseAcknowledgement(std::string_view line) {
  constexpr std::string_view kPrinted = "{\"position\":\"";
  if (line.substr(0, kPrinted.size()) == kPrinted) {
    line.remove_prefix(kPrinted.size());
    line = line.substr(0, line.find('"'));
  }
  while (!line.empty() && (line.back() == '\r' || line.back() == ' '))
    line.remove_suffix(1);
  return ParsePosition(line);
}

std::map<unsigned, Version> Outstanding::Acknowledge(const Version &version) {
  std::map<unsigned, Version> done;
  const auto found =
      std::find_if(lines_.begin(), lines_.end(), [&](const Line &line) { return line.version == version; });
  if (found == lines_.end()) return done;
  for (auto line = lines_.begin(); line != found + 1; ++line) {
    done[line->partition] = line->version;
    const auto count = counts_.find(line->partition);
    if (--count->second == 0) counts_.erase(count);
  }
  lines_.erase(lines_.begin(), found + 1);
  return done;
}

void Outstanding::Drop(unsigned partition) {
  lines_.erase(std::remove_if(lines_.begin(), lines_.end(),
                              [partition](const Line &line) { return line.partition == partition; }),
               lines_.end());
  counts_.erase(partition);
}

std::vector<std::string> AckReader::Read() {
  std::vector<std::string> lines;
  while (!ended_) {
    pollfd wait{fd_, POLLIN, 0};
    if (poll(&wait, 1, 0) <= 0) break;
    std::array<char, 65536> bytes{};
    const ssize_t count = read(fd_, bytes.data(), bytes.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) break;
    if (count <= 0) {
      ended_ = true;
      break;
    }
    rest_.append(bytes.data(), static_cast<std::size_t>(count));
    std::size_t begin = 0;
    for (std::size_t end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', begin)) {
      lines.push_back(rest_.substr(begin, end - begin));
      begin = end + 1;
    }
    rest_.erase(0, begin);
  }
  return lines;
}

} // namespace itemize::sidecar
