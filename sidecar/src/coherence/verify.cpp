#include "coherence/verify.hpp"

#include "coherence/comparison.hpp"
#include "postgres/refusals.hpp"

#include <cstdlib>
#include <iostream>
#include <random>

namespace itemize::sidecar::coherence {

int Verify(const Options &options, Services & /*services*/, const StopToken &stop) {
  std::ostream &out = std::cout;
  HeldCopy copy(options);
  PostgresSettings connection;
  connection.application_name = "itemize-sidecar verify";
  PostgresConnection database(options.database, connection, stop);
  CheckExtension(database);
  ComparisonSettings settings;
  settings.token = "verify " + std::to_string(std::random_device{}());
  settings.found = [&](const ItemName &item, std::string_view how) {
    out << "wrong: " << item.type << ' ' << item.key << ": " << how << '\n';
  };
  settings.progress = [](const ComparisonCounts &) {};
  const auto [counts, position] = Comparison(copy, database, settings).Run();
  out << "compared " << counts.checked << " items with the database at " << FormatPosition(position) << ": "
      << counts.mismatches << " wrong" << (counts.mismatches > 0 ? " (dropped, the next read fills them)" : "");
  if (counts.unsettled > 0) out << ", " << counts.unsettled << " not settled";
  out << '\n';
  return counts.mismatches > 0 ? kExitFound : EXIT_SUCCESS;
}

} // namespace itemize::sidecar::coherence
