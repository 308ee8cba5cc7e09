#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/harness/check.h"

/// What the reference answered, kept in a file: test_solution_NN writes it, test_chapter_NN compares with it.
namespace verse {

/// Answers by exercise and case, under record_key().
using Record = std::map<std::string, Answers>;

/// "3.1/scores_and_gradients"
std::string record_key(const std::string& exercise, const std::string& name);

/// Runs a case; an exception that a subject lets out is an answer too. NotImplemented passes through.
/// @param truth see Answers
Answers collect_answers(const Answers* truth, const std::function<void(Answers&)>& run);

/// @throws std::runtime_error where the linked subject does not get through a check
void write_record(const std::filesystem::path& path, const std::vector<const ExerciseBase*>& exercises);

/// @throws UsageError for a file that is no record
Record read_record(const std::filesystem::path& path);

}  // namespace verse
