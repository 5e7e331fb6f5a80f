#include "decoding/relation_plans.hpp"

#include "boundary/version_check.hpp"
#include "serializer/buffer.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "utils/inval.h"
}

namespace itemize {

namespace {

// Relation cache callbacks cannot be taken back, so one is registered per backend and finds the set, if
// any, that is open now.
RelationPlans *open_plans = nullptr;
bool callback_registered = false;

void Invalidate(RelationPlan &plan) noexcept {
  plan.valid = false;
  plan.invalidated = true;
}

// Neither this nor ForgetPlans below calls anything that raises: they need no guard.
extern "C" void InvalidatePlans(Datum /*argument*/, Oid relation) noexcept {
  if (open_plans == nullptr) return;
  if (OidIsValid(relation)) {
    auto *const plan = static_cast<RelationPlan *>(hash_search(open_plans->table, &relation, HASH_FIND, nullptr));
    if (plan != nullptr) Invalidate(*plan);
    return;
  }
  HASH_SEQ_STATUS scan;
  hash_seq_init(&scan, open_plans->table);
  while (auto *const plan = static_cast<RelationPlan *>(hash_seq_search(&scan)))
    Invalidate(*plan);
}

RowValues AllocateRow(TupleDesc description) {
  const auto columns = static_cast<Size>(description->natts);
  return {static_cast<Datum *>(palloc(columns * sizeof(Datum))), static_cast<bool *>(palloc(columns * sizeof(bool)))};
}

void AllocateRows(RelationPlan &plan, TupleDesc description) {
  plan.old_row = AllocateRow(description);
  plan.new_row = AllocateRow(description);
}

void BuildPlan(RelationPlan &plan, Relation relation) {
  plan.kind = RelationKind::kUnrelated;
  plan.encoder = nullptr;
  plan.depends_on_settings = false;
  plan.identity_tells_key = true;
  plan.identity_tells_owner = true;
  plan.identity_is_full = RelationGetForm(relation)->relreplident == REPLICA_IDENTITY_FULL;
  plan.owner = nullptr;
  plan.generation = 0;
  plan.subject = "";
  plan.subject_length = 0;
  DefinitionCatalog catalog;
  if (!LookUpDefinitionCatalog(catalog)) return;
  if (plan.relation == catalog.item_type || plan.relation == catalog.topic) {
    AllocateRows(plan, RelationGetDescr(relation));
    plan.kind = plan.relation == catalog.topic ? RelationKind::kTopicCatalog : RelationKind::kDefinitionCatalog;
    return;
  }
  const ItemDefinition *const definition = FindDefinitionOfTable(plan.relation);
  if (definition == nullptr) return;
  CheckLibraryIsNotOlder();
  plan.encoder = MakeRowEncoder(*definition, RelationGetDescr(relation));
  plan.depends_on_settings = DependsOnSettings(*plan.encoder);
  plan.generation = definition->generation;
  for (int i = 0; i < definition->key_count; ++i) {
    plan.identity_tells_key = plan.identity_tells_key && IdentityCovers(relation, definition->keys[i].attnum);
  }
  if (definition->owner != nullptr && definition->owner->attnum != InvalidAttrNumber) {
    plan.owner = &plan.encoder->fields[definition->owner - definition->fields];
    plan.identity_tells_owner = IdentityCovers(relation, definition->owner->attnum);
  }
  StringInfoData subject;
  initStringInfo(&subject);
  appendStringInfo(&subject, "%s\t" INT64_FORMAT, NameStr(definition->type), definition->generation);
  plan.subject_length = subject.len;
  (void)Reserve(&subject, kCopyBlock);
  plan.subject = subject.data;
  AllocateRows(plan, RelationGetDescr(relation));
  plan.kind = RelationKind::kItems;
}

/// An error ends a decoding session without its shutdown callback; its memory always goes.
extern "C" void ForgetPlans(void *plans) noexcept {
  if (open_plans == plans) open_plans = nullptr;
}

} // namespace

void OpenRelationPlans(RelationPlans &plans, MemoryContext context) {
  plans.context = context;
  plans.latest = nullptr;
  HASHCTL control{};
  control.keysize = sizeof(Oid);
  control.entrysize = sizeof(RelationPlan);
  control.hcxt = context;
  plans.table = hash_create("itemize relation plans", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
  if (!callback_registered) {
    CacheRegisterRelcacheCallback(InvalidatePlans, Datum{0});
    callback_registered = true;
  }
  auto *const forget = static_cast<MemoryContextCallback *>(MemoryContextAlloc(context, sizeof(MemoryContextCallback)));
  forget->func = ForgetPlans;
  forget->arg = &plans;
  MemoryContextRegisterResetCallback(context, forget);
  open_plans = &plans;
}

RelationPlan &GetRelationPlan(RelationPlans &plans, Relation relation) {
  const Oid oid = RelationGetRelid(relation);
  if (plans.latest != nullptr && plans.latest->relation == oid && plans.latest->valid) return *plans.latest;
  bool found;
  auto *const plan = static_cast<RelationPlan *>(hash_search(plans.table, &oid, HASH_ENTER, &found));
  if (!found) {
    plan->valid = false;
    plan->context = nullptr;
  }
  if (!plan->valid) {
    if (plan->context == nullptr) {
      plan->context = AllocSetContextCreate(plans.context, "itemize relation plan", ALLOCSET_SMALL_SIZES);
    }
    MemoryContextReset(plan->context);
    MemoryContext const caller = MemoryContextSwitchTo(plan->context);
    // An invalidation that arrives while the catalogs are read must not be lost, and what an error left half made must
    // not be taken for a plan: neither by another attempt nor by the next change.
    plan->invalidated = false;
    BuildPlan(*plan, relation);
    plan->valid = !plan->invalidated;
    MemoryContextSwitchTo(caller);
  }
  plans.latest = plan;
  return *plan;
}

} // namespace itemize
