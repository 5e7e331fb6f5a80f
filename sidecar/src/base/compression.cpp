#include "base/compression.hpp"

#include <brotli/encode.h>
#include <zlib.h>

#include <stdexcept>

namespace itemize::sidecar {

namespace {

/// Where both give most of what can be had for what it costs: it is done once for an item.
constexpr int kGzipLevel = 6;
constexpr int kBrotliQuality = 5;

constexpr int kGzipWindow = 15 + 16; // 16 asks zlib for gzip's head and trailer
constexpr int kGzipMemory = 8;

std::string Gzip(std::string_view bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, kGzipLevel, Z_DEFLATED, kGzipWindow, kGzipMemory, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("zlib cannot compress");
  std::string compressed(deflateBound(&stream, static_cast<uLong>(bytes.size())), '\0');
  // zlib reads only.
  stream.next_in = const_cast<Bytef *>(reinterpret_cast<const Bytef *>(bytes.data())); // NOLINT
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef *>(compressed.data());
  stream.avail_out = static_cast<uInt>(compressed.size());
  const int ended = deflate(&stream, Z_FINISH);
  compressed.resize(stream.total_out);
  deflateEnd(&stream);
  if (ended != Z_STREAM_END) throw std::runtime_error("zlib did not compress");
  return compressed;
}

std::string Brotli(std::string_view bytes) {
  std::size_t size = BrotliEncoderMaxCompressedSize(bytes.size());
  std::string compressed(size, '\0');
  if (BrotliEncoderCompress(kBrotliQuality, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT, bytes.size(),
                            reinterpret_cast<const std::uint8_t *>(bytes.data()), &size,
                            reinterpret_cast<std::uint8_t *>(compressed.data())) != BROTLI_TRUE)
    throw std::runtime_error("brotli did not compress");
  compressed.resize(size);
  return compressed;
}

} // namespace

std::optional<std::string> Compress(Coding coding, std::string_view bytes) {
  if (!IsCompressible(coding, bytes.size())) return std::nullopt;
  std::string compressed = coding == Coding::kGzip ? Gzip(bytes) : Brotli(bytes);
  if (compressed.size() > bytes.size() - bytes.size() / 10) return std::nullopt;
  compressed.shrink_to_fit();
  return compressed;
}

} // namespace itemize::sidecar
