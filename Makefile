# Chapter and Verse: every command. `make help` shows them.
#
# In a target's name N stands for a chapter (0 to 12) and N.M for an exercise. Each target sets up what it needs, once.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

BUILD := build
PRESET := $(if $(filter Darwin,$(shell uname -s)),macos,default)
# The tests of the course learn in a copy: VERSE_LEARNER_ROOT is the folder whose chapters/ holds the learner's files.
VERSE := $(BUILD)/verse $(if $(VERSE_LEARNER_ROOT),--root $(VERSE_LEARNER_ROOT))
# Arguments for the program that a target runs: make chapter-3 ARGS="--seed 2"
ARGS :=

# The chapters' numbers with two digits, as in the programs' names, and as a learner writes them: 8 and 08 are the same chapter.
numbers := $(foreach folder,$(notdir $(wildcard chapters/[0-9][0-9]_*)),$(firstword $(subst _, ,$(folder))))
plain_numbers := $(patsubst 0%,%,$(numbers))
two = $(firstword $(filter $(1) 0$(1),$(numbers)))

comma := ,
space := $(subst ,, )

# What is no chapter, or no exercise of one, is answered before anything is built.
asked = $(patsubst $(1)-%,%,$(filter $(1)-%,$(MAKECMDGOALS)))
check_chapter = $(if $(call two,$(1)),,$(error there is no chapter '$(1)'; there are: $(plain_numbers)))
check_exercise = $(if $(and $(filter 2,$(words $(subst ., ,$(1)))),$(call two,$(firstword $(subst ., ,$(patsubst P%,%,$(1)))))),,$(error \
  there is no exercise '$(1)'; a chapter's number, a point and a number name one, as in 3.2; the chapters are: $(plain_numbers)))
$(foreach kind,chapter test-chapter solution test-solution watch start,$(foreach one,$(call asked,$(kind)),$(call check_chapter,$(one))))
$(foreach kind,hint solve reset restore predict,$(foreach one,$(call asked,$(kind)),$(call check_exercise,$(one))))

.PHONY: help
help:
	@echo "Chapter and Verse: train a GPT from scratch in C++. N is a chapter (0 to 12), N.M an exercise."
	@echo
	@echo "See it work"
	@echo "  make demo              train a small GPT on text (about a minute), watch its loss, hear it talk"
	@echo "  make book              render the book into build/book/html/index.html"
	@echo
	@echo "Learn: read chapters/NN_name/README.md (or the book), fill in a stub, check it"
	@echo "  make test-chapter-N    check your exercises of chapter N; says what is wrong and where to read"
	@echo "  make chapter-N         build and run chapter N with your code"
	@echo "  make hint-N.M          the next hint for an exercise; there are three"
	@echo "  make predict-PN.M      answer one of a chapter's predictions (ANSWER=... or asked for)"
	@echo "  make watch-N           check chapter N again at every save"
	@echo "  make progress          what is done and what is next"
	@echo "  make solve-N.M         put the reference's solution into your file (yours is kept in .verse/backup)"
	@echo "  make reset-N.M         put the stub back (likewise)"
	@echo "  make start-N           begin with chapter N: the reference's answers to what comes before (what you began stays)"
	@echo "  make reset             put back everything as it was given (yours, all of it, is kept in .verse/backup)"
	@echo "  make update            get the course's newest state, and bring your files to it with what you wrote"
	@echo "  make restore-N.M       put back what was given around an exercise: its marks, its function's first lines"
	@echo
	@echo "A class"
	@echo "  make report            what is done, by exercise, with times and hints: a page and JSON (build/report)"
	@echo "  make handin            pack your files and the report into one file (build/handin; NAME=\"Ada\")"
	@echo "  make grade PACKS=DIR   check packs, each in a sandbox, and write a table (CHAPTERS=\"3 4\"; build/grades.csv)"
	@echo
	@echo "The reference"
	@echo "  make solution-N        build and run chapter N as the reference has it"
	@echo "  make test-solution-N   check the reference, and that every known mistake is recognised"
	@echo "  make test              every test of the reference and of the course; never judges your files"
	@echo "  make test-sanitized    tests under address, undefined-behaviour and thread sanitizers (builds of their own; CHAPTERS=\"3 4\")"
	@echo "  make fuzz              fuzzes readers of files from elsewhere, 10 s each (SECONDS_EACH=600: ten minutes)"
	@echo "  make test-long         500 hostile command lines, every cut and 200 kills of a training, 20,000 steps, 2 GB of text"
	@echo "  make test-aarch64      chapters 0 to 5 and 12's program for Linux on aarch64, under qemu (fetches 0.6 GB, once)"
	@echo "  make test-plain-loops  the loops of common/vector_loops.h as other processors compile them"
	@echo "  make test-interop      runs and models against Hugging Face's programs (sets up a Python of its own, once; YOURS=1: with your code)"
	@echo "  make test-gpu          what only a machine with an NVIDIA GPU can tell, in eight minutes (NANOGPT=DIR, PYTHON=PY: beside nanoGPT)"
	@echo "  make gpu-kit           the same packed for a machine without a compiler: build/gpu-kit.tar"
	@echo
	@echo "The rest"
	@echo "  make data              fetch tiny Shakespeare into data/ (checked by its digest)"
	@echo "  make readmes           write each chapter's README.md from its chapter.md"
	@echo "  make results-N         run what chapter N's numbers come from, and record what it finds (make results: every chapter)"
	@echo "  make results-check     name the recorded numbers whose code has changed since"
	@echo "  make figures           draw the book's pictures again, from what the recorded runs found; train its last page's model"
	@echo "  make epub              the book as build/book/chapter-and-verse.epub (needs pandoc)"
	@echo "  make bench             benchmarks"
	@echo "  make hosts-demo        train on several hosts, made of network namespaces (root)"
	@echo "  make build, make clean everything under build/; away with it"
	@echo "  make stubs             write the files of chapters/ anew from solutions/; refuses where you have begun"
	@echo "  make format            clang-format over the course's own code"
	@echo
	@echo 'Arguments for a program: make chapter-3 ARGS="--data data/tinyshakespeare.txt --seed 2" (ARGS=--help lists them).'

# --- Set-up and build -------------------------------------------------------------------------------------------------

.PHONY: setup configure build clean verse-built
setup:
	@./setup --quick

configure: setup
	@if [ ! -e $(BUILD)/build.ninja ] || { [ -n "$${LIBTORCH:-}" ] && ! grep -qx "LIBTORCH:PATH=$$LIBTORCH" $(BUILD)/CMakeCache.txt; }; then \
	  mkdir -p $(BUILD) && echo "Configuring the build" >&2; \
	  cmake --preset $(PRESET) -B $(BUILD) $${LIBTORCH:+-DLIBTORCH=$$LIBTORCH} >$(BUILD)/configure.log 2>&1 || { cat $(BUILD)/configure.log >&2; exit 1; }; fi

# Builds the named targets; one line counts. Silent when there is nothing to do.
build_targets = cmake/build --build-dir $(BUILD) $(1)

build: configure
	@$(call build_targets,all)

clean:
	rm -rf $(BUILD)

verse-built: configure
	@$(call build_targets,verse)

# --- The main job -----------------------------------------------------------------------------------------------------

.PHONY: demo data
demo: configure
	@$(call build_targets,solution_12)
	@rm -rf $(BUILD)/demo
	@$(BUILD)/gpt train --preset demo --out $(BUILD)/demo $(ARGS)
	@echo "The run is in $(BUILD)/demo (loss.svg is its curve). Let it go on talking:" >&2
	@echo "  build/gpt generate --run $(BUILD)/demo --prompt \"KING\" --max-new-tokens 300 --seed 7" >&2

data:
	@data/fetch

# --- The exercises ----------------------------------------------------------------------------------------------------

# Builds what a learner's chapter needs, and says whose earlier chapters it stands on. What cannot be built ends in the first error and the
# exercise it lies in; what was interrupted, in nothing.
build_learner = $(call build_targets,verse) && $(VERSE) swap --if-changed >&2 && log=$$(mktemp) && trap 'rm -f "$$log"' EXIT && \
  { $(call build_targets,--log "$$log" $(2)) || { status=$$?; [ $$status = 130 ] || $(VERSE) compile-error $(1) "$$log" >&2; exit $$status; }; }

chapter-%: configure
	@$(call build_learner,$*,chapter_$(call two,$*))
	@$(BUILD)/chapter_$(call two,$*) $(ARGS)

test-chapter-%: configure
	@$(call build_learner,$*,test_chapter_$(call two,$*))
	@$(VERSE) check $* --build-dir $(BUILD) $(ARGS)

solution-%: configure
	@$(call build_targets,solution_$(call two,$*))
	@$(BUILD)/solution_$(call two,$*) $(ARGS)

test-solution-%: configure
	@$(call build_targets,test_solution_$(call two,$*))
	@$(BUILD)/test_solution_$(call two,$*) $(ARGS)

hint-%: verse-built
	@$(VERSE) hint $*

solve-%: verse-built
	@$(VERSE) solve $*

reset-%: verse-built
	@$(VERSE) reset $*

restore-%: verse-built
	@$(VERSE) restore $*

start-%: verse-built
	@$(VERSE) start $*

.PHONY: reset update
reset: verse-built
	@$(VERSE) reset --all

# The course of today brings its own `verse`, which then merges.
update: verse-built
	@$(VERSE) update --fetch
	@$(MAKE) verse-built
	@$(VERSE) update

ANSWER :=
predict-%: verse-built
	@$(VERSE) predict $* $(ANSWER)

watch-%: configure
	@ls chapters/$(call two,$*)_*/*.cpp | entr -c $(MAKE) test-chapter-$*

# A class: what one learner has done and hands in, and what a teacher does with it.
NAME :=
PACKS :=
CHAPTERS := $(plain_numbers)
$(if $(filter grade,$(MAKECMDGOALS)),$(foreach one,$(CHAPTERS),$(call check_chapter,$(one))))
.PHONY: report handin grade
report handin: verse-built
	@$(VERSE) $@ $(if $(NAME),--name "$(NAME)") $(ARGS)

grade: configure
	@[ -n "$(PACKS)" ] || { echo 'PACKS=... says which packs: a folder of them, or several' >&2; exit 2; }
	@$(call build_targets,verse $(foreach n,$(CHAPTERS),test_chapter_$(call two,$(n))))
	@$(VERSE) grade $(PACKS) --build-dir $(BUILD) --chapters $(subst $(space),$(comma),$(strip $(CHAPTERS))) $(ARGS)

.PHONY: progress stubs
progress: verse-built
	@$(VERSE) progress

stubs: verse-built
	@$(VERSE) stubs

# --- Tests, book, figures ---------------------------------------------------------------------------------------------

.PHONY: test test-interop book figures bench format
test: build
	@tests/run $(BUILD)

# YOURS=1: the programs that a learner's files make, instead of the reference's.
YOURS :=
test-interop: $(if $(YOURS),configure,build)
ifdef YOURS
	@$(foreach n,9 10 12,$(call build_learner,$(n),chapter_$(call two,$(n))) && ) true
endif
	@tests/interop/run $(BUILD) $(if $(YOURS),chapter,solution)

# Builds with sanitizers, in the presets `sanitize` and `sanitize-threads`. LibTorch itself is not built with them; see tests/sanitized.
SECONDS_EACH := 10
sanitize = for preset in $(1); do mkdir -p build/$$preset && { [ -e build/$$preset/build.ninja ] || { echo "Configuring build/$$preset" >&2; \
  cmake --preset $$preset $${LIBTORCH:+-DLIBTORCH=$$LIBTORCH} >build/$$preset/configure.log 2>&1 || { cat build/$$preset/configure.log >&2; exit 1; }; }; }; done
# The chapters whose tests and known mistakes run under them: those that read the most, or those that CHAPTERS names.
sanitized = $(foreach n,$(if $(findstring command,$(origin CHAPTERS)),$(CHAPTERS),0 1 10 12),$(call two,$(n)))
.PHONY: fuzz test-sanitized
fuzz: setup
	@$(call sanitize,sanitize)
	@cmake/build --build-dir build/sanitize fuzz_base fuzz_model
	@tests/fuzz/run build/sanitize $(SECONDS_EACH) $(ARGS)

test-sanitized: setup
	@$(call sanitize,sanitize sanitize-threads)
	@cmake/build --build-dir build/sanitize-threads harness_test
	@cmake/build --build-dir build/sanitize test_common harness_test test_seeds_base test_seeds_model verse gpt $(sanitized:%=test_solution_%)
	@tests/sanitized build/sanitize build/sanitize-threads $(sanitized)

# Loops over float32 become vector instructions, which differ by processor (common/vector_loops.h); here, as one without any has them.
.PHONY: test-plain-loops test-aarch64
vector_loop_tests := "--gtest_filter=FastGelu.*:FastGPT.*:FastDropout.*:AttendDropping.*:ProjectRows.*:Decoder.*:GenerateTogether.*"
test-plain-loops: setup
	@mkdir -p build/plain-loops; [ -e build/plain-loops/build.ninja ] || { echo "Configuring build/plain-loops" >&2; \
	  cmake --preset plain-loops $${LIBTORCH:+-DLIBTORCH=$$LIBTORCH} >build/plain-loops/configure.log 2>&1 || { cat build/plain-loops/configure.log >&2; exit 1; }; }
	@cmake/build --build-dir build/plain-loops test_vector_loops
	@build/plain-loops/test_vector_loops --gtest_brief=1 $(vector_loop_tests)

# Linux on aarch64, compiled here and run under qemu: needs Debian or Ubuntu, 4 GB of disk, and the package qemu-user.
test-aarch64: configure
	@tests/aarch64/prepare
	@[ -e build-aarch64/build.ninja ] || { echo "Configuring build-aarch64" >&2; \
	  cmake --preset aarch64 >build-aarch64/configure.log 2>&1 || { cat build-aarch64/configure.log >&2; exit 1; }; }
	@cmake/build --build-dir build-aarch64 $(foreach n,00 01 02 03 04 05,test_solution_$(n)) test_vector_loops gpt write_play
	@$(call build_targets,write_play)
	@tests/aarch64/run $(BUILD) $(vector_loop_tests)

# What takes long of the tests that draw, cut and wait; `make test` takes a share of most.
.PHONY: test-long
test-long: configure
	@$(call build_targets,gpt cut_short)
	@export OMP_NUM_THREADS=1; failed=0; \
	VERSE_LINES=500 /usr/bin/python3 tests/12_full_gpt/hostile_test.py $(BUILD)/gpt || failed=1; \
	VERSE_CUTS=1 VERSE_FIRST=1 VERSE_KILLS=200 /usr/bin/python3 tests/12_full_gpt/cut_short_test.py $(BUILD)/gpt || failed=1; \
	VERSE_STEPS=20000 /usr/bin/python3 tests/12_full_gpt/long_run.py $(BUILD)/gpt || failed=1; \
	VERSE_LARGE=2000 VERSE_PROMPTS=100000 /usr/bin/python3 tests/12_full_gpt/strangers_test.py $(BUILD)/gpt \
	  Strangers.test_a_large_text_takes_a_few_times_its_bytes Strangers.test_many_prompts || failed=1; exit $$failed

NANOGPT ?=
PYTHON ?= python3
.PHONY: test-gpu gpu-kit
test-gpu: build
	@$(call build_targets,speed_check)
	@/usr/bin/python3 tests/gpu/run.py --programs $(BUILD) --out $(BUILD)/gpu --python "$(PYTHON)" \
	  $(if $(NANOGPT),--nanogpt "$(NANOGPT)") $${LIBTORCH:+--libtorch "$$LIBTORCH"} $(ARGS)

gpu-kit: build
	@$(call build_targets,write_play speed_check)
	@tests/gpu/pack $(BUILD)

book: setup
	@book/build

.PHONY: readmes epub results results-check
readmes: setup
	@book/build --readmes

epub: setup
	@book/build --epub

# What the book's numbers come from: runs that book/results/runs.toml lists, recorded beside it.
RECORD := /usr/bin/python3 -B book/tools/record.py
results: build
	@$(RECORD) run

results-check:
	@$(RECORD) check $(ARGS)

results-%: configure
	@$(call build_targets,$$($(RECORD) targets $*))
	@$(RECORD) run $*

figures: configure
	@$(call build_targets,draw_recorded gpt)
	@book/figures/draw

bench: build
	@tests/benchmarks/run $(BUILD)

# Several hosts, as network namespaces of this machine; root, with ip and tc.
.PHONY: hosts-demo
hosts-demo: configure
	@$(call build_targets,gpt draw_recorded)
	@tests/benchmarks/hosts_demo.py $(BUILD) $(ARGS)

# All code but the learner's files, which are cut out of solutions/ and hold stubs.
own_code = git ls-files --cached --others --exclude-standard '*.h' '*.cpp' | \
  while read -r file; do [ -e "$${file/\#chapters/solutions}" ] && [ "$${file\#chapters/}" != "$$file" ] || echo "$$file"; done
.PHONY: check-format
format:
	@$(own_code) | xargs clang-format -i

check-format:
	@$(own_code) | xargs clang-format --dry-run -Werror
