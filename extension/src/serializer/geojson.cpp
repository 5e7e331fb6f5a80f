#include "serializer/geojson.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace itemize::json {

namespace {

constexpr std::size_t kHeaderBytes = 4; // 3 bytes SRID, 1 byte flags
constexpr unsigned kHasZ = 0x01;
constexpr unsigned kHasM = 0x02;
constexpr unsigned kHasBox = 0x04;
constexpr unsigned kGeodetic = 0x08;
constexpr unsigned kExtendedFlags = 0x10; // version 2 only
constexpr unsigned kVersion2 = 0x40;
constexpr std::size_t kExtendedFlagsBytes = 8;

constexpr int kMaxNesting = 32;
constexpr std::size_t kMaxCoordinateBytes = 32; // shortest decimal of a double, comma and brackets
constexpr std::size_t kMaxGeometryBytes = 64;   // {"type":"GeometryCollection","geometries":[]},

enum GeometryType : std::uint32_t {
  kPoint = 1,
  kLineString,
  kPolygon,
  kMultiPoint,
  kMultiLineString,
  kMultiPolygon,
  kCollection,
};

/// One pass over the value: it counts bytes and checks when `out` is null, else it writes.
class GeoJsonPass {
public:
  GeoJsonPass(std::string_view bytes, char *out) : bytes_(bytes), out_(out) {}

  bool Run() {
    if (bytes_.size() < kHeaderBytes) return false;
    const auto flags = static_cast<unsigned char>(bytes_[3]);
    dimensions_ = 2 + ((flags & kHasZ) != 0 ? 1U : 0U) + ((flags & kHasM) != 0 ? 1U : 0U);
    has_z_ = (flags & kHasZ) != 0;
    at_ = kHeaderBytes;
    if ((flags & kVersion2) != 0 && (flags & kExtendedFlags) != 0) at_ += kExtendedFlagsBytes;
    if ((flags & kHasBox) != 0) at_ += ((flags & kGeodetic) != 0 ? 6U : 2U * dimensions_) * sizeof(float);
    return Geometry(0);
  }

  [[nodiscard]] std::size_t bound() const { return bound_; }
  [[nodiscard]] char *out() const { return out_; }

private:
  void Text(std::string_view text) {
    if (out_ == nullptr) return;
    std::memcpy(out_, text.data(), text.size());
    out_ += text.size();
  }

  bool Count(std::uint32_t &value) {
    if (bytes_.size() < sizeof(value) || at_ > bytes_.size() - sizeof(value)) return false;
    std::memcpy(&value, bytes_.data() + at_, sizeof(value));
    at_ += sizeof(value);
    return true;
  }

  [[nodiscard]] double Coordinate(std::size_t points_at, std::uint32_t point, unsigned axis) const {
    double value;
    std::memcpy(&value, bytes_.data() + points_at + (std::size_t{point} * dimensions_ + axis) * sizeof(double),
                sizeof(value));
    return value;
  }

  bool WritePosition(std::size_t points_at, std::uint32_t point) {
    Text("[");
    for (unsigned axis = 0; axis < (has_z_ ? 3U : 2U); ++axis) {
      const double value = Coordinate(points_at, point, axis);
      if (!std::isfinite(value)) return false;
      bound_ += kMaxCoordinateBytes;
      if (out_ == nullptr) continue;
      if (axis > 0) Text(",");
      out_ = std::to_chars(out_, out_ + kMaxCoordinateBytes, value).ptr;
    }
    Text("]");
    return true;
  }

  /// Steps over the coordinates of `count` points; false when the value is too short for them.
  bool TakePoints(std::uint32_t count, std::size_t &points_at) {
    points_at = at_;
    const std::size_t size = std::size_t{count} * dimensions_ * sizeof(double);
    if (at_ > bytes_.size() || size > bytes_.size() - at_) return false;
    at_ += size;
    return true;
  }

  bool WritePositions(std::size_t points_at, std::uint32_t count, bool reversed) {
    Text("[");
    bound_ += 4;
    for (std::uint32_t i = 0; i < count; ++i) {
      if (i > 0) Text(",");
      if (!WritePosition(points_at, reversed ? count - 1 - i : i)) return false;
    }
    Text("]");
    return true;
  }

  /// Whether a ring turns counterclockwise: the sign of its area (shoelace formula).
  [[nodiscard]] bool IsCounterclockwise(std::size_t points_at, std::uint32_t count) const {
    double twice_area = 0;
    for (std::uint32_t i = 0; i + 1 < count; ++i) {
      twice_area += Coordinate(points_at, i, 0) * Coordinate(points_at, i + 1, 1) -
                    Coordinate(points_at, i + 1, 0) * Coordinate(points_at, i, 1);
    }
    return twice_area >= 0;
  }

  bool PointCoordinates() {
    std::uint32_t count;
    std::size_t points_at;
    if (!Count(count) || count > 1 || !TakePoints(count, points_at)) return false;
    if (count == 1) return WritePosition(points_at, 0);
    Text("[]");
    return true;
  }

  bool LineCoordinates() {
    std::uint32_t count;
    std::size_t points_at;
    return Count(count) && TakePoints(count, points_at) && WritePositions(points_at, count, false);
  }

  bool PolygonCoordinates() {
    std::uint32_t rings;
    if (!Count(rings)) return false;
    const std::size_t counts_at = at_;
    const std::size_t counts_size = (std::size_t{rings} + rings % 2) * sizeof(std::uint32_t); // padded to 8 bytes
    if (counts_size > bytes_.size() - at_) return false;
    at_ += counts_size;
    Text("[");
    bound_ += 4;
    for (std::uint32_t ring = 0; ring < rings; ++ring) {
      std::uint32_t count;
      std::memcpy(&count, bytes_.data() + counts_at + ring * sizeof(count), sizeof(count));
      std::size_t points_at;
      if (!TakePoints(count, points_at)) return false;
      if (ring > 0) Text(",");
      const bool exterior = ring == 0;
      if (!WritePositions(points_at, count, IsCounterclockwise(points_at, count) != exterior)) return false;
    }
    Text("]");
    return true;
  }

  bool Coordinates(std::uint32_t type) {
    switch (type) {
    case kPoint: return PointCoordinates();
    case kLineString: return LineCoordinates();
    default: return PolygonCoordinates();
    }
  }

  /// The members of a multi-geometry, each of one simple type: their coordinates only.
  bool MultiCoordinates(std::uint32_t member_type) {
    std::uint32_t count;
    if (!Count(count)) return false;
    Text("[");
    bound_ += 4;
    bool first = true;
    for (std::uint32_t i = 0; i < count; ++i) {
      std::uint32_t type;
      if (!Count(type) || type != member_type) return false;
      if (!first) Text(",");
      first = false;
      bound_ += 4;
      if (!Coordinates(type)) return false;
    }
    Text("]");
    return true;
  }

  bool Geometry(int nesting) {
    static constexpr std::string_view kNames[] = {
        "", "Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection"};
    std::uint32_t type;
    if (nesting > kMaxNesting || !Count(type) || type < kPoint || type > kCollection) return false;
    bound_ += kMaxGeometryBytes;
    Text(R"({"type":")");
    Text(kNames[type]);
    Text(type == kCollection ? R"(","geometries":)" : R"(","coordinates":)");
    const bool written = type == kCollection   ? Members(nesting)
                         : type >= kMultiPoint ? MultiCoordinates(type - (kMultiPoint - kPoint))
                                               : Coordinates(type);
    Text("}");
    return written;
  }

  bool Members(int nesting) {
    std::uint32_t count;
    if (!Count(count)) return false;
    Text("[");
    for (std::uint32_t i = 0; i < count; ++i) {
      if (i > 0) Text(",");
      if (!Geometry(nesting + 1)) return false;
    }
    Text("]");
    return true;
  }

  std::string_view bytes_;
  char *out_;
  std::size_t at_ = 0;
  std::size_t bound_ = 0;
  unsigned dimensions_ = 2;
  bool has_z_ = false;
};

} // namespace

std::size_t MaxGeoJsonBytes(std::string_view geometry) {
  GeoJsonPass pass(geometry, nullptr);
  return pass.Run() ? pass.bound() : 0;
}

char *WriteGeoJson(char *out, std::string_view geometry) {
  GeoJsonPass pass(geometry, out);
  pass.Run();
  return pass.out();
}

} // namespace itemize::json
