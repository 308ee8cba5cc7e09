#pragma once

#include <string>

/// The test program's side of the report to `verse check`.
///
/// Where the environment variable VERSE_REPORT_FD names an open file descriptor, every test's start and result go there
/// as one JSON object a line, and GoogleTest's own printing is silenced, so that what is left on standard output is
/// what the learner's code prints. Without the variable a test program is ordinary GoogleTest.
///
///     {"event":"plan","tests":["Exercise_3_2.Rows", ...]}
///     {"event":"start","suite":"Exercise_3_2","test":"Rows","printed":OFFSET}
///     {"event":"found","message":TEXT}
///     {"event":"result","suite":...,"test":...,"printed":OFFSET,"status":"passed|failed|not_started|skipped",
///      "mistake":ID,"message":TEXT,"expected":TEXT,"got":TEXT,"exercise":"3.2","file":PATH,"line":N}
///     {"event":"end"}
///
/// `found` says what is wrong before a test has come to its end; it stands if the program ends there.
/// `printed` is how many bytes the program had printed by then. Entries that are empty are left out.
namespace verse::report {

/// Installs the listener if VERSE_REPORT_FD asks for it. Call it after testing::InitGoogleTest. The descriptor is not
/// handed on to programs that the tests start.
void install();

/// What is wrong is known, though the current test goes on. It counts if the program does not come back from there.
void found(const std::string& message);

/// The known mistake that the current test's answer is alike to. Counts only if the test fails.
void set_mistake(const std::string& id);

/// What was expected and what came, each in a few words or lines. Counts only if the test fails.
void set_comparison(const std::string& expected, const std::string& got);

/// What to tell the learner, instead of GoogleTest's own words. Counts only if the test fails.
void set_message(const std::string& message);

/// The current test met the stub of an exercise. A verse::NotImplemented that leaves a test's body, its fixture or its
/// suite's set-up says so by itself; this is for checks that catch it.
void set_not_started(const std::string& exercise, const std::string& file, int line);

}  // namespace verse::report
