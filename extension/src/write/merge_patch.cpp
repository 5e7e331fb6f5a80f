#include "write/merge_patch.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "miscadmin.h"
}

namespace itemize {

namespace {

/// Calls `visit(name, value)` for each member of an object.
template <typename Visit>
void EachMember(JsonbContainer *object, Visit visit) {
  JsonbIterator *iterator = JsonbIteratorInit(object);
  JsonbValue name;
  JsonbIteratorToken token = JsonbIteratorNext(&iterator, &name, false); // the object's begin
  while ((token = JsonbIteratorNext(&iterator, &name, true)) == WJB_KEY) {
    JsonbValue value;
    (void)JsonbIteratorNext(&iterator, &value, true);
    visit(name, value);
  }
}

JsonbValue *FindMember(JsonbContainer *object, JsonbValue &name) {
  return object == nullptr ? nullptr : findJsonbValueFromContainer(object, JB_FOBJECT, &name);
}

JsonbValue *PushMerged(JsonbParseState **state, JsonbContainer *target, JsonbContainer *patch) {
  check_stack_depth();
  (void)pushJsonbValue(state, WJB_BEGIN_OBJECT, nullptr);
  const auto push_patched = [&](JsonbValue &name, JsonbValue &value, const JsonbValue *old) {
    if (value.type == jbvNull) return;
    (void)pushJsonbValue(state, WJB_KEY, &name);
    JsonbContainer *const object = ObjectOf(value);
    if (object != nullptr) {
      (void)PushMerged(state, old != nullptr ? ObjectOf(*old) : nullptr, object);
    } else {
      (void)pushJsonbValue(state, WJB_VALUE, &value);
    }
  };
  if (target != nullptr) {
    EachMember(target, [&](JsonbValue &name, JsonbValue &value) {
      JsonbValue *const patched = FindMember(patch, name);
      if (patched != nullptr) {
        push_patched(name, *patched, &value);
      } else {
        (void)pushJsonbValue(state, WJB_KEY, &name);
        (void)pushJsonbValue(state, WJB_VALUE, &value);
      }
    });
  }
  EachMember(patch, [&](JsonbValue &name, JsonbValue &value) {
    if (FindMember(target, name) == nullptr) push_patched(name, value, nullptr);
  });
  return pushJsonbValue(state, WJB_END_OBJECT, nullptr);
}

} // namespace

JsonbContainer *ObjectOf(const JsonbValue &value) {
  const bool is_object = value.type == jbvBinary && JsonContainerIsObject(value.val.binary.data);
  return is_object ? value.val.binary.data : nullptr;
}

JsonbValue *MergePatch(JsonbContainer *target, JsonbContainer *patch) {
  JsonbParseState *state = nullptr;
  JsonbValue *const merged = PushMerged(&state, target, patch);
  // As a container: what comes of pushing is a tree.
  Jsonb *const stored = JsonbValueToJsonb(merged);
  auto *const value = static_cast<JsonbValue *>(palloc0(sizeof(JsonbValue)));
  value->type = jbvBinary;
  value->val.binary.data = &stored->root;
  value->val.binary.len = static_cast<int>(VARSIZE(stored) - VARHDRSZ);
  return value;
}

} // namespace itemize
