#include "http/openapi.hpp"

#include "http/batch.hpp"
#include "http/problem.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace itemize::sidecar::http {

namespace {

using Json = nlohmann::ordered_json;

struct Parameter {
  const char *name;
  const char *schema;
  const char *description;
};

constexpr const char *kText = R"({"type":"string"})";

constexpr std::array<Parameter, 16> kSearchParameters{{
    {"q", kText, "words, as a visitor types them"},
    {"lang", kText, "language of q, a BCP 47 tag"},
    {"lat", R"({"type":"number","minimum":-90,"maximum":90})", "degrees north"},
    {"lon", R"({"type":"number","minimum":-180,"maximum":180})", "degrees east"},
    {"radius", kText, "500m, 5km, 3mi"},
    {"bbox", kText, "west,south,east,north in degrees"},
    {"price", kText, "gte.20, lte.120 or eq.99"},
    {"currency", kText, "of the visitor, ISO 4217"},
    {"since", kText, "changed since, RFC 3339"},
    {"until", kText, "changed until, RFC 3339"},
    {"owner", kText, "rows of an owner"},
    {"parent", kText, "rows below a parent"},
    {"order", kText, "fields with .asc or .desc, separated by commas"},
    {"limit", R"({"type":"integer","minimum":1,"maximum":100,"default":20})", "results"},
    {"after", kText, "next of the page before"},
    {"total", R"({"type":"string","enum":["none","estimated","exact"],"default":"none"})", "how many there are"},
}};

constexpr std::array<Parameter, 3> kListParameters{{
    {"limit", R"({"type":"integer","minimum":1,"maximum":1000,"default":100})", "items in the page"},
    {"after", kText, "begin after this key"},
    {"key", kText, "in.(k1,k2): these instead of a page"},
}};

Json Ref(const std::string &to) { return {{"$ref", "#/components/" + to}}; }

Json JsonContent(Json schema) { return {{"application/json", {{"schema", std::move(schema)}}}}; }

Json Answer(const char *description, Json schema) {
  return {{"description", description}, {"content", JsonContent(std::move(schema))}};
}

Json Body(Json schema, const char *media_type = "application/json") {
  return {{"required", true}, {"content", {{media_type, {{"schema", std::move(schema)}}}}}};
}

Json Query(const Parameter &parameter) {
  return {{"name", parameter.name},
          {"in", "query"},
          {"description", parameter.description},
          {"schema", Json::parse(parameter.schema)}};
}

Json Header(const char *name, const char *description) {
  return {{"name", name}, {"in", "header"}, {"description", description}, {"schema", {{"type", "string"}}}};
}

/// An operation whose refusals are problems.
Json Operation(const std::string &id, const std::string &summary, Json responses) {
  responses["default"] = Ref("responses/problem");
  return {{"operationId", id}, {"summary", summary}, {"responses", std::move(responses)}};
}

Json Once() { return Ref("parameters/idempotency-key"); }

Json OneItem(const ItemDescription &item, bool writes) {
  const std::string &type = item.type;
  const Json schema = Ref("schemas/item." + type);
  Json get = Operation("get_" + type, "one " + type,
                       {{"200", Answer("the item", schema)}, {"304", {{"description", "as it was"}}}});
  get["parameters"] = Json::array({Header("If-None-Match", "tags of what is held")});
  Json path{{"parameters", Json::array({Ref("parameters/key")})}, {"get", std::move(get)}};
  if (!writes) return path;
  const Json none{{"description", "nothing to be shown"}};
  Json patch =
      Operation("update_" + type, "change fields of one " + type, {{"200", Answer("the item", schema)}, {"204", none}});
  patch["parameters"] = Json::array({Ref("parameters/if-match"), Once()});
  patch["requestBody"] = Body(Ref("schemas/fields." + type), "application/merge-patch+json");
  Json put = Operation("replace_" + type, "give one " + type + " these fields, or make it",
                       {{"200", Answer("the item", schema)}, {"201", Answer("the item, made", schema)}, {"204", none}});
  put["parameters"] =
      Json::array({Ref("parameters/if-match"), Header("If-None-Match", "*: only where there is none"), Once()});
  put["requestBody"] = Body(Ref("schemas/fields." + type));
  Json remove = Operation("delete_" + type, "delete one " + type, {{"204", none}});
  remove["parameters"] = Json::array({Ref("parameters/if-match"), Once()});
  path["patch"] = std::move(patch);
  path["put"] = std::move(put);
  path["delete"] = std::move(remove);
  return path;
}

Json Items(const ItemDescription &item, bool writes) {
  const std::string &type = item.type;
  const Json schema = Ref("schemas/item." + type);
  const Json page{
      {"type", "object"},
      {"properties",
       {{"items",
         {{"type", Json::array({"array", "object"})},
          {"items", {{"type", "object"}, {"properties", {{"key", {{"type", "string"}}}, {"item", schema}}}}},
          {"additionalProperties", schema}}},
        {"next", {{"type", Json::array({"string", "null"})}}}}}};
  Json list =
      Operation("list_" + type, "a page of " + type + ", or those of some keys",
                {{"200", Answer("items in the order of their keys; of keys that were asked for, by key", page)}});
  list["parameters"] = Json::array();
  for (const Parameter &parameter : kListParameters)
    list["parameters"].push_back(Query(parameter));
  Json path{{"get", std::move(list)}};
  if (!writes) return path;
  Json create = Operation("create_" + type, "make a " + type, {{"201", Answer("the item, made", schema)}});
  create["parameters"] = Json::array({Once()});
  create["requestBody"] = Body(Ref("schemas/fields." + type));
  path["post"] = std::move(create);
  return path;
}

Json Search(const ItemDescription &item, const Json &properties) {
  const Json result{{"type", "object"},
                    {"properties",
                     {{"key", {{"type", "string"}}},
                      {"score", {{"type", Json::array({"number", "null"})}}},
                      {"distance", {{"type", Json::array({"number", "null"})}}},
                      {"price", {{"type", Json::array({"number", "null"})}}},
                      {"headline", {{"type", Json::array({"string", "null"})}}},
                      {"item", Ref("schemas/item." + item.type)}}}};
  const Json results{{"type", "object"},
                     {"properties",
                      {{"items", {{"type", "array"}, {"items", result}}},
                       {"next", {{"type", Json::array({"string", "null"})}}},
                       {"relaxed", {{"type", "boolean"}}}}}};
  Json get =
      Operation("search_" + item.type, "search " + item.type, {{"200", Answer("what was found, best first", results)}});
  get["parameters"] = Json::array();
  for (const Parameter &parameter : kSearchParameters)
    get["parameters"].push_back(Query(parameter));
  for (const auto &[field, schema] : properties.items()) {
    const bool is_taken = std::any_of(kSearchParameters.begin(), kSearchParameters.end(),
                                      [&name = field](const Parameter &parameter) { return name == parameter.name; });
    if (!is_taken) get["parameters"].push_back(Query({field.c_str(), kText, "filter: OPERATOR.VALUE"}));
  }
  return {{"get", std::move(get)}};
}

/// What is there whatever types there are.
void AddCommonPaths(Json &paths, bool writes) {
  const Json object{{"type", "object"}};
  paths["/v1/caller"] = {{"get", Operation("caller", "who the token is of", {{"200", Answer("the caller", object)}})}};
  Json feedback = Operation("feedback", "what has changed of what is held", {{"200", Answer("the changes", object)}});
  feedback["requestBody"] = Body(object);
  paths["/v1/feedback"] = {{"post", std::move(feedback)}};
  Json live = Operation("live", "changes as they happen",
                        {{"200",
                          {{"description", "Server-Sent Events"},
                           {"content", {{"text/event-stream", {{"schema", {{"type", "string"}}}}}}}}}});
  live["parameters"] = Json::array({Query({"items", kText, "type/key or type/*, separated by commas"}),
                                    Query({"topics", kText, "separated by commas"}),
                                    Query({"last_event_id", kText, "go on behind it"})});
  paths["/v1/live"] = {{"get", std::move(live)}};
  if (!writes) return;
  Json batch = Operation("batch", "many writes in one transaction", {{"200", Answer("what became of each", object)}});
  batch["parameters"] = Json::array({Once()});
  batch["requestBody"] = Body({{"type", "array"}, {"items", object}, {"minItems", 1}, {"maxItems", kMostOperations}});
  paths["/v1/batch"] = {{"post", std::move(batch)}};
  Json call = Operation("call", "call an exposed function",
                        {{"200", Answer("its result", Json::object())}, {"204", {{"description", "it has none"}}}});
  call["parameters"] = Json::array({Once()});
  call["requestBody"] = Body(object);
  paths["/v1/rpc/{function}"] = {
      {"parameters",
       Json::array({{{"name", "function"}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}}})},
      {"post", std::move(call)}};
}

Json CommonComponents() {
  const Json text{{"type", "string"}};
  Json key{{"name", "key"}, {"in", "path"}, {"required", true}, {"description", "key text"}, {"schema", text}};
  return {{"schemas",
           {{"problem",
             {{"type", "object"},
              {"description", "RFC 9457"},
              {"properties", {{"type", text}, {"title", text}, {"status", {{"type", "integer"}}}, {"detail", text}}},
              {"required", Json::array({"type", "title", "status"})}}}}},
          {"parameters",
           {{"key", std::move(key)},
            {"if-match", Header("If-Match", "write only what still has this tag")},
            {"idempotency-key", Header("Idempotency-Key", "made once, however often it is sent: a UUID in quotes")}}},
          {"responses",
           {{"problem",
             {{"description", "a problem"},
              {"content", {{std::string(kProblemContentType), {{"schema", Ref("schemas/problem")}}}}}}}}},
          {"securitySchemes", {{"token", {{"type", "http"}, {"scheme", "bearer"}, {"bearerFormat", "JWT"}}}}}};
}

} // namespace

std::string OpenApiDocument(const std::vector<ItemDescription> &types, const authorization::Viewer &viewer,
                            bool writes) {
  Json document{{"openapi", "3.1.0"}, {"info", {{"title", "itemize"}, {"version", ITEMIZE_VERSION}}}};
  // Without a token, or with one.
  document["security"] = Json::array({Json::object(), Json{{"token", Json::array()}}});
  Json paths = Json::object();
  Json components = CommonComponents();
  AddCommonPaths(paths, writes);
  for (const ItemDescription &item : types) {
    if (!viewer.MayRead(item.rule)) continue;
    const Json properties = item.properties.empty() ? Json::object() : Json::parse(item.properties);
    paths["/v1/items/" + item.type] = Items(item, writes);
    paths["/v1/items/" + item.type + "/{key}"] = OneItem(item, writes);
    if (item.searchable) paths["/v1/search/" + item.type] = Search(item, properties);
    Json required = Json::array();
    for (const auto &[field, schema] : properties.items())
      required.push_back(field);
    components["schemas"]["item." + item.type] = {
        {"type", "object"}, {"properties", properties}, {"required", required}};
    if (!writes) continue;
    components["schemas"]["fields." + item.type] = {
        {"type", "object"},
        {"properties", item.columns.empty() ? Json::object() : Json::parse(item.columns)},
        {"additionalProperties", false}};
  }
  document["paths"] = std::move(paths);
  document["components"] = std::move(components);
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace itemize::sidecar::http
