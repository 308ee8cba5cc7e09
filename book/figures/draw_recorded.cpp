/// @file
/// Draws the book's plots from what runs have recorded: `draw_recorded --out FOLDER RECORD.json ...`. The pictures have
/// the names under which they were recorded; `NAME.svg=OTHER.svg` before a record gives one of its pictures another.

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <string>

#include "common/base/error.h"
#include "common/base/json.h"
#include "common/picture.h"
#include "common/program.h"

namespace verse {
namespace {

int run(int argc, char** argv) {
  if (argc < 4 || std::string(argv[1]) != "--out") {
    throw UsageError("draw_recorded --out FOLDER [NAME.svg=OTHER.svg] RECORD.json ... draws what was recorded");
  }
  const std::filesystem::path folder = argv[2];
  if (!std::filesystem::is_directory(folder)) throw UsageError(fmt::format("{} is no folder", folder.string()));
  std::map<std::string, std::string> other_names;
  int drawn = 0;
  for (int i = 3; i < argc; ++i) {
    const std::string argument = argv[i];
    if (const auto equals = argument.find('='); equals != std::string::npos) {
      other_names[argument.substr(0, equals)] = argument.substr(equals + 1);
      continue;
    }
    const JsonEntry record = load_json(argument);
    if (!record.has("pictures")) continue;
    for (const auto& [name, picture] : record.at("pictures").table()) {
      const auto other = other_names.find(name);
      const std::string& file = other == other_names.end() ? name : other->second;
      if (file.empty()) continue;  // not one of the book's
      if (file.find('/') != std::string::npos) throw UsageError(fmt::format("{} is no file's name", file));
      draw_picture(folder / file, picture_from_json(picture));
      ++drawn;
    }
    other_names.clear();
  }
  fmt::print("{} drawn\n", drawn);
  return 0;
}

}  // namespace
}  // namespace verse

int main(int argc, char** argv) {
  return verse::run_program([&] { return verse::run(argc, argv); });
}
