# add_chapter(NN_name)
#
# Declares a chapter by its folder's name. Every .cpp in solutions/NN_name is a file with exercises: it is compiled from there for the
# reference, and its namesake in chapters/NN_name for the learner. main.cpp and every other .cpp below chapters/NN_name/given are given:
# compiled once, they serve both, as do the tests (tests/NN_name/*_test.cpp; those named *reference_test.cpp are for the reference alone).
#
# Makes: solution_NN, test_solution_NN (part of `all`), chapter_NN, test_chapter_NN (built when asked for: a learner's file may not
# compile). PROGRAM name gives the files of the two programs names of their own, name and my-name; the course's names are links to
# them. WITHOUT NN ... leaves chapters out that this one does not stand on. JOIN folder ... names folders of given code whose files are
# compiled together, JOIN_TESTS does the same to the exercises' tests. Otherwise a chapter stands on the given code and the bodies of all chapters before it: the learner's own for the chapters in
# VERSE_LEARNER_CHAPTERS (those whose exercises all pass), the reference's for the rest.

set(VERSE_CHAPTERS "" CACHE INTERNAL "chapters declared so far")

# What turns a null dereference, a forgotten return or an empty endless loop into something that can be seen and named.
set(VERSE_LEARNER_OPTIONS -fno-delete-null-pointer-checks -fsanitize=null,return -fsanitize-undefined-trap-on-error
    -Wno-unused-parameter -Wno-error)
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  set(VERSE_LEARNER_OPTIONS -fno-finite-loops -fno-delete-null-pointer-checks -fsanitize=null,return
      -fsanitize-trap=null,return -Wall -Wno-unused-parameter -Wno-unused-variable -Wno-unused-function)
endif()

# Files that change seldom are compiled several at a time: what each of them would read and instantiate anew is half of a first
# build. They share one name space then; where names clash, or where somebody works on them much, they stay apart.
# usage: verse_join(target group file...)
function(verse_join target group)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  set_source_files_properties(${ARGN} PROPERTIES UNITY_GROUP ${group})
endfunction()

# The same with at most that many in a group.
function(verse_join_by target group most)
  set(number 0)
  while(ARGN)
    list(LENGTH ARGN left)
    if(left GREATER most)
      list(SUBLIST ARGN 0 ${most} part)
      list(SUBLIST ARGN ${most} -1 ARGN)
    else()
      set(part ${ARGN})
      set(ARGN "")
    endif()
    verse_join(${target} ${group}${number} ${part})
    math(EXPR number "${number} + 1")
  endwhile()
endfunction()

# Test code is compiled with less optimisation, which takes less time; what it calls is optimised as ever.
set(VERSE_TEST_OPTIONS "")
if(CMAKE_CXX_COMPILER_ID MATCHES Clang AND CMAKE_BUILD_TYPE STREQUAL Release)
  set(VERSE_TEST_OPTIONS -O1)
endif()

function(verse_objects name)
  cmake_parse_arguments(PARSE_ARGV 1 objects "LEARNER;TEST" "" "SOURCES")
  add_library(${name} OBJECT ${objects_SOURCES})
  target_link_libraries(${name} PRIVATE verse_torch)
  if(objects_LEARNER)
    target_precompile_headers(${name} REUSE_FROM verse_learner_precompiled)
    target_compile_definitions(${name} PRIVATE _GLIBCXX_ASSERTIONS)
    target_compile_options(${name} PRIVATE ${VERSE_LEARNER_OPTIONS})
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
  else()
    target_precompile_headers(${name} REUSE_FROM verse_precompiled)
    target_link_libraries(${name} PRIVATE verse_warnings)
  endif()
  if(objects_TEST)
    target_compile_options(${name} PRIVATE ${VERSE_TEST_OPTIONS})
  endif()
endfunction()

# Links one program out of objects, always in the order given.
function(verse_program name)
  cmake_parse_arguments(PARSE_ARGV 1 program "LEARNER;TEST" "" "OBJECTS")
  set(sources "")
  foreach(object IN LISTS program_OBJECTS)
    list(APPEND sources $<TARGET_OBJECTS:${object}>)
  endforeach()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE verse_common verse_torch)
  if(program_TEST AND program_LEARNER)
    target_sources(${name} PRIVATE $<TARGET_OBJECTS:verse_main_learner>)
  elseif(program_TEST)
    target_sources(${name} PRIVATE $<TARGET_OBJECTS:verse_main_reference>)
  endif()
  if(program_TEST)
    target_link_libraries(${name} PRIVATE verse_check)
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")
  if(program_LEARNER)
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
endfunction()

function(add_chapter folder)
  cmake_parse_arguments(PARSE_ARGV 1 chapter "JOIN_TESTS" "PROGRAM" "WITHOUT;JOIN")
  string(SUBSTRING ${folder} 0 2 number)
  set(chapter_dir "${PROJECT_SOURCE_DIR}/chapters/${folder}")
  file(GLOB bodies CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}/solutions/${folder}"
       "${PROJECT_SOURCE_DIR}/solutions/${folder}/*.cpp")
  file(GLOB_RECURSE given_sources CONFIGURE_DEPENDS "${chapter_dir}/given/*.cpp")
  list(FILTER given_sources EXCLUDE REGEX "/main\\.cpp$")  # of a program of its own

  # The same file names twice: the reference's bodies, and the learner's.
  list(TRANSFORM bodies PREPEND "${PROJECT_SOURCE_DIR}/solutions/${folder}/" OUTPUT_VARIABLE reference_bodies)
  list(TRANSFORM bodies PREPEND "${VERSE_LEARNER_ROOT}/chapters/${folder}/" OUTPUT_VARIABLE learner_bodies)
  set(reference "")
  if(bodies)
    verse_objects(reference_${number} SOURCES ${reference_bodies})
    set(reference reference_${number})
  endif()
  # Where a learner's file goes or comes back, this is looked at again.
  file(GLOB learner_files CONFIGURE_DEPENDS "${VERSE_LEARNER_ROOT}/chapters/${folder}/*.cpp")
  set(learner_there ON)
  foreach(body IN LISTS learner_bodies)
    if(NOT EXISTS "${body}")
      set(learner_there OFF)  # before the first `make stubs`
    endif()
  endforeach()
  set(learner ${reference})
  if(learner_there AND bodies)
    # The reference's bodies stand beside the learner's, so that an exercise can be judged while every other one is right.
    set(learner_sources "")
    foreach(body IN LISTS learner_bodies)
      get_filename_component(name "${body}" NAME)
      set(both "${CMAKE_BINARY_DIR}/learner/${folder}/${name}")
      add_custom_command(OUTPUT "${both}"
        COMMAND verse --root "${VERSE_LEARNER_ROOT}" beside ${number} "${body}" "${both}"
        DEPENDS "${body}" "${PROJECT_SOURCE_DIR}/solutions/${folder}/${name}" verse VERBATIM COMMENT "Reading ${folder}/${name}")
      list(APPEND learner_sources "${both}")
    endforeach()
    verse_objects(learner_${number} LEARNER SOURCES ${learner_sources})
    if(NOT VERSE_LEARNER_ROOT STREQUAL PROJECT_SOURCE_DIR)
      target_include_directories(learner_${number} BEFORE PRIVATE "${VERSE_LEARNER_ROOT}/chapters")  # a copy has headers of its own
    endif()
    set(learner learner_${number})
  endif()

  set(given "")
  if(given_sources)
    verse_objects(given_${number} SOURCES ${given_sources})
    foreach(join IN LISTS chapter_JOIN)
      set(joined ${given_sources})
      list(FILTER joined INCLUDE REGEX "/${join}/[^/]*$")
      string(MAKE_C_IDENTIFIER "given_${number}_${join}" group)
      verse_join_by(given_${number} ${group}_ 6 ${joined})
    endforeach()
    set(given given_${number})
  endif()

  # What the chapter stands on.
  set(below "")
  set(below_for_learner "")
  foreach(earlier IN LISTS VERSE_CHAPTERS)
    if(earlier IN_LIST chapter_WITHOUT)
      continue()
    endif()
    if(TARGET reference_${earlier})
      list(APPEND below reference_${earlier})
    endif()
    math(EXPR plain "1${earlier} - 100")  # 3 for 03
    if(plain IN_LIST VERSE_LEARNER_CHAPTERS AND TARGET learner_${earlier})
      list(APPEND below_for_learner learner_${earlier})
    elseif(TARGET reference_${earlier})
      list(APPEND below_for_learner reference_${earlier})
    endif()
    if(TARGET given_${earlier})
      list(APPEND below given_${earlier})
      list(APPEND below_for_learner given_${earlier})
    endif()
  endforeach()

  # The chapter's program.
  if(EXISTS "${chapter_dir}/main.cpp")
    verse_objects(main_${number} SOURCES "${chapter_dir}/main.cpp")
    verse_program(solution_${number} OBJECTS main_${number} ${given} ${reference} ${below})
    if(learner_there)
      verse_program(chapter_${number} LEARNER OBJECTS main_${number} ${given} ${learner} ${below_for_learner})
    endif()
  endif()

  if(chapter_PROGRAM)
    foreach(pair "solution_${number}:${chapter_PROGRAM}" "chapter_${number}:my-${chapter_PROGRAM}")
      string(REPLACE ":" ";" pair "${pair}")
      list(GET pair 0 target)
      list(GET pair 1 file)
      if(TARGET ${target})
        set_target_properties(${target} PROPERTIES OUTPUT_NAME ${file})
        add_custom_command(TARGET ${target} POST_BUILD
          COMMAND ${CMAKE_COMMAND} -E create_symlink ${file} "${CMAKE_BINARY_DIR}/${target}" VERBATIM)
      endif()
    endforeach()
  endif()

  # Scripts that run the chapter's program as a user would.
  file(GLOB scripts CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/${folder}/*_test.py")
  list(FILTER scripts EXCLUDE REGEX "interop_test\\.py$")  # needs other people's packages: make test-interop runs it
  foreach(script IN LISTS scripts)
    get_filename_component(name "${script}" NAME_WE)
    add_test(NAME ${name}_${number} COMMAND /usr/bin/python3 "${script}" $<TARGET_FILE:solution_${number}>)
    if(name STREQUAL "several_processes_test")
      # It has processes of its own that wait for one another: both cores are theirs.
      set_tests_properties(${name}_${number} PROPERTIES RUN_SERIAL ON)
    endif()
  endforeach()

  # The chapter's tests. Those of the exercises are compiled once and linked to either body.
  file(GLOB tests CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/${folder}/*_test.cpp")
  set(reference_tests ${tests})
  list(FILTER reference_tests INCLUDE REGEX "reference_test\\.cpp$")
  list(FILTER tests EXCLUDE REGEX "reference_test\\.cpp$")
  set(checks "")
  if(tests)
    verse_objects(checks_${number} TEST SOURCES ${tests})
    if(chapter_JOIN_TESTS)
      verse_join_by(checks_${number} checks_${number}_ 4 ${tests})
    endif()
    target_link_libraries(checks_${number} PRIVATE verse_check)
    set(checks checks_${number})
    if(learner_there)
      verse_program(test_chapter_${number} TEST LEARNER
                    OBJECTS ${checks} ${given} ${learner} ${below_for_learner})
    endif()
  endif()
  if(tests AND bodies)
    # What `verse try` builds: it writes a list of answers beside the reference's bodies.
    set(tried_sources "")
    foreach(body IN LISTS reference_bodies)
      get_filename_component(name "${body}" NAME)
      set(tried "${CMAKE_BINARY_DIR}/try/${folder}/${name}")
      if(NOT EXISTS "${tried}")
        file(WRITE "${tried}" "#include \"${body}\"\n")
      endif()
      list(APPEND tried_sources "${tried}")
    endforeach()
    verse_objects(tried_${number} LEARNER SOURCES ${tried_sources})
    verse_program(try_${number} LEARNER OBJECTS ${checks} verse_main_answers ${given} tried_${number} ${below})
    target_link_libraries(try_${number} PRIVATE verse_check)
  endif()
  if(tests OR reference_tests)
    if(reference_tests)
      verse_objects(reference_checks_${number} TEST SOURCES ${reference_tests})
      # The emulated kernels compute, and each file reads them with types of its own.
      set(emulated ${reference_tests})
      list(FILTER emulated INCLUDE REGEX "/emulated_")
      list(FILTER reference_tests EXCLUDE REGEX "/emulated_")
      if(emulated AND VERSE_TEST_OPTIONS)
        set_source_files_properties(${emulated} PROPERTIES COMPILE_OPTIONS -O2)
      endif()
      verse_join_by(reference_checks_${number} reference_checks_${number}_ 4 ${reference_tests})
      target_link_libraries(reference_checks_${number} PRIVATE verse_check)
      list(APPEND checks reference_checks_${number})
    endif()
    verse_program(test_solution_${number} TEST OBJECTS ${checks} ${given} ${reference} ${below})
    add_test(NAME test_solution_${number} COMMAND test_solution_${number})
    # What the reference answers on the tests' seeded inputs is what the learner's answers are held against.
    if(tests)
      set(record "${CMAKE_BINARY_DIR}/records/chapter_${number}.record")
      add_custom_command(OUTPUT "${record}"
        COMMAND ${CMAKE_COMMAND} -E make_directory "${CMAKE_BINARY_DIR}/records"
        COMMAND test_solution_${number} --record=${record}
        DEPENDS test_solution_${number} VERBATIM COMMENT "Recording what the reference of chapter ${number} answers")
      add_custom_target(record_${number} ALL DEPENDS "${record}")
      if(TARGET test_chapter_${number})
        add_dependencies(test_chapter_${number} record_${number})
      endif()
    endif()
  endif()

  set(VERSE_CHAPTERS ${VERSE_CHAPTERS} ${number} CACHE INTERNAL "chapters declared so far")
endfunction()
