#include "http/descriptions.hpp"

#include "read/database_access.hpp"

#include <utility>

namespace itemize::sidecar::http {

namespace {

constexpr std::chrono::milliseconds kTimeout{2000};

} // namespace

Descriptions::Descriptions(read::ReadBackends &backends)
    : backends_(backends), database_([&backends] {
        PostgresSettings settings;
        settings.application_name = "itemize-sidecar describe";
        settings.connect_timeout = kTimeout;
        settings.query_timeout = kTimeout;
        return std::make_unique<PostgresConnection>(backends.options.database, settings, backends.stop);
      }) {}

Descriptions::All Descriptions::Get() {
  const std::unique_lock<std::mutex> asking(asking_, std::try_to_lock);
  if (asking.owns_lock() && Clock::now() >= next_) {
    next_ = Clock::now() + kLongestKept;
    Ask();
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  return all_;
}

void Descriptions::Ask() {
  auto all = std::make_shared<std::vector<ItemDescription>>();
  try {
    read::UseDatabase(database_, [&](PostgresConnection &database) {
      const PostgresResult found =
          database.Query("SELECT type, rule, searchable, properties, columns FROM itemize.item_schemas()");
      all->clear();
      for (int row = 0; row < found.rows(); ++row) {
        const auto text = [&](int column) { return std::string(found.Text(row, column)); };
        all->push_back({text(0), text(1), text(2) == "t", text(3), text(4)});
      }
    });
  } catch (const PostgresError &error) {
    if (!read::IsOutage(error) && refusal_.Failed())
      backends_.services.log.Error(
          "database_refuses",
          {{"part", "describe"}, {"error", error.message()}, {"sqlstate", error.sqlstate()}, {"hint", error.hint()}});
    return;
  }
  refusal_.Works();
  const std::lock_guard<std::mutex> lock(mutex_);
  all_ = std::move(all);
}

} // namespace itemize::sidecar::http
