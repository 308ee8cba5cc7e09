#pragma once

/// @file
/// How json.cpp builds a value; nobody else needs it.

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "common/base/json.h"

namespace verse {

/// Builds a value from what the library reads. The library's own way looks through a table's entries for every new one,
/// which a vocabulary of a hundred thousand tokens cannot wait for.
class JsonBuilder : public Json::json_sax_t {
 public:
  /// What is wrong with the text: nothing, that it is no JSON, or a number's size.
  enum class Problem { none, no_json, large_number, twice };

  Problem problem = Problem::none;
  std::size_t at = 0;  ///< the byte, from 1, where it is no JSON
  std::string name;    ///< of an entry that is there twice
  Json root;

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(Json::number_integer_t value) override { return add(value); }
  bool number_unsigned(Json::number_unsigned_t value) override { return add(value); }
  bool number_float(Json::number_float_t value, const std::string&) override { return add(value); }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(Json::binary_t&) override { return false; }  // JSON has none
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }

  bool key(std::string& value) override {
    name_ = std::move(value);
    return true;
  }

  bool end_object() override;

  bool end_array() override {
    open_.pop_back();
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const Json::exception& error) override;

 private:
  bool add(Json value) {
    put(std::move(value));
    return true;
  }

  bool open(Json value) {
    open_.push_back(put(std::move(value)));
    return true;
  }

  /// Puts a value where the text is. What is open stays in its place: its parents do not grow before it is closed.
  Json* put(Json value);

  std::vector<Json*> open_;
  std::string name_;
};

}  // namespace verse
