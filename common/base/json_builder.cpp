#include "common/base/json_builder.h"

#include <algorithm>
#include <string_view>

namespace verse {

bool JsonBuilder::end_object() {
  std::vector<std::string_view> names;
  for (const auto& [entry, value] : open_.back()->get_ref<const Json::object_t&>()) names.emplace_back(entry);
  std::sort(names.begin(), names.end());
  if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end()) {
    problem = Problem::twice;
    name = *twice;
    return false;
  }
  open_.pop_back();
  return true;
}

bool JsonBuilder::parse_error(std::size_t position, const std::string&, const Json::exception& error) {
  problem = dynamic_cast<const Json::parse_error*>(&error) != nullptr ? Problem::no_json : Problem::large_number;
  at = position;
  return false;
}

Json* JsonBuilder::put(Json value) {
  if (open_.empty()) {
    root = std::move(value);
    return &root;
  }
  if (open_.back()->is_array()) {
    auto& list = open_.back()->get_ref<Json::array_t&>();
    list.push_back(std::move(value));
    return &list.back();
  }
  auto& table = open_.back()->get_ref<Json::object_t&>();
  using Entries = std::vector<std::pair<const std::string, Json>>;
  static_cast<Entries&>(table).emplace_back(std::move(name_), std::move(value));
  return &table.back().second;
}

}  // namespace verse
