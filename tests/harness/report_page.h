#pragma once

#include <string>
#include <vector>

#include "common/base/json.h"
#include "tests/harness/course.h"
#include "tests/harness/learner_state.h"

/// What a learner has done, for somebody else to read: by exercise, with times and hints taken.
namespace verse {

/// The whole report. @param name whose it is
Json make_report(const Course& course, const LearnerState& state, const std::string& name);

/// A report as a page that needs no other file.
std::string report_as_page(const Json& report);

/// The learner's files that hold more than stubs, by their paths: what is handed in.
Json make_pack(const Course& course, const LearnerState& state, const std::string& name);

}  // namespace verse
